//! The capabilities, and sets of them.
//!
//! A capability is a word of the language: what belongs to it is read only from a client to which it is offered (see
//! [`super::dialect`]). Which are offered to whom is not known here.

macro_rules! capabilities {
    ($($capability:ident = $name:literal),* $(,)?) => {
        /// A capability by its name, without the value that some carry.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[allow(missing_docs, reason = "each is the RFC's word")]
        pub enum Capability { $($capability),* }

        impl Capability {
            /// All capabilities, in the order in which they are announced.
            pub const ALL: &'static [Self] = &[$(Self::$capability),*];

            /// The name as the RFCs write it.
            pub fn name(self) -> &'static str {
                match self { $(Self::$capability => $name),* }
            }
        }
    };
}

// `IMAP4rev1` stands first: some clients look nowhere else.
capabilities! {
    Imap4Rev1 = "IMAP4rev1",
    Imap4Rev2 = "IMAP4rev2",
    LiteralPlus = "LITERAL+",
    LiteralMinus = "LITERAL-",
    SaslIr = "SASL-IR",
    Id = "ID",
    Enable = "ENABLE",
    Idle = "IDLE",
    Namespace = "NAMESPACE",
    Children = "CHILDREN",
    Unselect = "UNSELECT",
    UidPlus = "UIDPLUS",
    MultiAppend = "MULTIAPPEND",
    Move = "MOVE",
    CondStore = "CONDSTORE",
    QResync = "QRESYNC",
    ESearch = "ESEARCH",
    SearchRes = "SEARCHRES",
    MultiSearch = "MULTISEARCH",
    Partial = "PARTIAL",
    Within = "WITHIN",
    SearchFuzzy = "SEARCH=FUZZY",
    ContextSearch = "CONTEXT=SEARCH",
    ContextSort = "CONTEXT=SORT",
    Sort = "SORT",
    SortDisplay = "SORT=DISPLAY",
    ESort = "ESORT",
    ThreadReferences = "THREAD=REFERENCES",
    ThreadOrderedSubject = "THREAD=ORDEREDSUBJECT",
    I18nLevel1 = "I18NLEVEL=1",
    ListExtended = "LIST-EXTENDED",
    ListStatus = "LIST-STATUS",
    ListMyRights = "LIST-MYRIGHTS",
    ListMetadata = "LIST-METADATA",
    StatusSize = "STATUS=SIZE",
    SpecialUse = "SPECIAL-USE",
    CreateSpecialUse = "CREATE-SPECIAL-USE",
    AppendLimit = "APPENDLIMIT",
    Binary = "BINARY",
    Catenate = "CATENATE",
    Replace = "REPLACE",
    UidOnly = "UIDONLY",
    ObjectId = "OBJECTID",
    SaveDate = "SAVEDATE",
    Preview = "PREVIEW",
    Metadata = "METADATA",
    Acl = "ACL",
    Rights = "RIGHTS",
    Quota = "QUOTA",
    QuotaStorage = "QUOTA=RES-STORAGE",
    QuotaMessage = "QUOTA=RES-MESSAGE",
    QuotaSet = "QUOTASET",
    Notify = "NOTIFY",
    Utf8Accept = "UTF8=ACCEPT",
    Compress = "COMPRESS=DEFLATE",
    InProgress = "INPROGRESS",
    Unauthenticate = "UNAUTHENTICATE",
}

/// A set of capabilities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities(u128);

impl Capabilities {
    /// None.
    pub const NONE: Self = Self(0);
    /// Every one that has a name here.
    pub const ALL: Self = Self((1 << Capability::ALL.len()) - 1);

    /// Whether `capability` is in the set.
    pub fn contains(self, capability: Capability) -> bool {
        self.0 >> capability as u32 & 1 == 1
    }

    /// The set without `capability`.
    pub fn without(self, capability: Capability) -> Self {
        Self(self.0 & !(1 << capability as u32))
    }

    /// Those in the set, in the order in which they are announced.
    pub fn iter(self) -> impl Iterator<Item = Capability> {
        let all = Capability::ALL.iter().copied();
        all.filter(move |&capability| self.contains(capability))
    }
}

impl FromIterator<Capability> for Capabilities {
    fn from_iter<I: IntoIterator<Item = Capability>>(capabilities: I) -> Self {
        let bits = capabilities
            .into_iter()
            .map(|capability| 1 << capability as u32);
        Self(bits.fold(0, |set, bit: u128| set | bit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_what_it_was_made_of() {
        let set: Capabilities = [Capability::Move, Capability::Idle].into_iter().collect();
        let names: Vec<_> = set.iter().map(Capability::name).collect();
        assert_eq!(names, ["IDLE", "MOVE"]);
        assert!(!set.without(Capability::Move).contains(Capability::Move));
        assert_eq!(Capabilities::ALL.iter().count(), Capability::ALL.len());
        assert_eq!(Capabilities::NONE.iter().count(), 0);
    }
}

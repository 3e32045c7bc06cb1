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

/// Extensions that are a part of IMAP4rev2 (RFC 9051, Appendix E): a client that has enabled it may use them whether
/// they are announced or not. LIST with several patterns is not one (Appendix C), and LIST-EXTENDED stands for the rest.
const PART_OF_REV2: [Capability; 16] = [
    Capability::LiteralMinus,
    Capability::SaslIr,
    Capability::Enable,
    Capability::Idle,
    Capability::Namespace,
    Capability::Children,
    Capability::Unselect,
    Capability::UidPlus,
    Capability::Move,
    Capability::ESearch,
    Capability::SearchRes,
    Capability::ListExtended,
    Capability::ListStatus,
    Capability::StatusSize,
    Capability::SpecialUse,
    Capability::Imap4Rev2,
];

/// What needs something else: where that is hidden, it cannot be offered either.
const NEEDS: [(Capability, Capability); 19] = [
    (Capability::QResync, Capability::CondStore),
    (Capability::QResync, Capability::Enable),
    (Capability::Utf8Accept, Capability::Enable),
    (Capability::UidOnly, Capability::Enable),
    (Capability::Imap4Rev2, Capability::Enable),
    (Capability::ListStatus, Capability::ListExtended),
    (Capability::ListMyRights, Capability::ListExtended),
    (Capability::ListMyRights, Capability::Acl),
    (Capability::ListMetadata, Capability::ListExtended),
    (Capability::ListMetadata, Capability::Metadata),
    (Capability::Rights, Capability::Acl),
    (Capability::QuotaStorage, Capability::Quota),
    (Capability::QuotaMessage, Capability::Quota),
    (Capability::QuotaSet, Capability::Quota),
    (Capability::SortDisplay, Capability::Sort),
    (Capability::ESort, Capability::Sort),
    (Capability::ContextSearch, Capability::ESearch),
    (Capability::ContextSort, Capability::ESort),
    (Capability::MultiSearch, Capability::ESearch),
];

/// A set of capabilities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities(u128);

impl Capabilities {
    /// None.
    pub const NONE: Self = Self(0);
    /// Every one that has a name here.
    pub const ALL: Self = Self((1 << Capability::ALL.len()) - 1);

    /// What a client that has enabled IMAP4rev2 may use, announced or not.
    pub fn part_of_rev2() -> Self {
        PART_OF_REV2.into_iter().collect()
    }

    /// The set without what needs something that is not in it.
    pub fn self_sufficient(self) -> Self {
        // Once for each step of the longest chain of needs.
        (0..2).fold(self, |set, _| {
            let lacking = NEEDS.iter().filter(|(_, needed)| !set.contains(*needed));
            lacking.fold(set, |set, (needy, _)| set.without(*needy))
        })
    }

    /// Whether `capability` is in the set.
    pub fn contains(self, capability: Capability) -> bool {
        self.0 >> capability as u32 & 1 == 1
    }

    /// The set without `capability`.
    pub fn without(self, capability: Capability) -> Self {
        Self(self.0 & !(1 << capability as u32))
    }

    /// The set with those of `others` too.
    pub const fn with(self, others: Self) -> Self {
        Self(self.0 | others.0)
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

    #[test]
    fn what_needs_something_hidden_is_hidden_too() {
        let set = Capabilities::ALL
            .without(Capability::Enable)
            .without(Capability::Sort)
            .self_sufficient();
        for gone in [
            Capability::QResync,
            Capability::Imap4Rev2,
            Capability::ESort,
            Capability::ContextSort,
        ] {
            assert!(!set.contains(gone), "{}", gone.name());
        }
        assert!(set.contains(Capability::CondStore));
        assert_eq!(Capabilities::ALL.self_sufficient(), Capabilities::ALL);
    }
}

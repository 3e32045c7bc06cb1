//! The names of the commands.
//!
//! A [`Verb`] is known before the arguments of a command are read, so that a command may be refused for the state of the
//! session whatever its arguments are. What a verb needs is told by `session::table`.

use super::cursor::{Cursor, Malformed, Parsed};

macro_rules! verbs {
    ($($verb:ident = $name:literal),* $(,)?) => {
        /// A command's name; the UID forms are commands of their own (RFC 3501 §7.4.1).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[allow(missing_docs, reason = "each is the RFC's word")]
        pub enum Verb { $($verb),* }

        impl Verb {
            /// All verbs.
            pub const ALL: &'static [Self] = &[$(Self::$verb),*];

            /// The name as the RFCs write it.
            pub fn name(self) -> &'static str {
                match self { $(Self::$verb => $name),* }
            }
        }
    };
}

verbs! {
    Capability = "CAPABILITY",
    Noop = "NOOP",
    Logout = "LOGOUT",
    StartTls = "STARTTLS",
    Authenticate = "AUTHENTICATE",
    Login = "LOGIN",
    Unauthenticate = "UNAUTHENTICATE",
    Id = "ID",
    Enable = "ENABLE",
    Select = "SELECT",
    Examine = "EXAMINE",
    Create = "CREATE",
    Delete = "DELETE",
    Rename = "RENAME",
    Subscribe = "SUBSCRIBE",
    Unsubscribe = "UNSUBSCRIBE",
    List = "LIST",
    Lsub = "LSUB",
    Status = "STATUS",
    Append = "APPEND",
    Namespace = "NAMESPACE",
    GetAcl = "GETACL",
    SetAcl = "SETACL",
    DeleteAcl = "DELETEACL",
    ListRights = "LISTRIGHTS",
    MyRights = "MYRIGHTS",
    GetQuota = "GETQUOTA",
    GetQuotaRoot = "GETQUOTAROOT",
    SetQuota = "SETQUOTA",
    GetMetadata = "GETMETADATA",
    SetMetadata = "SETMETADATA",
    Notify = "NOTIFY",
    Idle = "IDLE",
    Check = "CHECK",
    Close = "CLOSE",
    Unselect = "UNSELECT",
    Expunge = "EXPUNGE",
    Search = "SEARCH",
    ESearch = "ESEARCH",
    Sort = "SORT",
    Thread = "THREAD",
    CancelUpdate = "CANCELUPDATE",
    Fetch = "FETCH",
    Store = "STORE",
    Copy = "COPY",
    Move = "MOVE",
    Replace = "REPLACE",
    Compress = "COMPRESS",
    UidExpunge = "UID EXPUNGE",
    UidSearch = "UID SEARCH",
    UidSort = "UID SORT",
    UidThread = "UID THREAD",
    UidFetch = "UID FETCH",
    UidStore = "UID STORE",
    UidCopy = "UID COPY",
    UidMove = "UID MOVE",
    UidReplace = "UID REPLACE",
}

impl Verb {
    /// Reads a command's name, two words for the UID commands.
    pub fn parse(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        let mut name = cursor.keyword("a command")?;
        if name == "UID" {
            cursor.space()?;
            name = format!("UID {}", cursor.keyword("a command after UID")?);
        }
        Self::ALL
            .iter()
            .copied()
            .find(|verb| verb.name() == name)
            .ok_or(Malformed::UnknownCommand)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verbs_are_read_in_any_case() {
        assert_eq!(
            Verb::parse(&mut Cursor::new(b"uid fetch 1 FLAGS")),
            Ok(Verb::UidFetch)
        );
        assert_eq!(Verb::parse(&mut Cursor::new(b"NoOp")), Ok(Verb::Noop));
        assert_eq!(
            Verb::parse(&mut Cursor::new(b"UID NOOP")),
            Err(Malformed::UnknownCommand)
        );
        assert_eq!(
            Verb::parse(&mut Cursor::new(b"XYZZY")),
            Err(Malformed::UnknownCommand)
        );
    }
}

//! Access control lists (RFC 4314 §3, §7): the five commands and their responses.
//!
//! Rights and identifiers are words here; what they mean is the session's business.

use super::cursor::{Cursor, Malformed, Parsed};
use super::dialect::Dialect;
use super::verb::Verb;
use super::{mailbox, quote};

/// One of the commands on access control lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Acl {
    /// GETACL
    Get {
        /// The mailbox.
        mailbox: String,
    },
    /// SETACL
    Set {
        /// The mailbox.
        mailbox: String,
        /// Whose rights.
        identifier: String,
        /// What becomes of them.
        change: Change,
        /// The letters.
        rights: String,
    },
    /// DELETEACL
    Delete {
        /// The mailbox.
        mailbox: String,
        /// Whose rights.
        identifier: String,
    },
    /// LISTRIGHTS
    ListRights {
        /// The mailbox.
        mailbox: String,
        /// Whose rights.
        identifier: String,
    },
    /// MYRIGHTS
    MyRights {
        /// The mailbox.
        mailbox: String,
    },
}

/// What SETACL does with the rights that are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Without a sign.
    Replace,
    /// `+`
    Add,
    /// `-`
    Remove,
}

impl Acl {
    /// Reads the arguments of `verb`.
    pub fn parse(verb: Verb, cursor: &mut Cursor<'_>) -> Parsed<Self> {
        let mailbox = mailbox::parse(cursor)?;
        match verb {
            Verb::GetAcl => return Ok(Self::Get { mailbox }),
            Verb::MyRights => return Ok(Self::MyRights { mailbox }),
            _ => cursor.space()?,
        }
        let identifier = cursor.text("an identifier")?;
        match verb {
            Verb::DeleteAcl => Ok(Self::Delete {
                mailbox,
                identifier,
            }),
            Verb::ListRights => Ok(Self::ListRights {
                mailbox,
                identifier,
            }),
            Verb::SetAcl => {
                cursor.space()?;
                let (change, rights) = parse_modification(&cursor.text("rights")?);
                Ok(Self::Set {
                    mailbox,
                    identifier,
                    change,
                    rights,
                })
            }
            _ => Err(Malformed::UnknownCommand),
        }
    }
}

fn parse_modification(text: &str) -> (Change, String) {
    if let Some(rights) = text.strip_prefix('+') {
        (Change::Add, rights.to_owned())
    } else if let Some(rights) = text.strip_prefix('-') {
        (Change::Remove, rights.to_owned())
    } else {
        (Change::Replace, text.to_owned())
    }
}

/// What is told of a mailbox's access control list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AclData {
    /// `* ACL`: identifiers and their rights.
    Acl(Vec<(String, String)>),
    /// `* LISTRIGHTS`
    ListRights {
        /// As the client wrote it.
        identifier: String,
        /// Rights that the identifier always has.
        always: String,
        /// Rights that can be granted, those together that come together.
        grantable: Vec<String>,
    },
    /// `* MYRIGHTS`
    MyRights(String),
}

impl AclData {
    /// Writes everything after `* `.
    pub fn encode(&self, name: &str, dialect: Dialect, into: &mut Vec<u8>) {
        let (word, strings) = self.parts();
        into.extend_from_slice(word);
        mailbox::encode(name, dialect, into);
        for string in strings {
            into.push(b' ');
            quote::astring(string.as_bytes(), into);
        }
    }

    fn parts(&self) -> (&'static [u8], Vec<&str>) {
        match self {
            Self::Acl(entries) => {
                let strings = entries
                    .iter()
                    .flat_map(|(identifier, rights)| [identifier.as_str(), rights.as_str()]);
                (b"ACL ", strings.collect())
            }
            Self::ListRights {
                identifier,
                always,
                grantable,
            } => {
                let mut strings = vec![identifier.as_str(), always.as_str()];
                strings.extend(grantable.iter().map(String::as_str));
                (b"LISTRIGHTS ", strings)
            }
            Self::MyRights(rights) => (b"MYRIGHTS ", vec![rights]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(verb: Verb, text: &str) -> Parsed<Acl> {
        let mut cursor = Cursor::new(text.as_bytes());
        let acl = Acl::parse(verb, &mut cursor)?;
        cursor.end()?;
        Ok(acl)
    }

    #[test]
    fn commands_of_the_rfc_are_understood() {
        assert_eq!(
            parse(Verb::SetAcl, "INBOX/Drafts Chris +cda"),
            Ok(Acl::Set {
                mailbox: "INBOX/Drafts".into(),
                identifier: "Chris".into(),
                change: Change::Add,
                rights: "cda".into()
            })
        );
        assert!(parse(Verb::GetAcl, "INBOX").is_ok());
        assert!(parse(Verb::DeleteAcl, "INBOX Fred").is_ok());
        assert!(parse(Verb::ListRights, "~/Mail/saved smith").is_ok());
        assert!(parse(Verb::MyRights, "INBOX").is_ok());
        assert!(parse(Verb::SetAcl, "INBOX Fred").is_err());
        assert!(parse(Verb::GetAcl, "INBOX Fred").is_err());
        assert!(matches!(
            parse(Verb::SetAcl, "INBOX Fred \"\""),
            Ok(Acl::Set { rights, .. }) if rights.is_empty()
        ));
    }

    #[test]
    fn responses_look_as_in_the_rfc() {
        let line = |data: AclData, name: &str| {
            let mut out = Vec::new();
            data.encode(name, Dialect::default(), &mut out);
            String::from_utf8(out).unwrap()
        };
        let entries = [("Fred", "rwipslxetad"), ("-Fred", "wetd"), ("$team", "w")];
        let entries = entries.map(|(who, what)| (who.to_owned(), what.to_owned()));
        assert_eq!(
            line(AclData::Acl(entries.to_vec()), "INBOX"),
            "ACL INBOX Fred rwipslxetad -Fred wetd $team w"
        );
        let rights = AclData::ListRights {
            identifier: "anyone".into(),
            always: String::new(),
            grantable: vec!["l".into(), "r".into()],
        };
        assert_eq!(
            line(rights, "archive/imap"),
            "LISTRIGHTS archive/imap anyone \"\" l r"
        );
        assert_eq!(
            line(AclData::MyRights("rwis".into()), "Entwürfe"),
            "MYRIGHTS Entw&APw-rfe rwis"
        );
    }
}

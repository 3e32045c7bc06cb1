//! Quotas (RFC 9208 §4, §7): the three commands and their responses.

use super::cursor::{Cursor, Malformed, Parsed};
use super::dialect::Dialect;
use super::verb::Verb;
use super::{mailbox, quote};

/// Most resources in one SETQUOTA; there are fewer kinds, but a client may repeat one.
const RESOURCES_MAX: usize = 64;

/// One of the commands on quotas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Quota {
    /// GETQUOTA, of a root.
    Get(String),
    /// GETQUOTAROOT, of a mailbox.
    GetRoot(String),
    /// SETQUOTA
    Set {
        /// Of which root.
        root: String,
        /// Resources in capital letters, and their limits.
        limits: Vec<(String, u64)>,
    },
}

impl Quota {
    /// Reads the arguments of `verb`.
    pub fn parse(verb: Verb, cursor: &mut Cursor<'_>) -> Parsed<Self> {
        match verb {
            Verb::GetQuota => cursor.text("a quota root").map(Self::Get),
            Verb::GetQuotaRoot => mailbox::parse(cursor).map(Self::GetRoot),
            Verb::SetQuota => {
                let root = cursor.text("a quota root")?;
                cursor.space()?;
                let limits = cursor.list_or_empty(parse_limit)?;
                if limits.len() > RESOURCES_MAX {
                    return Err(Malformed::TooMany("resources"));
                }
                Ok(Self::Set { root, limits })
            }
            _ => Err(Malformed::UnknownCommand),
        }
    }
}

fn parse_limit(cursor: &mut Cursor<'_>) -> Parsed<(String, u64)> {
    let resource = cursor.keyword("a resource")?;
    cursor.space()?;
    Ok((resource, cursor.number64()?))
}

/// What is told of quotas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QuotaData {
    /// `* QUOTA`
    Quota {
        /// Of which root.
        root: String,
        /// Limited resources, at least one, with use and limit.
        resources: Vec<(&'static str, u64, u64)>,
    },
    /// `* QUOTAROOT`
    Root {
        /// Of which mailbox.
        mailbox: String,
        /// Its one root, if it has one.
        root: Option<String>,
    },
}

impl QuotaData {
    /// Writes everything after `* `.
    pub fn encode(&self, dialect: Dialect, into: &mut Vec<u8>) {
        match self {
            Self::Quota { root, resources } => {
                into.extend_from_slice(b"QUOTA ");
                quote::astring(root.as_bytes(), into);
                let resources = resources
                    .iter()
                    .map(|(name, used, limit)| format!("{name} {used} {limit}"));
                let list = resources.collect::<Vec<_>>().join(" ");
                into.extend_from_slice(format!(" ({list})").as_bytes());
            }
            Self::Root { mailbox, root } => {
                into.extend_from_slice(b"QUOTAROOT ");
                mailbox::encode(mailbox, dialect, into);
                if let Some(root) = root {
                    into.push(b' ');
                    quote::astring(root.as_bytes(), into);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(verb: Verb, text: &str) -> Parsed<Quota> {
        let mut cursor = Cursor::new(text.as_bytes());
        let quota = Quota::parse(verb, &mut cursor)?;
        cursor.end()?;
        Ok(quota)
    }

    #[test]
    fn commands_of_the_rfc_are_understood() {
        assert_eq!(
            parse(Verb::GetQuota, "\"!partition/sda4\""),
            Ok(Quota::Get("!partition/sda4".into()))
        );
        assert_eq!(
            parse(Verb::SetQuota, "\"#user/alice\" (STORAGE 510)"),
            Ok(Quota::Set {
                root: "#user/alice".into(),
                limits: vec![("STORAGE".into(), 510)]
            })
        );
        assert!(parse(Verb::GetQuotaRoot, "INBOX").is_ok());
        assert!(parse(Verb::SetQuota, "\"\" ()").is_ok());
        assert!(parse(Verb::SetQuota, "\"\" (STORAGE)").is_err());
        assert!(parse(Verb::SetQuota, "\"\" (STORAGE -1)").is_err());
        assert!(parse(Verb::SetQuota, "\"\" (STORAGE 9223372036854775808)").is_err());
    }

    #[test]
    fn responses_look_as_in_the_rfc() {
        let line = |data: QuotaData| {
            let mut out = Vec::new();
            data.encode(Dialect::default(), &mut out);
            String::from_utf8(out).unwrap()
        };
        let quota = |resources: &[(&'static str, u64, u64)]| QuotaData::Quota {
            root: "#user/alice".into(),
            resources: resources.to_vec(),
        };
        assert_eq!(
            line(quota(&[("STORAGE", 54, 111), ("MESSAGE", 42, 1000)])),
            "QUOTA #user/alice (STORAGE 54 111 MESSAGE 42 1000)"
        );
        let root = |root: Option<&str>| QuotaData::Root {
            mailbox: "INBOX".into(),
            root: root.map(str::to_owned),
        };
        assert_eq!(line(root(None)), "QUOTAROOT INBOX");
        let named = root(Some("#user/alice"));
        assert_eq!(line(named), "QUOTAROOT INBOX #user/alice");
    }
}

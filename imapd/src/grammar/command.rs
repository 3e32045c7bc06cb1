//! One complete command, typed.
//!
//! [`Request::parse`] reads tag and verb, [`Command::parse`] the arguments: the session looks at the verb in between.
//! Whether a command is allowed, and what it does, is not known here. APPEND is read by [`super::append`].

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use daemon::secret::Secret;

use super::acl::Acl;
use super::capability::Capability;
use super::cursor::{Cursor, Malformed, Parsed};
use super::dialect::Dialect;
use super::fetch::Fetch;
use super::list::List;
use super::mailbox;
use super::metadata::Metadata;
use super::notify::Notify;
use super::quota::Quota;
use super::search::{MultiSearch, Search};
use super::select::Select;
use super::sequence::SequenceSet;
use super::sort::Sort;
use super::status::StatusItem;
use super::store::{Operation, Store};
use super::thread::Thread;
use super::verb::Verb;

/// Most fields in ID (RFC 2971 §3.3 allows 30).
const ID_FIELDS_MAX: usize = 30;
/// Most tags in one CANCELUPDATE.
const TAGS_MAX: usize = 1_000;
/// Most capabilities in one ENABLE.
const ENABLE_MAX: usize = 100;

/// What the numbers of a command mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Numbering {
    /// Message sequence numbers.
    Sequence,
    /// Unique identifiers.
    Uid,
}

/// The special uses that CREATE may ask for (RFC 6154 §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// `\All`
    All,
    /// `\Archive`
    Archive,
    /// `\Drafts`
    Drafts,
    /// `\Flagged`
    Flagged,
    /// `\Junk`
    Junk,
    /// `\Sent`
    Sent,
    /// `\Trash`
    Trash,
    /// An attribute that this server does not know.
    Unknown,
}

/// A command, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "fields are the RFC's words")]
pub enum Command {
    /// CAPABILITY
    Capability,
    /// NOOP
    Noop,
    /// LOGOUT
    Logout,
    /// STARTTLS
    StartTls,
    /// AUTHENTICATE, with the decoded initial response if one came (RFC 4959).
    Authenticate {
        mechanism: String,
        initial: Option<Vec<u8>>,
    },
    /// LOGIN
    Login { user: Vec<u8>, password: Secret },
    /// UNAUTHENTICATE (RFC 8437)
    Unauthenticate,
    /// ID (RFC 2971)
    Id(Vec<(String, Option<String>)>),
    /// ENABLE (RFC 5161), in capital letters.
    Enable(Vec<String>),
    /// SELECT
    Select(Select),
    /// EXAMINE
    Examine(Select),
    /// CREATE
    Create { mailbox: String, uses: Vec<Use> },
    /// DELETE
    Delete(String),
    /// RENAME
    Rename { from: String, to: String },
    /// SUBSCRIBE
    Subscribe(String),
    /// UNSUBSCRIBE
    Unsubscribe(String),
    /// LIST
    List(List),
    /// LSUB
    Lsub { reference: String, pattern: String },
    /// STATUS
    Status {
        mailbox: String,
        items: Vec<StatusItem>,
    },
    /// NAMESPACE (RFC 2342)
    Namespace,
    /// GETACL, SETACL, DELETEACL, LISTRIGHTS, MYRIGHTS (RFC 4314)
    Acl(Acl),
    /// GETQUOTA, GETQUOTAROOT, SETQUOTA (RFC 9208)
    Quota(Quota),
    /// GETMETADATA, SETMETADATA (RFC 5464)
    Metadata(Metadata),
    /// NOTIFY (RFC 5465)
    Notify(Notify),
    /// IDLE (RFC 2177)
    Idle,
    /// COMPRESS DEFLATE (RFC 4978)
    Compress,
    /// CHECK
    Check,
    /// CLOSE
    Close,
    /// UNSELECT (RFC 3691)
    Unselect,
    /// EXPUNGE, or UID EXPUNGE with its set (RFC 4315).
    Expunge(Option<SequenceSet>),
    /// SEARCH
    Search(Numbering, Search),
    /// ESEARCH (RFC 7377)
    MultiSearch(MultiSearch),
    /// SORT (RFC 5256)
    Sort(Numbering, Sort),
    /// THREAD (RFC 5256)
    Thread(Numbering, Thread),
    /// CANCELUPDATE (RFC 5267 §4.3.5), with tags.
    CancelUpdate(Vec<String>),
    /// FETCH
    Fetch(Numbering, SequenceSet, Fetch),
    /// STORE
    Store(Numbering, SequenceSet, Store),
    /// COPY
    Copy(Numbering, SequenceSet, String),
    /// MOVE (RFC 6851)
    Move(Numbering, SequenceSet, String),
}

/// The beginning of a command.
#[derive(Debug)]
pub struct Request<'a> {
    /// What the client calls this command.
    pub tag: String,
    /// Its name, if it is one.
    pub verb: Parsed<Verb>,
    /// The arguments, unread.
    pub arguments: Cursor<'a>,
}

impl<'a> Request<'a> {
    /// Reads tag and verb. An error is the lack of a tag: then the reply has none either.
    pub fn parse(input: &'a [u8], dialect: Dialect) -> Parsed<Self> {
        let mut cursor = Cursor::speaking(input, dialect);
        let tag = cursor.tag()?.to_owned();
        let verb = cursor.space().and_then(|()| Verb::parse(&mut cursor));
        Ok(Self {
            tag,
            verb,
            arguments: cursor,
        })
    }
}

impl Command {
    /// Reads the arguments of `verb`, to the end of the command.
    pub fn parse(verb: Verb, cursor: &mut Cursor<'_>) -> Parsed<Self> {
        let command = Self::parse_arguments(verb, cursor)?;
        cursor.end()?;
        Ok(command)
    }

    fn parse_arguments(verb: Verb, cursor: &mut Cursor<'_>) -> Parsed<Self> {
        match verb {
            Verb::Capability => return Ok(Self::Capability),
            Verb::Noop => return Ok(Self::Noop),
            Verb::Logout => return Ok(Self::Logout),
            Verb::StartTls => return Ok(Self::StartTls),
            Verb::Unauthenticate => return Ok(Self::Unauthenticate),
            Verb::Namespace => return Ok(Self::Namespace),
            Verb::Idle => return Ok(Self::Idle),
            Verb::Check => return Ok(Self::Check),
            Verb::Close => return Ok(Self::Close),
            Verb::Unselect => return Ok(Self::Unselect),
            Verb::Expunge => return Ok(Self::Expunge(None)),
            _ => cursor.space()?,
        }
        match verb {
            Verb::Authenticate => parse_authenticate(cursor),
            Verb::Login => parse_login(cursor),
            Verb::Id => parse_id(cursor).map(Self::Id),
            Verb::Compress => parse_compress(cursor),
            Verb::Enable => parse_enable(cursor).map(Self::Enable),
            Verb::List => List::parse(cursor).map(Self::List),
            Verb::Lsub => parse_lsub(cursor),
            Verb::Notify => Notify::parse(cursor).map(Self::Notify),
            Verb::GetAcl | Verb::SetAcl | Verb::DeleteAcl | Verb::ListRights | Verb::MyRights => {
                Acl::parse(verb, cursor).map(Self::Acl)
            }
            Verb::GetQuota | Verb::GetQuotaRoot | Verb::SetQuota => {
                Quota::parse(verb, cursor).map(Self::Quota)
            }
            Verb::GetMetadata | Verb::SetMetadata => {
                Metadata::parse(verb, cursor).map(Self::Metadata)
            }
            _ => Self::parse_with_mailbox_or_set(verb, cursor),
        }
    }

    fn parse_with_mailbox_or_set(verb: Verb, cursor: &mut Cursor<'_>) -> Parsed<Self> {
        use Numbering::{Sequence, Uid};
        match verb {
            Verb::Select => Select::parse(cursor).map(Self::Select),
            Verb::Examine => Select::parse(cursor).map(Self::Examine),
            Verb::Create => parse_create(cursor),
            Verb::Delete => mailbox::parse(cursor).map(Self::Delete),
            Verb::Subscribe => mailbox::parse(cursor).map(Self::Subscribe),
            Verb::Unsubscribe => mailbox::parse(cursor).map(Self::Unsubscribe),
            Verb::Rename => parse_rename(cursor),
            Verb::Status => parse_status(cursor),
            Verb::UidExpunge => SequenceSet::parse(cursor).map(Some).map(Self::Expunge),
            Verb::Search => Search::parse(cursor).map(|search| Self::Search(Sequence, search)),
            Verb::UidSearch => Search::parse(cursor).map(|search| Self::Search(Uid, search)),
            Verb::ESearch => MultiSearch::parse(cursor).map(Self::MultiSearch),
            Verb::Sort => Sort::parse(cursor).map(|sort| Self::Sort(Sequence, sort)),
            Verb::UidSort => Sort::parse(cursor).map(|sort| Self::Sort(Uid, sort)),
            Verb::Thread => Thread::parse(cursor).map(|thread| Self::Thread(Sequence, thread)),
            Verb::UidThread => Thread::parse(cursor).map(|thread| Self::Thread(Uid, thread)),
            Verb::CancelUpdate => parse_tags(cursor).map(Self::CancelUpdate),
            Verb::Fetch => parse_set_and(cursor, Fetch::parse)
                .and_then(without_partial)
                .map(|(set, fetch)| Self::Fetch(Sequence, set, fetch)),
            Verb::UidFetch => {
                parse_set_and(cursor, Fetch::parse).map(|(set, fetch)| Self::Fetch(Uid, set, fetch))
            }
            Verb::Store => parse_set_and(cursor, Store::parse)
                .map(|(set, store)| Self::Store(Sequence, set, store)),
            Verb::UidStore => {
                parse_set_and(cursor, Store::parse).map(|(set, store)| Self::Store(Uid, set, store))
            }
            Verb::Copy => {
                parse_set_and(cursor, mailbox::parse).map(|(set, to)| Self::Copy(Sequence, set, to))
            }
            Verb::UidCopy => {
                parse_set_and(cursor, mailbox::parse).map(|(set, to)| Self::Copy(Uid, set, to))
            }
            Verb::Move => {
                parse_set_and(cursor, mailbox::parse).map(|(set, to)| Self::Move(Sequence, set, to))
            }
            Verb::UidMove => {
                parse_set_and(cursor, mailbox::parse).map(|(set, to)| Self::Move(Uid, set, to))
            }
            // An APPEND that comes here is not even the beginning of one.
            Verb::Append | Verb::Replace | Verb::UidReplace => {
                Err(Malformed::Expected("a message literal"))
            }
            _ => Err(Malformed::UnknownCommand),
        }
    }
}

impl Command {
    /// Whether its arguments name messages by sequence number though its verb does not: in a search key, or as samples of
    /// what a client knows.
    pub fn names_numbers(&self) -> bool {
        match self {
            Self::Search(_, search) => search.key.names_numbers(),
            Self::MultiSearch(command) => command.search.key.names_numbers(),
            Self::Sort(_, sort) => sort.key.names_numbers(),
            Self::Thread(_, thread) => thread.key.names_numbers(),
            Self::Select(select) | Self::Examine(select) => {
                let resync = select.resync.as_ref();
                resync.is_some_and(|resync| resync.samples.is_some())
            }
            _ => false,
        }
    }
}

impl Command {
    /// Whether flags are added or removed where messages have not changed (RFC 7162 §3.1.3).
    pub fn is_conditional_change(&self) -> bool {
        let Self::Store(_, _, store) = self else {
            return false;
        };
        store.unchanged_since.is_some() && store.operation != Operation::Replace
    }

    /// The mailboxes (empty: the server) whose names, subscriptions, rights or annotations it changes.
    pub fn names_changed(&self) -> Vec<String> {
        match self {
            Self::Create { mailbox, .. }
            | Self::Delete(mailbox)
            | Self::Subscribe(mailbox)
            | Self::Unsubscribe(mailbox)
            | Self::Metadata(Metadata::Set { mailbox, .. }) => vec![mailbox.clone()],
            Self::Rename { from, to } => vec![from.clone(), to.clone()],
            _ => Vec::new(),
        }
    }
}

fn parse_set_and<T>(
    cursor: &mut Cursor<'_>,
    rest: impl FnOnce(&mut Cursor<'_>) -> Parsed<T>,
) -> Parsed<(SequenceSet, T)> {
    let set = SequenceSet::parse(cursor)?;
    cursor.space()?;
    Ok((set, rest(cursor)?))
}

/// PARTIAL extends UID FETCH, and no other (RFC 9394 §3.3).
fn without_partial((set, fetch): (SequenceSet, Fetch)) -> Parsed<(SequenceSet, Fetch)> {
    match fetch.partial {
        None => Ok((set, fetch)),
        Some(_) => Err(Malformed::Expected("UID FETCH with PARTIAL")),
    }
}

fn parse_authenticate(cursor: &mut Cursor<'_>) -> Parsed<Command> {
    let mechanism = cursor.keyword("a mechanism")?;
    let initial = if cursor.offers(Capability::SaslIr) && cursor.peek() == Some(b' ') {
        cursor.space()?;
        let text = cursor.take_while(|octet| octet != b' ');
        // RFC 4959 §3: "=" is the empty initial response.
        let decoded = if text == b"=" {
            Ok(Vec::new())
        } else {
            STANDARD.decode(text)
        };
        Some(decoded.map_err(|_| Malformed::Expected("an initial response in base64"))?)
    } else {
        None
    };
    Ok(Command::Authenticate { mechanism, initial })
}

/// There is one algorithm (RFC 4978 §5).
fn parse_compress(cursor: &mut Cursor<'_>) -> Parsed<Command> {
    match cursor.eat_word("DEFLATE") {
        true => Ok(Command::Compress),
        false => Err(Malformed::Expected("DEFLATE")),
    }
}

fn parse_login(cursor: &mut Cursor<'_>) -> Parsed<Command> {
    let user = cursor.astring("a user name")?.into_owned();
    cursor.space()?;
    let password = Secret::new(cursor.astring("a password")?);
    Ok(Command::Login { user, password })
}

fn parse_id(cursor: &mut Cursor<'_>) -> Parsed<Vec<(String, Option<String>)>> {
    if cursor.eat_word("NIL") {
        return Ok(Vec::new());
    }
    let fields = cursor.list_or_empty(|cursor| {
        let name = String::from_utf8_lossy(&cursor.string("a field name")?).into_owned();
        cursor.space()?;
        let value = cursor.nstring("a field value or NIL")?;
        Ok((
            name,
            value.map(|value| String::from_utf8_lossy(&value).into_owned()),
        ))
    })?;
    if fields.len() > ID_FIELDS_MAX {
        Err(Malformed::TooMany("fields"))
    } else {
        Ok(fields)
    }
}

fn parse_enable(cursor: &mut Cursor<'_>) -> Parsed<Vec<String>> {
    let mut names = vec![cursor.keyword("a capability")?];
    while cursor.peek() == Some(b' ') && cursor.rest().iter().any(|&octet| octet != b' ') {
        cursor.space()?;
        names.push(cursor.keyword("a capability")?);
        if names.len() > ENABLE_MAX {
            return Err(Malformed::TooMany("capabilities"));
        }
    }
    Ok(names)
}

/// `1*(SP quoted)`
fn parse_tags(cursor: &mut Cursor<'_>) -> Parsed<Vec<String>> {
    let mut tags = vec![cursor.text("a tag")?];
    while cursor.peek() == Some(b' ') && cursor.rest().iter().any(|&octet| octet != b' ') {
        cursor.space()?;
        tags.push(cursor.text("a tag")?);
        if tags.len() > TAGS_MAX {
            return Err(Malformed::TooMany("tags"));
        }
    }
    Ok(tags)
}

fn parse_create(cursor: &mut Cursor<'_>) -> Parsed<Command> {
    let mut mailbox = mailbox::parse(cursor)?;
    // RFC 3501 §6.3.3: a separator at the end only says that names below it will follow.
    if mailbox.ends_with(mailbox::SEPARATOR) {
        mailbox.pop();
    }
    if cursor.end().is_ok() {
        return Ok(Command::Create {
            mailbox,
            uses: Vec::new(),
        });
    }
    let mut uses = Vec::new();
    cursor.list(|cursor| {
        if !cursor.eat_word_of(Capability::CreateSpecialUse, "USE") {
            return Err(Malformed::Expected("the parameter USE"));
        }
        cursor.space()?;
        uses.extend(cursor.list_or_empty(parse_use)?);
        Ok(())
    })?;
    Ok(Command::Create { mailbox, uses })
}

fn parse_use(cursor: &mut Cursor<'_>) -> Parsed<Use> {
    cursor.expect(b'\\', "a special use")?;
    Ok(match cursor.keyword("a special use")?.as_str() {
        "ALL" => Use::All,
        "ARCHIVE" => Use::Archive,
        "DRAFTS" => Use::Drafts,
        "FLAGGED" => Use::Flagged,
        "JUNK" => Use::Junk,
        "SENT" => Use::Sent,
        "TRASH" => Use::Trash,
        _ => Use::Unknown,
    })
}

fn parse_rename(cursor: &mut Cursor<'_>) -> Parsed<Command> {
    let from = mailbox::parse(cursor)?;
    cursor.space()?;
    let mut to = mailbox::parse(cursor)?;
    if to.ends_with(mailbox::SEPARATOR) {
        to.pop();
    }
    Ok(Command::Rename { from, to })
}

fn parse_status(cursor: &mut Cursor<'_>) -> Parsed<Command> {
    let mailbox = mailbox::parse(cursor)?;
    cursor.space()?;
    Ok(Command::Status {
        mailbox,
        items: StatusItem::parse_list(cursor)?,
    })
}

fn parse_lsub(cursor: &mut Cursor<'_>) -> Parsed<Command> {
    let reference = mailbox::parse_reference(cursor)?;
    cursor.space()?;
    Ok(Command::Lsub {
        reference,
        pattern: mailbox::parse_pattern(cursor)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str) -> Parsed<Command> {
        let mut request = Request::parse(text.as_bytes(), Dialect::default())?;
        Command::parse(request.verb?, &mut request.arguments)
    }

    #[test]
    fn commands_of_the_rfcs_are_understood() {
        for text in [
            "abcd CAPABILITY",
            "a002 NOOP",
            "A023 LOGOUT",
            "a STARTTLS",
            "a AUTHENTICATE GSSAPI",
            "a AUTHENTICATE PLAIN =",
            "a001 LOGIN SMITH SESAME",
            "a023 ID (\"name\" \"sodr\" \"version\" NIL)",
            "a ID NIL",
            "t1 ENABLE CONDSTORE X",
            "A142 SELECT INBOX",
            "A142 SELECT INBOX (CONDSTORE)",
            "A932 EXAMINE blurdybloop",
            "A003 CREATE owatagusiam/",
            "t1 CREATE MySent (USE (\\Sent))",
            "A683 DELETE blurdybloop",
            "Z432 RENAME INBOX old-mail",
            "A002 SUBSCRIBE #news.comp.mail.mime",
            "A202 LIST ~/Mail/ %",
            "A002 LSUB \"#news.\" \"comp.mail.*\"",
            "A042 STATUS blurdybloop (UIDNEXT MESSAGES)",
            "A001 NAMESPACE",
            "A002 IDLE",
            "FXXZ CHECK",
            "A341 CLOSE",
            "a UNSELECT",
            "A202 EXPUNGE",
            "A003 UID EXPUNGE 3000:3002",
            "A282 SEARCH RETURN (MIN COUNT) FLAGGED",
            "A03 UID SEARCH RETURN (PARTIAL 1:500) UNDELETED UNKEYWORD $Junk",
            "E01 UID SORT RETURN () (REVERSE DATE) UTF-8 UNDELETED UNKEYWORD $Junk",
            "A283 THREAD ORDEREDSUBJECT UTF-8 SINCE 5-MAR-2000",
            "a UID THREAD REFERENCES US-ASCII TEXT \"gewp\"",
            "tag1 ESEARCH IN (mailboxes \"folder1\" subtree \"folder2\") unseen",
            "B04 CANCELUPDATE \"B01\"",
            "E283 COPY $ \"Other Messages\"",
            "A654 FETCH 2:4 (FLAGS BODY[HEADER.FIELDS (DATE FROM)])",
            "s100 UID FETCH 1:* (FLAGS) (CHANGEDSINCE 12345)",
            "A003 STORE 2:4 +FLAGS (\\Deleted)",
            "A003 COPY 2:4 MEETING",
            "a UID MOVE 42:69 foo",
        ] {
            assert!(parse(text).is_ok(), "{text}: {:?}", parse(text));
        }
    }

    #[test]
    fn what_is_left_over_is_refused() {
        for text in [
            "a NOOP x",
            "a SELECT",
            "a SELECT INBOX (FOO)",
            "a LOGIN x",
            "a UID NOOP",
            "a FETCH 1",
            "a STATUS x ()",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(Request::parse(b"", Dialect::default()).is_err());
        assert!(Request::parse(b"* NOOP", Dialect::default()).is_err());
    }

    #[test]
    fn a_password_is_not_printed() {
        assert!(!format!("{:?}", parse("a LOGIN fred flintstone").unwrap()).contains("flintstone"));
    }

    proptest! {
        #[test]
        fn no_input_panics(input in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(mut request) = Request::parse(&input, Dialect::default()) && let Ok(verb) = request.verb {
                let _ = Command::parse(verb, &mut request.arguments);
            }
            let _ = crate::grammar::append::Start::parse(&input, Dialect::default());
        }

        #[test]
        fn no_arguments_panic(verb in 0..Verb::ALL.len(), input in "[ ()\\[\\]{}\"\\\\*%:,.<>0-9a-zA-Z+&$\r\n-]{0,120}") {
            let text = format!("a {} {input}", Verb::ALL[verb].name());
            let mut request = Request::parse(text.as_bytes(), Dialect::default()).unwrap();
            if let Ok(verb) = request.verb {
                let _ = Command::parse(verb, &mut request.arguments);
            }
        }
    }
}

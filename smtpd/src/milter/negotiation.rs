//! The first exchange with a filter: what it may do and what it wants to see (`SMFIC_OPTNEG`).
//!
//! We offer only what is done whole. A filter that wants to see steps in ways that were not offered is not talked to. What it says it may
//! do beyond our offer is passed over, because some say all that they ever do (rspamd); if one then does it, it is broken.

use std::collections::BTreeMap;

use super::change::Change;
use super::packet::{Malformed, Step, number};
use crate::limits::MILTER_MACROS_MAX;

/// The version of the protocol.
const VERSION: u32 = 6;
/// The oldest version that filters in use still speak.
const VERSION_MIN: u32 = 2;

/// `SMFIF_*`: what a filter may change.
mod action {
    pub const ADD_FIELDS: u32 = 0x01;
    pub const CHANGE_FIELDS: u32 = 0x10;
    pub const QUARANTINE: u32 = 0x20;
}

/// `SMFIP_*`: what a filter does not want to see, and how it wants to see the rest.
mod wish {
    pub const NO_CONNECT: u32 = 0x01;
    pub const NO_HELLO: u32 = 0x02;
    pub const NO_MAIL: u32 = 0x04;
    pub const NO_RECIPIENT: u32 = 0x08;
    pub const NO_BODY: u32 = 0x10;
    pub const NO_HEADER: u32 = 0x20;
    pub const NO_END_OF_HEADER: u32 = 0x40;
    pub const NO_REPLY_HEADER: u32 = 0x80;
    pub const NO_UNKNOWN: u32 = 0x100;
    pub const NO_DATA: u32 = 0x200;
    pub const SKIP: u32 = 0x400;
    pub const NO_REPLY_CONNECT: u32 = 0x1000;
    pub const NO_REPLY_HELLO: u32 = 0x2000;
    pub const NO_REPLY_MAIL: u32 = 0x4000;
    pub const NO_REPLY_RECIPIENT: u32 = 0x8000;
    pub const NO_REPLY_DATA: u32 = 0x1_0000;
    pub const NO_REPLY_UNKNOWN: u32 = 0x2_0000;
    pub const NO_REPLY_END_OF_HEADER: u32 = 0x4_0000;
    pub const NO_REPLY_BODY: u32 = 0x8_0000;
    pub const LEADING_SPACE: u32 = 0x10_0000;
}

/// Not offered: replacing the body, which was read and indexed as it came; changing the envelope, whose recipients were
/// resolved and told yes one by one.
const ACTIONS: u32 = action::ADD_FIELDS | action::CHANGE_FIELDS | action::QUARANTINE;

/// All but `SMFIP_RCPT_REJ`: recipients that were refused are nobody's business. Unknown commands are never told of.
const WISHES: u32 = wish::NO_CONNECT
    | wish::NO_HELLO
    | wish::NO_MAIL
    | wish::NO_RECIPIENT
    | wish::NO_BODY
    | wish::NO_HEADER
    | wish::NO_END_OF_HEADER
    | wish::NO_REPLY_HEADER
    | wish::NO_UNKNOWN
    | wish::NO_DATA
    | wish::SKIP
    | wish::NO_REPLY_CONNECT
    | wish::NO_REPLY_HELLO
    | wish::NO_REPLY_MAIL
    | wish::NO_REPLY_RECIPIENT
    | wish::NO_REPLY_DATA
    | wish::NO_REPLY_UNKNOWN
    | wish::NO_REPLY_END_OF_HEADER
    | wish::NO_REPLY_BODY
    | wish::LEADING_SPACE;

/// What was agreed with a filter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Agreement {
    actions: u32,
    wishes: u32,
    macros: BTreeMap<Step, Vec<String>>,
}

/// The data of our offer.
pub(super) fn offer() -> [u8; 12] {
    let mut octets = [0; 12];
    let numbers = [VERSION, ACTIONS, WISHES];
    for (place, number) in octets.chunks_exact_mut(4).zip(numbers) {
        place.copy_from_slice(&number.to_be_bytes());
    }
    octets
}

/// Reads what a filter takes of the offer.
///
/// # Errors
/// It wants steps in ways that were not offered, or cannot be read.
pub(super) fn agreement(data: &[u8]) -> Result<Agreement, Malformed> {
    let (version, rest) = number(data)?;
    let (actions, rest) = number(rest)?;
    let (wishes, rest) = number(rest)?;
    if !(VERSION_MIN..=VERSION).contains(&version) {
        return Err(Malformed("a version of the protocol that we do not speak"));
    }
    if wishes & !WISHES != 0 {
        return Err(Malformed("the filter wants steps that were not offered"));
    }
    Ok(Agreement {
        actions: actions & ACTIONS,
        wishes,
        macros: macro_lists(rest)?,
    })
}

/// The lists of macros that the filter asks for: a step's number (`SMFIM_*`) and names with blanks between.
fn macro_lists(mut data: &[u8]) -> Result<BTreeMap<Step, Vec<String>>, Malformed> {
    let mut lists = BTreeMap::new();
    while !data.is_empty() {
        let (step, rest) = number(data)?;
        let end = memchr::memchr(0, rest).ok_or(Malformed("a list without its end"))?;
        let names = std::str::from_utf8(&rest[..end])
            .map_err(|_| Malformed("names of macros that are not ASCII"))?;
        let step = match step {
            0 => Step::Connect,
            1 => Step::Hello,
            2 => Step::Mail,
            3 => Step::Recipient,
            4 => Step::Data,
            5 => Step::EndOfMessage,
            6 => Step::EndOfHeader,
            _ => return Err(Malformed("macros for a step that there is not")),
        };
        let names: Vec<String> = names
            .split([' ', ','])
            .filter(|name| !name.is_empty())
            .take(MILTER_MACROS_MAX)
            .map(str::to_owned)
            .collect();
        lists.insert(step, names);
        data = &rest[end + 1..];
    }
    Ok(lists)
}

impl Agreement {
    /// Whether the filter wants to be told of this step.
    pub fn wants(&self, step: Step) -> bool {
        let no = match step {
            Step::Connect => wish::NO_CONNECT,
            Step::Hello => wish::NO_HELLO,
            Step::Mail => wish::NO_MAIL,
            Step::Recipient => wish::NO_RECIPIENT,
            Step::Data => wish::NO_DATA,
            Step::Header => wish::NO_HEADER,
            Step::EndOfHeader => wish::NO_END_OF_HEADER,
            Step::Body => wish::NO_BODY,
            Step::EndOfMessage => 0,
        };
        self.wishes & no == 0
    }

    /// Whether the filter answers at this step.
    pub fn answers(&self, step: Step) -> bool {
        let no_reply = match step {
            Step::Connect => wish::NO_REPLY_CONNECT,
            Step::Hello => wish::NO_REPLY_HELLO,
            Step::Mail => wish::NO_REPLY_MAIL,
            Step::Recipient => wish::NO_REPLY_RECIPIENT,
            Step::Data => wish::NO_REPLY_DATA,
            Step::Header => wish::NO_REPLY_HEADER,
            Step::EndOfHeader => wish::NO_REPLY_END_OF_HEADER,
            Step::Body => wish::NO_REPLY_BODY,
            Step::EndOfMessage => 0,
        };
        self.wishes & no_reply == 0
    }

    /// Whether values of header fields go to and fro with the blank behind the colon.
    pub fn keeps_leading_space(&self) -> bool {
        self.wishes & wish::LEADING_SPACE != 0
    }

    /// Whether the filter may make this change.
    pub fn allows(&self, change: &Change) -> bool {
        let action = match change {
            Change::AddField { .. } => action::ADD_FIELDS,
            // libmilter has one flag less than there are changes: `smfi_insheader` needs only SMFIF_ADDHDRS.
            Change::InsertField { .. } => action::ADD_FIELDS | action::CHANGE_FIELDS,
            Change::ChangeField { .. } => action::CHANGE_FIELDS,
            Change::Quarantine(_) => action::QUARANTINE,
        };
        self.actions & action != 0
    }

    /// The macros that the filter asked for at this step, if it did.
    pub fn macros(&self, step: Step) -> Option<&[String]> {
        self.macros.get(&step).map(Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(version: u32, actions: u32, wishes: u32, lists: &[u8]) -> Vec<u8> {
        let numbers = [version, actions, wishes].map(u32::to_be_bytes).concat();
        [&numbers, lists].concat()
    }

    #[test]
    fn what_was_not_offered_cannot_be_taken() {
        let whole = agreement(&answer(6, ACTIONS, WISHES, b"")).unwrap();
        let more = agreement(&answer(6, 0x1ff, WISHES, b"")).unwrap();
        assert_eq!(more, whole);
        assert!(agreement(&answer(2, 0, 0, b"")).is_ok());
        for (version, actions, wishes) in [(1, 0, 0), (7, 0, 0), (6, 0, 0x800), (6, 0, 0x1000_0000)]
        {
            assert!(agreement(&answer(version, actions, wishes, b"")).is_err());
        }
    }

    #[test]
    fn lists_of_macros_belong_to_their_steps() {
        let read = agreement(&answer(
            6,
            0,
            0,
            b"\0\0\0\x02{mail_addr} {auth_authen}\0\0\0\0\x05i\0",
        ))
        .unwrap();
        let wanted = ["{mail_addr}".to_owned(), "{auth_authen}".to_owned()];
        assert_eq!(read.macros(Step::Mail), Some(&wanted[..]));
        assert_eq!(read.macros(Step::EndOfMessage), Some(&["i".to_owned()][..]));
        assert_eq!(read.macros(Step::Hello), None);
        for list in [&b"\0\0\0\x02i"[..], b"\0\0\0\x09i\0", b"\0\0"] {
            assert!(agreement(&answer(6, 0, 0, list)).is_err(), "{list:?}");
        }
    }

    #[test]
    fn wishes_silence_steps_and_answers() {
        let agreement = Agreement {
            wishes: wish::NO_BODY | wish::NO_REPLY_HEADER,
            actions: action::ADD_FIELDS,
            ..Agreement::default()
        };
        assert!(!agreement.wants(Step::Body) && agreement.wants(Step::Header));
        assert!(!agreement.answers(Step::Header) && agreement.answers(Step::Mail));
        assert!(agreement.wants(Step::EndOfMessage) && agreement.answers(Step::EndOfMessage));
        assert!(!agreement.allows(&Change::Quarantine(String::new())));
        assert!(!agreement.keeps_leading_space());
    }
}

//! The language of IMAP: whole commands with their literals, APPEND's pieces, URLs, and the gathering of all that from lines and octets.
#![no_main]

use imapd::grammar::append::{Follows, Piece, Place, Start};
use imapd::grammar::command::Request;
use imapd::grammar::dialect::Dialect;
use imapd::grammar::url::MessageUrl;
use imapd::grammar::{Command, Cursor, SequenceSet, fragment};
use libfuzzer_sys::fuzz_target;

/// Every place in which a piece of APPEND may stand.
const PLACES: [Place; 5] = [
    Place::First,
    Place::Whole,
    Place::Catenate(1),
    Place::Utf8,
    Place::CatenateUtf8(1),
];

fn parse(input: &[u8], dialect: Dialect) {
    if let Ok(request) = Request::parse(input, dialect) {
        assert!(
            !request.tag.is_empty() && request.tag.bytes().all(|octet| octet.is_ascii_graphic())
        );
        let mut arguments = request.arguments;
        if let Ok(verb) = request.verb {
            let _ = Command::parse(verb, &mut arguments);
        }
    }
    if let Some(Ok(start)) = Start::parse(input, dialect) {
        for place in PLACES {
            let piece = Piece::parse(place, start.replaced.is_none(), start.rest, dialect);
            // Octets come only where they were announced, or they would be taken for commands.
            let announced = fragment::announced(start.rest);
            match piece.map(|piece| piece.follows) {
                Ok(Follows::Octets(follows) | Follows::Argument(follows)) => {
                    assert_eq!(Some(follows), announced);
                }
                Ok(Follows::Nothing) => assert_eq!(announced, None),
                Err(_) => {}
            }
        }
    }
}

fuzz_target!(|input: &[u8]| {
    let ascii = Dialect::default();
    let (utf8, rev2) = (true, true);
    parse(input, ascii);
    parse(input, Dialect { utf8, rev2, ..ascii });
    let _ = MessageUrl::parse(input);
    if let Ok(set) = SequenceSet::parse(&mut Cursor::new(input)) {
        for last in [0, 1, 1000, u32::MAX] {
            let ranges = set.resolve(last);
            let mut before = None;
            for (from, to) in ranges.iter() {
                assert!(from <= to && before.is_none_or(|before| before < from));
                assert!(ranges.contains(from) && ranges.contains(to));
                before = Some(to);
            }
        }
    }
    // An announcement is seen whatever stands before it, or octets of the literal would be taken for commands.
    if let Some(literal) = fragment::announced(input) {
        assert_eq!(fragment::announced(&[b"x ", input].concat()), Some(literal));
    }
});

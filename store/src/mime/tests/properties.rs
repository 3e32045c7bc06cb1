//! What holds for every message, however broken.

use proptest::prelude::*;

use super::super::*;
use crate::mime::search::{self, Scope};

/// Octets that look like mail often enough to reach every corner.
fn messages() -> impl Strategy<Value = Vec<u8>> {
    let pieces = prop::sample::select(vec![
        "Content-Type: multipart/mixed; boundary=b\r\n",
        "Content-Type: multipart/digest; boundary=\"bb\"\r\n",
        "Content-Type: message/rfc822\r\n",
        "Content-Type: text/html; charset=utf-7\r\n",
        "Content-Type: text/plain; charset*0*=x; charset*1=y\r\n",
        "Content-Transfer-Encoding: base64\r\n",
        "Content-Transfer-Encoding: quoted-printable\r\n",
        "Content-Disposition: attachment; filename*=''%ff%\r\n",
        "Subject: =?utf-8?q?=?= =?x?b?===?=\r\n",
        "From: a (b <c@d>, \"e\" <f@g>;\r\n",
        "To: g: <@r:a@b>, c;\r\n",
        "Date: 1 Jan 2020 10:00:00 -0130\r\n",
        "References: <a> <b\r\n",
        "\r\n",
        "\n",
        "\r",
        " ",
        "-",
        "--",
        "--b",
        "--bb",
        "--b--\r\n",
        "--bb--\n",
        "--b\r\n",
        "text",
        "<style>",
        "<p>&amp;",
        "\0",
        "\u{e4}",
        "From x\r\n",
    ]);
    let octets = prop_oneof![
        9 => pieces.prop_map(|text| text.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..8),
    ];
    prop::collection::vec(octets, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn chunking_never_changes_the_index(message in messages(), sizes in prop::collection::vec(1usize..9, 1..20)) {
        let whole = Indexer::index(&message);
        let mut indexer = Indexer::new();
        let mut rest = message.as_slice();
        for size in sizes.iter().cycle() {
            let (chunk, tail) = rest.split_at(rest.len().min(*size));
            indexer.push(chunk);
            rest = tail;
            if rest.is_empty() {
                break;
            }
        }
        prop_assert_eq!(indexer.finish(), whole);
    }

    #[test]
    fn the_stored_form_gives_the_index_back(message in messages(), prefix in 0u64..1000) {
        let index = Indexer::index(&message);
        let stored = index.encode();
        prop_assert_eq!(&MessageIndex::decode(&stored, 0).unwrap(), &index);
        let shifted = MessageIndex::decode(&stored, prefix).unwrap();
        prop_assert_eq!(shifted, index.prepended(prefix));
    }

    #[test]
    fn the_outline_is_what_the_whole_index_says(message in messages(), prefix in 0u64..1000) {
        let stored = EncodedIndex::new(Indexer::index(&message).encode(), prefix);
        let (outline, index) = (stored.outline().unwrap(), stored.decode().unwrap());
        prop_assert_eq!(outline.size, index.size);
        prop_assert_eq!(&outline.header, &index.root().header);
        prop_assert_eq!(&outline.body, &index.root().body);
    }

    #[test]
    fn a_part_of_the_index_is_as_in_the_whole(message in messages(), prefix in 0u64..1000) {
        let stored = EncodedIndex::new(Indexer::index(&message).encode(), prefix);
        let whole = stored.decode().unwrap();
        let first = stored.decode_extent(Extent::Envelope).unwrap();
        prop_assert_eq!(first.envelope(), whole.envelope());
        let mut parts = whole.parts.clone();
        parts[0].envelope = None;
        prop_assert_eq!(stored.decode_extent(Extent::Parts).unwrap().parts, parts);
    }

    #[test]
    fn fields_put_in_front_only_shift(message in messages(), first in prop::sample::select(vec!["Subject: x\r\n", "\r\n"])) {
        let message = [first.as_bytes(), &message].concat();
        let prefix = b"Return-Path: <a@b.example>\r\nDelivered-To: c@d.example\r\n";
        let together = Indexer::index(&[prefix.as_slice(), &message].concat());
        prop_assert_eq!(Indexer::index(&message).prepended(prefix.len() as u64), together);
    }

    #[test]
    fn ranges_lie_inside_their_parents(message in messages()) {
        let index = Indexer::index(&message);
        prop_assert_eq!(index.size, message.len() as u64);
        for part in &index.parts {
            prop_assert!(part.header.start <= part.header.end);
            prop_assert!(part.header.end <= part.body.start);
            prop_assert!(part.body.start <= part.body.end);
            prop_assert!(part.body.end <= index.size);
            for child in index.children(part) {
                prop_assert!(part.body.start <= child.header.start);
                prop_assert!(child.body.end <= part.body.end);
            }
        }
    }

    #[test]
    fn every_message_can_be_searched(message in messages(), needle in "\\PC{0,4}") {
        let index = Indexer::index(&message);
        let needle = Needle::new(&needle);
        for scope in [Scope::Header, Scope::Body, Scope::Text] {
            search::found_in(&index, &message, scope, &needle);
        }
    }

    #[test]
    fn garbage_is_no_index(mut octets in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = MessageIndex::decode(&octets, 7);
        if let Some(version) = octets.first_mut() {
            *version = 1;
        }
        let _ = MessageIndex::decode(&octets, u64::MAX);
    }

    #[test]
    fn a_damaged_index_is_safe_to_use(message in messages(), at in any::<prop::sample::Index>(), octet in any::<u8>()) {
        let mut stored = Indexer::index(&message).encode();
        let at = at.index(stored.len());
        stored[at] = octet;
        if let Ok(index) = MessageIndex::decode(&stored, 3) {
            for part in &index.parts {
                let _ = (index.message_in(part), index.children(part).count(), part.body_octets());
            }
            let _ = search::found_in(&index, &message, Scope::Text, &Needle::new("x"));
            let _ = (index.section(&[1, 1, 2]), index.encode());
        }
    }

    #[test]
    fn folding_agrees_with_its_definition(text in "\\PC{0,40}", from in 0usize..40, length in 1usize..5) {
        let needle: String = text.chars().skip(from).take(length).collect();
        prop_assert!(Needle::new(&needle).found_in(&text));
        prop_assert!(Needle::new(&needle.to_uppercase()).found_in(&text));
    }
}

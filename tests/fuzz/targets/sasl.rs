//! SASL messages: read without panic, nothing lost of what a signature is made over, and names come back as they were.
#![no_main]

use daemon::sasl::plain;
use daemon::sasl::scram::{BindingFlag, parse_client_final, parse_client_first};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|message: &[u8]| {
    if let Ok(first) = parse_client_first(message) {
        assert_eq!(
            format!("{}{}", first.header, first.bare).as_bytes(),
            message
        );
        let escaped = |name: &str| name.replace('=', "=3D").replace(',', "=2C");
        let flag = match &first.binding {
            BindingFlag::Unsupported => "n".to_owned(),
            BindingFlag::NotOffered => "y".to_owned(),
            BindingFlag::Used(name) => format!("p={name}"),
        };
        let named = match first.authorization.as_str() {
            "" => String::new(),
            name => format!("a={}", escaped(name)),
        };
        assert_eq!(first.header, format!("{flag},{named},"));
        assert!(
            first
                .bare
                .starts_with(&format!("n={},r={}", escaped(&first.user), first.nonce))
        );
    }
    if let Ok(last) = parse_client_final(message) {
        assert!(message.starts_with(format!("{},p=", last.without_proof).as_bytes()));
    }
    if let Ok(plain) = plain::parse(message) {
        let rest = message.strip_prefix(plain.authorization.as_bytes());
        let rest = rest.and_then(|rest| rest.strip_prefix(b"\0"));
        let rest = rest.and_then(|rest| rest.strip_prefix(plain.user.as_bytes()));
        assert!(rest.is_some_and(|rest| rest.starts_with(b"\0")));
    }
});

//! Addresses: the normal form of a normal form is itself, or two spellings of one address would be two accounts.
#![no_main]

use libfuzzer_sys::fuzz_target;
use store::{Address, normal_domain};

fuzz_target!(|text: &str| {
    if let Ok(address) = Address::parse(text) {
        assert_eq!(Address::parse(address.as_str()).as_ref(), Ok(&address));
        assert_eq!(
            Address::from_parts(address.local(), address.domain()).as_ref(),
            Ok(&address)
        );
        assert!(address.domain().is_ascii());
    }
    if let Ok(domain) = normal_domain(text) {
        assert_eq!(normal_domain(&domain).as_deref(), Ok(domain.as_str()));
        assert!(!domain.contains(['/', '\0', ' ', '@']), "{domain:?}");
    }
});

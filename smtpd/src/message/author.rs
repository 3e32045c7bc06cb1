//! Who a message says it is from: the addresses of its `From` field, which readers are shown and DMARC is about.

use mail_auth::AuthenticatedMessage;
use store::Address;

use super::header::Header;

/// The only address of the only `From` field; nothing if there are several or none, or no mail could go there.
pub fn author(header: &Header) -> Option<Address> {
    let message = AuthenticatedMessage::parse(header.octets())?;
    match message.from.as_slice() {
        [address] => Address::parse(address).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::header::HeaderReader;
    use super::*;

    fn author_of(text: &str) -> Option<String> {
        let mut reader = HeaderReader::default();
        reader.push(text.as_bytes());
        author(&reader.finish().0).map(|address| address.to_string())
    }

    #[test]
    fn only_one_author_is_one() {
        let a = Some("a@example.test".to_owned());
        assert_eq!(author_of("From: A <A@Example.test>\r\n"), a);
        assert_eq!(author_of("from:\r\n a@example.test\r\n"), a);
        for text in [
            "To: a@example.test\r\n",
            "From: a@example.test, b@example.test\r\n",
            "From: a@example.test\r\nFrom: b@example.test\r\n",
            "From: nobody\r\n",
        ] {
            assert_eq!(author_of(text), None, "{text:?}");
        }
    }
}

//! The message that is sent: text and an attachment whose octets are all there are.

use daemon::secret::random;
use mail_builder::MessageBuilder;

use super::ground::{ALICE, BOB};
use crate::fail::Outcome;

/// Octets of the attachment.
const ATTACHMENT_OCTETS: usize = 64 * 1024;

/// A message, ready to be sent, unlike any other.
pub fn write() -> Outcome<Vec<u8>> {
    let id: String = random::<12>()
        .iter()
        .map(|octet| format!("{octet:02x}"))
        .collect();
    let attachment: Vec<u8> = (0..=u8::MAX).cycle().take(ATTACHMENT_OCTETS).collect();
    let text = "Hello Bob,\r\n\r\nthis message has been through the whole server.\r\n.\r\n..and so have these dots.\r\n\r\nAlice\r\n";
    let message = MessageBuilder::new()
        .from(("Alice", ALICE))
        .to(("Bob", BOB))
        .message_id(format!("{id}@example.test"))
        .subject("A first message, with an ümlaut")
        .text_body(text)
        .attachment("application/octet-stream", "all-octets.bin", attachment)
        .write_to_vec()?;
    Ok(message)
}

//! Tests of the index and of the text behind it: what a message looks like to a client.

mod fields;
mod properties;
mod structure;
mod text;

/// A message written with bare LFs, as it would arrive.
fn crlf(text: &str) -> Vec<u8> {
    text.replace('\n', "\r\n").into_bytes()
}

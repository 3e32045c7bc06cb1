//! The `imapd` program.

fn main() {}

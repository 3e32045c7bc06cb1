//! The `pop3d` program.

fn main() {}

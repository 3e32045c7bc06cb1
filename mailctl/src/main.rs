//! The `mailctl` program.

fn main() {}

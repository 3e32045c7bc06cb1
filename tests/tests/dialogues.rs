//! Each dialogue file is a test.

fn main() {}

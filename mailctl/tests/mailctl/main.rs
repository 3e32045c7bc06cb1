//! Tests of the built program, as administrators and their scripts use it.

mod cli;
mod scratch;
mod tour;

//! The work of SEARCH: keys are compiled, judged by what is known of a message, and more is read only where the cheap
//! keys leave it open.
//!
//! ```text
//! rows (memory) ─open─► full-text index ─open─► entries (size, dates) ─open─► indexes (Date) ─open─► headers ─open─► bodies
//! ```
//!
//! Each step sees only the messages that the steps before could not decide. Decoding and matching of headers and bodies
//! runs on blocking threads, on both sides of the reading.
//!
//! Each message has a score, which is 100 for all that match unless they are sought with FUZZY (RFC 6203): nearness is judged by
//! [`store::mime::FuzzyNeedle`] and combined in `score`.

mod answer;
mod indexing;
mod judge;
mod program;
mod scan;
mod score;
mod sought;
mod threads;

pub use answer::Results;
pub use indexing::keep_index;
pub use program::Program;
pub use scan::{scan, scan_among};
pub use score::{Matches, Score, Scores};
pub use threads::with_threads;

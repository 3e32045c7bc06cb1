//! The keys of the file.

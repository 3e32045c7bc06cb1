//! The schema.
use super::{Config, Faults};
use std::path::Path;
pub(super) fn config(path: &Path, text: &str) -> Result<Config, Faults> {
    let _ = text;
    Err(Faults::unreadable(
        path,
        &std::io::ErrorKind::InvalidData.into(),
    ))
}

//! Words that must not be seen: they are wiped when dropped as far as safe code can, and never printed by `Debug`.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use aws_lc_rs::rand;

/// Octets such as a password. Compared in constant time, shown as `[secret]`.
#[derive(Clone, Default)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// Takes the octets over.
    pub fn new(octets: impl Into<Vec<u8>>) -> Secret {
        Secret(octets.into())
    }

    /// The octets, for those that must see them.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.fill(0);
        std::hint::black_box(&self.0);
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Secret) -> bool {
        same(&self.0, &other.0)
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// Equality in a time that depends on the lengths alone.
pub fn same(left: &[u8], right: &[u8]) -> bool {
    aws_lc_rs::constant_time::verify_slices_are_equal(left, right).is_ok()
}

/// Fills `into` with random octets. Does not return if the machine has no randomness: nothing here could be done
/// safely without it.
pub fn fill_random(into: &mut [u8]) {
    if rand::fill(into).is_err() {
        tracing::error!("the operating system gives no random numbers");
        std::process::abort();
    }
}

/// An array of random octets.
pub fn random<const N: usize>() -> [u8; N] {
    let mut octets = [0; N];
    fill_random(&mut octets);
    octets
}

/// Makes a file that only its owner may read. It appears whole, and a file that is there already stays: processes that start
/// together agree on one.
pub(crate) fn publish(path: &Path, content: &[u8]) -> io::Result<()> {
    let draft = path.with_extension(format!("{}.new", std::process::id()));
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&draft)?;
    file.write_all(content)?;
    file.sync_all()?;
    let linked = fs::hard_link(&draft, path);
    fs::remove_file(&draft)?;
    match linked {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
}

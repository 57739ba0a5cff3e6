//! A snapshot's name, the digest of its manifest. It must never know what is in the manifest.

use core::fmt;
use core::str::FromStr;

use counterfoil_base::digest::{Digest, DigestError};

/// The name of a snapshot: the digest of its manifest.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct SnapshotId(pub Digest);

impl SnapshotId {
    /// The 64 hexadecimal digits, the name of the snapshot's directory.
    #[must_use]
    pub fn hex(&self) -> String {
        self.0.hex()
    }
}

impl fmt::Display for SnapshotId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl FromStr for SnapshotId {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        text.parse().map(Self)
    }
}

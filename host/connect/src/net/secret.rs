//! Text that may hold a key or a secret, and never shows it.

use core::fmt;

/// Text that is sent and never printed: its debug form names only its length.
#[derive(Clone, Eq, PartialEq)]
pub struct SecretText(pub String);

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretText({} bytes)", self.0.len())
    }
}

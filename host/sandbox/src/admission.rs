//! Static checks of a component's bytes, before anything compiles them. It must never run a guest.

/// Why a component is not admitted.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AdmissionError {
    /// Not a component at all.
    #[error("{0}")]
    NotAComponent(String),
}

/// Checks.
///
/// # Errors
///
/// Returns.
pub fn check(_bytes: &[u8]) -> Result<(), AdmissionError> {
    Ok(())
}

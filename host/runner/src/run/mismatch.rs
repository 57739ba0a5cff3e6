//! A value of the manifest that something it names contradicts. It must never decide which of the two is
//! right.

/// A value of the manifest, and the other value found where the manifest points to.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{subject} is {found} in {place}, but {stated} in the manifest; {hint}")]
pub struct ManifestMismatch {
    pub subject: &'static str,
    /// Where the other value was found.
    pub place: &'static str,
    pub found: String,
    /// The manifest's value.
    pub stated: String,
    /// What the caller can do about it.
    pub hint: &'static str,
}

impl ManifestMismatch {
    /// The manifest names a snapshot where a live run needs a feed.
    pub(crate) fn no_feed(hint: &'static str) -> Self {
        Self {
            subject: "the data source",
            place: "a live run",
            found: "a feed".to_owned(),
            stated: "a snapshot".to_owned(),
            hint,
        }
    }
}

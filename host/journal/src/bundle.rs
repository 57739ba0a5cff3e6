//! Entry bundles: 256 entries in a row, each with its length before it. What an entry holds
//! is not known here.

use alloc::vec::Vec;

use crate::entry::ENTRY_BYTES_MAX;

/// Why bytes are not an entry bundle, or an entry does not fit in one.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EntryBundleError {
    #[error("an entry of {bytes} bytes does not fit in a bundle, {ENTRY_BYTES_MAX} would")]
    TooLong { bytes: usize },
    #[error("the bundle ends within its entry {place}")]
    Torn { place: usize },
}

/// Appends `entry` to the bundle `out`.
///
/// # Errors
///
/// Returns [`EntryBundleError::TooLong`] and leaves `out` as it was.
///
/// Source: C2SP tlog-tiles, log entries.
pub fn encode_entry(entry: &[u8], out: &mut Vec<u8>) -> Result<(), EntryBundleError> {
    let too_long = |_| EntryBundleError::TooLong { bytes: entry.len() };
    // The format has 16 bits for a length. Cut off silently, the rest of the entry would be read as the next entry.
    let length = u16::try_from(entry.len()).map_err(too_long)?;
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(entry);
    Ok(())
}

/// The entries of a bundle, in sequence.
///
/// # Errors
///
/// Returns [`EntryBundleError::Torn`].
///
/// Source: C2SP tlog-tiles, log entries.
pub fn decode(bundle: &[u8]) -> Result<Vec<&[u8]>, EntryBundleError> {
    let mut entries = Vec::new();
    let mut rest = bundle;
    while !rest.is_empty() {
        let torn = EntryBundleError::Torn {
            place: entries.len(),
        };
        // A bundle that ends within an entry was cut in transfer; its whole entries prove nothing about the missing ones.
        let (length, after) = rest.split_first_chunk().ok_or(torn)?;
        let length = usize::from(u16::from_be_bytes(*length));
        let (entry, after) = after.split_at_checked(length).ok_or(torn)?;
        entries.push(entry);
        rest = after;
    }
    Ok(entries)
}

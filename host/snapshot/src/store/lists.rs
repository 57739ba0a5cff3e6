//! The lists of a layer beside its bars, such as actions and session ends. It must never know what a line says.

use counterfoil_base::digest::Digest;

use crate::error::IngestError;
use crate::spool::staging::StagingDir;
use crate::store::manifest::LayerList;

/// Writes a list of so many items, and describes it for the manifest.
pub(crate) fn write_list(
    staging: &StagingDir,
    file: String,
    count: usize,
    text: &str,
) -> Result<LayerList, IngestError> {
    staging.write_file(&file, text.as_bytes())?;
    Ok(LayerList {
        count: u64::try_from(count).unwrap_or(u64::MAX),
        sha256: Digest::of(text.as_bytes()),
        file,
    })
}

//! Opening an entry of a layer: its manifest is checked against its name. It must never trust a
//! file before its digest was compared.

use std::io::{self, Read as _};

use cap_std::fs::Dir;
use counterfoil_base::digest::Digest;

use crate::layout::{DataLayer, MANIFEST};
use crate::store::manifest::LayerManifest;
use crate::store::read_error::ReadError;
use crate::store::snapshot::Snapshot;
use crate::store::snapshot_id::SnapshotId;

/// Bytes of a manifest: 200 bytes a batch, so a billion bars and more.
const MANIFEST_BYTES_MAX: u64 = 64 << 20;

/// The field that manifests of every format have.
#[derive(serde::Deserialize)]
struct StatedFormat {
    format: String,
}

/// Opens a snapshot or a normalized file and checks its manifest against its id.
pub(crate) fn load(data: &Dir, layer: DataLayer, id: &Digest) -> Result<Snapshot, ReadError> {
    let place = format!("{}/{}", layer.folder(), id.hex());
    let dir = data.open_dir(&place).map_err(|source| {
        // A missing snapshot is the user's typing error more often than a fault of the disk.
        if source.kind() == io::ErrorKind::NotFound {
            return ReadError::NotFound { id: id.to_string() };
        }
        ReadError::Io {
            file: place.clone(),
            source,
        }
    })?;
    let file = format!("{place}/{MANIFEST}");
    let mut bytes = Vec::new();
    dir.open(MANIFEST)
        // A larger manifest reads short, and its digest does not match.
        .and_then(|open| open.take(MANIFEST_BYTES_MAX).read_to_end(&mut bytes))
        .map_err(ReadError::io(&file))?;
    // First of all, before any of it is parsed: the name is the digest that the caller asked for,
    // and a run's manifest commits to it.
    let got = Digest::of(&bytes);
    if got != *id {
        let part = "the manifest".to_owned();
        return Err(ReadError::Digest {
            file,
            part,
            expected: *id,
            got,
        });
    }
    let malformed = |error: serde_json::Error| ReadError::malformed(&file, error.to_string());
    // The format before the rest: another version may have other fields, and its error would name
    // a field instead of saying which program reads it.
    let stated: StatedFormat = serde_json::from_slice(&bytes).map_err(malformed)?;
    if stated.format != layer.format() {
        return Err(ReadError::Format {
            file,
            got: stated.format,
            expected: layer.format().to_owned(),
        });
    }
    let manifest: LayerManifest = serde_json::from_slice(&bytes).map_err(malformed)?;
    // Two texts of one manifest would be two ids of the same data. Only the canonical one counts.
    if manifest.canonical().map_err(malformed)? != bytes {
        return Err(ReadError::malformed(&file, "it is not in canonical form"));
    }
    // The digest does not show who made it: a snapshot from elsewhere may hold anything.
    manifest
        .check_contents()
        .map_err(|reason| ReadError::malformed(&file, reason))?;
    Snapshot::new(dir, place, SnapshotId(*id), manifest)
}

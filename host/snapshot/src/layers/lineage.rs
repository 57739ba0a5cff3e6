//! Where a snapshot comes from: its recipe, the normalized files, and the raw files with their
//! receipts. It must never change anything.

use std::collections::BTreeMap;

use cap_std::fs::Dir;

use crate::layers::fetch_index::FetchIndex;
use crate::layers::fetched_records::FETCHED;
use crate::layers::raw::{self, RawReceipt};
use crate::layout::DataLayer;
use crate::store::load::load;
use crate::store::manifest::LayerManifest;
use crate::store::read_error::ReadError;
use crate::store::recipe::DRAWN_FROM;
use crate::store::snapshot_id::SnapshotId;
use counterfoil_base::digest::Digest;

/// Where a snapshot comes from.
#[derive(Clone, Debug)]
pub struct SnapshotLineage {
    /// The snapshot.
    pub id: SnapshotId,
    /// The snapshot that its bars were drawn from, if they were.
    pub drawn_from: Option<SnapshotId>,
    /// How it was curated or drawn.
    pub settings: BTreeMap<String, String>,
    /// The normalized files, in the sequence in which they count.
    pub normalized: Vec<NormalizedLineage>,
    /// Actions, calendar and acceptances.
    pub files: Vec<LineageFile>,
}

/// One normalized file.
#[derive(Clone, Debug)]
pub struct NormalizedLineage {
    /// The digest of its manifest.
    pub id: Digest,
    /// The digest of its data alone.
    pub data_sha256: Digest,
    /// How it was normalized.
    pub settings: BTreeMap<String, String>,
    /// The raw file, and the mapping if there was one.
    pub files: Vec<LineageFile>,
}

/// One file of the raw layer.
#[derive(Clone, Debug)]
pub struct LineageFile {
    /// Its role in the recipe.
    pub role: String,
    /// SHA-256 of its bytes.
    pub sha256: Digest,
    /// Each arrival, oldest first; none where the layer no longer has the file.
    pub receipts: Vec<RawReceipt>,
}

pub(crate) fn lineage(data: &Dir, id: &SnapshotId) -> Result<SnapshotLineage, ReadError> {
    let snapshot = load(data, DataLayer::Snapshots, &id.0)?;
    let recipe = &snapshot.manifest().recipe;
    let mut normalized = Vec::new();
    for id in recipe.inputs_of("normalized") {
        let layer = load(data, DataLayer::Normalized, &id)?;
        let manifest = layer.manifest();
        let inputs = manifest.recipe.inputs.iter();
        let files = inputs.map(|input| file(data, &input.role, input.sha256));
        let mut files: Vec<LineageFile> = files.collect::<Result<_, _>>()?;
        if manifest
            .sources
            .iter()
            .any(|source| source.format == FETCHED)
        {
            files.extend(pages(data, manifest)?);
        }
        normalized.push(NormalizedLineage {
            id,
            data_sha256: manifest.data_sha256,
            settings: manifest.recipe.settings.clone(),
            files,
        });
    }
    let others = recipe
        .inputs
        .iter()
        .filter(|input| input.role != "normalized" && input.role != DRAWN_FROM);
    let files = others.map(|input| file(data, &input.role, input.sha256));
    Ok(SnapshotLineage {
        id: *id,
        drawn_from: snapshot.manifest().drawn_from(),
        settings: recipe.settings.clone(),
        normalized,
        files: files.collect::<Result<_, _>>()?,
    })
}

/// The pages of a source that was fetched.
fn pages(data: &Dir, manifest: &LayerManifest) -> Result<Vec<LineageFile>, ReadError> {
    let mut pages = Vec::new();
    for sha256 in manifest.recipe.inputs_of("raw") {
        // An index that was moved to an archive is named with its digest; its pages are then in there.
        if !data.exists(raw::place(&sha256)) {
            continue;
        }
        let bytes = raw::read_small(data, &sha256)?;
        let index = FetchIndex::parse(&bytes, &raw::place(&sha256))
            .map_err(|error| ReadError::malformed(&raw::place(&sha256), error.to_string()))?;
        for page in &index.pages {
            pages.push(file(data, "page", page.sha256)?);
        }
    }
    Ok(pages)
}

fn file(data: &Dir, role: &str, sha256: Digest) -> Result<LineageFile, ReadError> {
    // Raw files may be moved to an archive once a snapshot was made; the lineage then still names
    // them by digest.
    let there = data.exists(raw::place(&sha256));
    Ok(LineageFile {
        role: role.to_owned(),
        sha256,
        receipts: if there {
            raw::receipts(data, &sha256)?
        } else {
            Vec::new()
        },
    })
}

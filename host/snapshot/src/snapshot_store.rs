//! The snapshots of one data directory. It must never leave the directory handle it was given.

use std::io::{self, Read};

use cap_std::fs::Dir;
use counterfoil_base::digest::Digest;
use counterfoil_trading::time::UnixNanos;

use crate::error::IngestError;
use crate::layers::derive::{DerivedActions, derive_actions};
use crate::layers::fetch_index::FetchIndex;
use crate::layers::fetched::{self, FetchedArrival, FetchedBody};
use crate::layers::ingest::{IngestOutcome, accept, ingest};
use crate::layers::lineage::{SnapshotLineage, lineage};
use crate::layout::DataLayer;
use crate::source::options::IngestOptions;
use crate::source::progress::IngestProgress;
use crate::store::acceptance::FindingAcceptance;
use crate::store::load::load;
use crate::store::manifest::LayerManifest;
use crate::store::read_error::ReadError;
use crate::store::selection::BarSelection;
use crate::store::snapshot::Snapshot;
use crate::store::snapshot_id::SnapshotId;
use crate::synthetic::drawn::write_sample;
use crate::synthetic::resample::{BarDeck, SampleSnapshot, SampleSpec};
use crate::synthetic::resample_error::ResampleError;

/// The snapshots of one data directory.
#[derive(Debug)]
pub struct SnapshotStore {
    data: Dir,
}

/// One snapshot in a list.
#[derive(Debug)]
pub struct SnapshotSummary {
    /// Its name.
    pub id: SnapshotId,
    /// Its manifest, or why that cannot be read. Only the manifest was checked.
    pub manifest: Result<LayerManifest, ReadError>,
}

impl SnapshotStore {
    /// The store in a data directory; nothing is read or written yet.
    #[must_use]
    pub fn open(data: Dir) -> Self {
        Self { data }
    }

    /// Makes a snapshot of a file: CSV, plain or gzip, Parquet or Arrow IPC. `name` is what
    /// messages and the manifest call it; the same bytes, name and options give the same snapshot,
    /// whenever they arrive. What was made of the same inputs before is not made again.
    ///
    /// # Errors
    ///
    /// Returns [`IngestError`] naming file, line and column; no snapshot is made then. The file
    /// itself stays in the raw layer.
    pub fn ingest(
        &self,
        source: impl Read,
        name: &str,
        options: &IngestOptions,
        progress: &mut dyn FnMut(IngestProgress),
    ) -> Result<IngestOutcome, IngestError> {
        ingest(&self.data, source, name, options, progress).map_err(IngestError::shortened)
    }

    /// Keeps an answer of a venue in the raw layer, and notes it if it is final.
    ///
    /// # Errors
    ///
    /// Returns [`IngestError`] if it cannot be written.
    pub fn keep_fetched(
        &self,
        arrival: &FetchedArrival<'_>,
        body: &[u8],
    ) -> Result<Digest, IngestError> {
        fetched::keep(&self.data, arrival, body)
    }

    /// The final answer to the request of this URL, if it was fetched before.
    ///
    /// # Errors
    ///
    /// Returns [`ReadError`] if it cannot be read or was changed.
    pub fn find_fetched(&self, url: &str) -> Result<Option<FetchedBody>, ReadError> {
        fetched::find(&self.data, url)
    }

    /// Keeps the index of a fetch in the raw layer, where it can be ingested.
    ///
    /// # Errors
    ///
    /// Returns [`IngestError`] if it cannot be written.
    pub fn keep_index(
        &self,
        index: &FetchIndex,
        name: &str,
        at: UnixNanos,
    ) -> Result<Digest, IngestError> {
        fetched::keep_index(&self.data, index, name, at)
    }

    /// Makes a snapshot of the same files in which findings are accepted. The one that is there
    /// stays as it is.
    ///
    /// # Errors
    ///
    /// Returns [`IngestError`] if the acceptance lacks a name, a reason or a rule, or there is no such
    /// finding.
    pub fn accept(
        &self,
        id: &SnapshotId,
        acceptance: &FindingAcceptance,
        progress: &mut dyn FnMut(IngestProgress),
    ) -> Result<IngestOutcome, IngestError> {
        accept(&self.data, id, acceptance, progress)
    }

    /// The bars of a selection, to draw samples from.
    ///
    /// # Errors
    ///
    /// Returns [`ResampleError`] if there are none or too many, or if they cannot be read.
    pub fn deck(&self, selection: &BarSelection) -> Result<BarDeck, ResampleError> {
        // A sample is a snapshot, whose instruments are by symbol.
        BarDeck::read(&selection.by_symbol())
    }

    /// Makes a snapshot of one sample, or finds it.
    ///
    /// # Errors
    ///
    /// Returns [`ResampleError`] if a price does not fit, or if it cannot be written.
    pub fn resample(
        &self,
        deck: &BarDeck,
        how: &SampleSpec,
    ) -> Result<SampleSnapshot, ResampleError> {
        write_sample(&self.data, deck, how)
    }

    /// Removes a snapshot that its caller made and nothing uses. What it was made from stays.
    ///
    /// # Errors
    ///
    /// Returns [`ReadError`] if it cannot be removed.
    pub fn remove(&self, id: &SnapshotId) -> Result<(), ReadError> {
        let path = format!("{}/{}", DataLayer::Snapshots.folder(), id.hex());
        // A note that names it stays behind, and is not believed without the snapshot.
        self.data
            .remove_dir_all(&path)
            .map_err(ReadError::io(&path))
    }

    /// Where a snapshot comes from.
    ///
    /// # Errors
    ///
    /// Returns [`ReadError`] if a layer is missing or was changed.
    pub fn lineage(&self, id: &SnapshotId) -> Result<SnapshotLineage, ReadError> {
        lineage(&self.data, id)
    }

    /// The corporate actions that a file's adjusted closes show; the file goes into the raw layer.
    ///
    /// # Errors
    ///
    /// Returns [`IngestError`] naming file, line and column.
    pub fn derive_actions(
        &self,
        source: impl Read,
        name: &str,
        options: &IngestOptions,
    ) -> Result<DerivedActions, IngestError> {
        derive_actions(&self.data, source, name, options)
    }

    /// All snapshots, by id.
    ///
    /// # Errors
    ///
    /// Returns [`ReadError`] if the directory cannot be read. A damaged snapshot is in the list.
    pub fn list(&self) -> Result<Vec<SnapshotSummary>, ReadError> {
        let summary = |id: SnapshotId| {
            // A damaged one keeps its place with its error: left out, it would look as if it had
            // never been ingested.
            let manifest = self.load(&id).map(|snapshot| snapshot.manifest().clone());
            SnapshotSummary { id, manifest }
        };
        Ok(self.ids()?.into_iter().map(summary).collect())
    }

    /// The snapshot whose id begins with `text`, with or without `sha256:`.
    ///
    /// # Errors
    ///
    /// Returns [`ReadError`] if no snapshot or more than one begins so.
    pub fn resolve(&self, text: &str) -> Result<SnapshotId, ReadError> {
        let prefix = text.strip_prefix("sha256:").unwrap_or(text);
        let digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if prefix.is_empty() || prefix.len() > 64 || !prefix.bytes().all(digit) {
            return Err(ReadError::BadId {
                text: text.to_owned(),
            });
        }
        // A prefix of two snapshots is an error: a run on the wrong data would be recorded as right.
        let mut matching = self.ids()?;
        matching.retain(|id| id.hex().starts_with(prefix));
        match matching.as_slice() {
            [id] => Ok(*id),
            [] => Err(ReadError::NotFound {
                id: text.to_owned(),
            }),
            [_, _, ..] => Err(ReadError::AmbiguousId {
                prefix: text.to_owned(),
                count: matching.len(),
            }),
        }
    }

    /// Opens a snapshot and checks its manifest against its id.
    ///
    /// # Errors
    ///
    /// Returns [`ReadError`] if it is not there or was changed.
    pub fn load(&self, id: &SnapshotId) -> Result<Snapshot, ReadError> {
        load(&self.data, DataLayer::Snapshots, &id.0)
    }

    fn ids(&self) -> Result<Vec<SnapshotId>, ReadError> {
        let folder = DataLayer::Snapshots.folder();
        let entries = match self.data.read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(ReadError::io(folder)(error)),
        };
        let mut ids = Vec::new();
        for entry in entries {
            let name = entry.map_err(ReadError::io(folder))?.file_name();
            // Temporary directories and foreign files have other names.
            let id = name.to_str().and_then(Digest::from_hex).map(SnapshotId);
            ids.extend(id);
        }
        // The file system returns names in any order; a list must not differ between two machines.
        ids.sort_unstable();
        Ok(ids)
    }
}

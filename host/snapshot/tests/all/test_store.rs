//! A data directory of one test, and what every part does with one.

use std::fs;
use std::path::PathBuf;

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use counterfoil_snapshot::error::IngestError;
use counterfoil_snapshot::layers::ingest::IngestOutcome;
use counterfoil_snapshot::snapshot_store::SnapshotStore;
use counterfoil_snapshot::source::options::IngestOptions;
use counterfoil_snapshot::store::selection::BarSelection;

pub(crate) const HEADER: &str = "symbol,time,open,high,low,close,volume\n";

/// A data directory that is removed with the test.
pub(crate) struct TestStore {
    pub(crate) directory: tempfile::TempDir,
    pub(crate) store: SnapshotStore,
}

impl TestStore {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let dir = Dir::open_ambient_dir(directory.path(), ambient_authority()).unwrap();
        Self {
            directory,
            store: SnapshotStore::open(dir),
        }
    }

    pub(crate) fn ingest(
        &self,
        bytes: &[u8],
        options: &IngestOptions,
    ) -> Result<IngestOutcome, IngestError> {
        self.store.ingest(bytes, "f.csv", options, &mut |_| {})
    }

    /// Ingests rows under [`HEADER`].
    pub(crate) fn ingest_rows(
        &self,
        rows: &str,
        options: &IngestOptions,
    ) -> Result<IngestOutcome, IngestError> {
        self.ingest(format!("{HEADER}{rows}").as_bytes(), options)
    }

    /// All bars of a snapshot.
    pub(crate) fn select(&self, ingested: &IngestOutcome) -> BarSelection {
        let snapshot = self.store.load(&ingested.id).unwrap();
        snapshot.select(&[], None, None).unwrap()
    }
}

pub(crate) fn daily() -> IngestOptions {
    IngestOptions {
        timeframe: Some("1d".parse().unwrap()),
        ..IngestOptions::default()
    }
}

/// A file of the repository's test data.
pub(crate) fn tests_data(name: &str) -> Vec<u8> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/data");
    fs::read(folder.join(name)).unwrap()
}

/// The whole chain of an error's messages.
pub(crate) fn chain_text(error: &dyn core::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

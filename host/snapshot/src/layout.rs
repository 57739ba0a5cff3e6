//! Names of the files and folders of a data directory. It must never open one.

/// The folder of the raw layer.
pub(crate) const RAW: &str = "raw";

/// From a recipe's digest to its result. All of it can be removed: a result that is not found is
/// made again, and comes out the same.
pub(crate) const RECIPES: &str = "recipes";

/// From a URL's digest to the answer that the raw layer holds. All of it can be removed: what is not found is
/// fetched again.
pub(crate) const FETCHES: &str = "fetches";

/// The folder of the lock files.
pub(crate) const LOCKS: &str = "locks";

/// The manifest, in the folder of a normalized file or a snapshot.
pub(crate) const MANIFEST: &str = "manifest.json";

/// The quarantined rows and bars, beside the manifest.
pub(crate) const QUARANTINE: &str = "quarantine.jsonl";

/// The findings of the checks, beside the manifest of a snapshot.
pub(crate) const FINDINGS: &str = "findings.jsonl";

/// The source's line of each bar, beside the manifest of a normalized file.
pub(crate) const LINES: &str = "lines.u32";

/// The corporate actions, beside the manifest of a snapshot.
pub(crate) const ACTIONS: &str = "actions.csv";

/// The session ends, beside the manifest of a snapshot.
pub(crate) const SESSIONS: &str = "sessions.csv";

/// The format of a snapshot's manifest.
const SNAPSHOT_FORMAT: &str = "counterfoil-snapshot/2";

/// The format of a normalized file's manifest.
const NORMALIZED_FORMAT: &str = "counterfoil-normalized/1";

/// A layer whose entries have a manifest and are named by its digest.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum DataLayer {
    /// One raw file each, as bars.
    Normalized,
    /// Snapshots, which runs read.
    Snapshots,
}

impl DataLayer {
    /// Its folder in the data directory.
    pub(crate) const fn folder(self) -> &'static str {
        match self {
            Self::Normalized => "normalized",
            Self::Snapshots => "snapshots",
        }
    }

    /// The format that its manifests state.
    pub(crate) const fn format(self) -> &'static str {
        match self {
            Self::Normalized => NORMALIZED_FORMAT,
            Self::Snapshots => SNAPSHOT_FORMAT,
        }
    }
}

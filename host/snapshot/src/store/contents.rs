//! The parts of a snapshot that its readers share: its folder, its manifest, and the lists beside it. It must
//! never read a bar.

use cap_std::fs::Dir;
use counterfoil_base::digest::Digest;
use counterfoil_trading::instrument::Instrument;
use counterfoil_trading::time::UnixNanos;

use crate::quality::actions::{SymbolAction, parse_actions};
use crate::quality::sessions::parse_sessions;
use crate::store::manifest::{LayerList, LayerManifest};
use crate::store::read_error::ReadError;
use crate::store::snapshot_id::SnapshotId;

/// The parts of a snapshot that its readers share.
#[derive(Debug)]
pub(crate) struct SnapshotContents {
    pub(crate) id: SnapshotId,
    pub(crate) dir: Dir,
    /// The directory's path in the data directory, for messages.
    pub(crate) place: String,
    pub(crate) manifest: LayerManifest,
    pub(crate) instruments: Vec<Instrument>,
}

impl SnapshotContents {
    pub(crate) fn file_name(&self, file: &str) -> String {
        format!("{}/{file}", self.place)
    }

    /// The corporate actions, from a file whose digest was checked.
    pub(crate) fn actions(&self) -> Result<Vec<SymbolAction>, ReadError> {
        let Some(data) = &self.manifest.actions else {
            return Ok(Vec::new());
        };
        self.list(data, |name, bytes| {
            parse_actions(name, bytes).map_err(|error| error.to_string())
        })
    }

    /// The session ends, by time; none without a calendar.
    pub(crate) fn session_ends(&self) -> Result<Vec<UnixNanos>, ReadError> {
        let Some(data) = &self.manifest.sessions else {
            return Ok(Vec::new());
        };
        self.list(data, |_, bytes| parse_sessions(bytes))
    }

    /// The session ends of an instrument with a calendar of its own, by time.
    pub(crate) fn own_session_ends(
        &self,
        place: usize,
    ) -> Result<Option<Vec<UnixNanos>>, ReadError> {
        let data = self.manifest.instruments.get(place);
        data.and_then(|data| data.sessions.as_ref())
            .map(|list| self.list(list, |_, bytes| parse_sessions(bytes)))
            .transpose()
    }

    /// The list in a file beside the manifest, once its digest was checked.
    fn list<T>(
        &self,
        data: &LayerList,
        parse: impl FnOnce(&str, &[u8]) -> Result<Vec<T>, String>,
    ) -> Result<Vec<T>, ReadError> {
        let name = self.file_name(&data.file);
        // Read once and hashed in memory: opened twice, the file could change in between.
        let bytes = self.dir.read(&data.file).map_err(ReadError::io(&name))?;
        let got = Digest::of(&bytes);
        if got != data.sha256 {
            return Err(ReadError::Digest {
                file: name,
                part: "the file".to_owned(),
                expected: data.sha256,
                got,
            });
        }
        let all = parse(&name, &bytes).map_err(|reason| ReadError::malformed(&name, reason))?;
        // A parser that skipped a line would lose a corporate action without an error.
        if u64::try_from(all.len()) != Ok(data.count) {
            return Err(ReadError::malformed(
                &name,
                "the number of lines differs from the manifest",
            ));
        }
        Ok(all)
    }
}

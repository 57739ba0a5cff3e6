//! One snapshot: its manifest, what can be selected from it, and the check of every byte. It must
//! never change a file.

use std::collections::BTreeSet;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::sync::Arc;

use cap_std::fs::{Dir, File};
use counterfoil_trading::corporate::CorporateActionKind;
use counterfoil_trading::instrument::{Instrument, InstrumentId};
use counterfoil_trading::time::UnixNanos;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};

use crate::quality::findings::QualityFinding;
use crate::store::batches::{BarReader, TimeRange};
use crate::store::contents::SnapshotContents;
use crate::store::hashing::HashingReader;
use crate::store::manifest::{LayerInstrument, LayerManifest};
use crate::store::quarantine::QuarantinedRow;
use crate::store::read_error::ReadError;
use crate::store::selection::BarSelection;
use crate::store::snapshot_id::SnapshotId;
use counterfoil_base::digest::Digest;

/// Bytes of one line of quarantine or findings: a row whose every byte is escaped, and a message that repeats it.
const LINE_BYTES_MAX: u64 = 4 << 20;

/// Symbols that an error lists.
const SHOWN_MAX: usize = 20;

/// A snapshot whose manifest was checked against its id. Bars are checked as they are read.
#[derive(Clone, Debug)]
pub struct Snapshot {
    contents: Arc<SnapshotContents>,
}

/// Counts of a snapshot that was verified.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct VerifiedSnapshot {
    /// Files, the manifest included.
    pub files: u64,
    /// Bars.
    pub bars: u64,
    /// Quarantined rows.
    pub quarantined: u64,
}

impl Snapshot {
    pub(crate) fn new(
        dir: Dir,
        place: String,
        id: SnapshotId,
        manifest: LayerManifest,
    ) -> Result<Self, ReadError> {
        let instruments = manifest
            .instruments
            .iter()
            .map(LayerInstrument::instrument)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| ReadError::malformed(&place, error.to_string()))?;
        Ok(Self {
            contents: Arc::new(SnapshotContents {
                id,
                dir,
                place,
                manifest,
                instruments,
            }),
        })
    }

    /// Its name.
    #[must_use]
    pub fn id(&self) -> SnapshotId {
        self.contents.id
    }

    /// Its manifest.
    #[must_use]
    pub fn manifest(&self) -> &LayerManifest {
        &self.contents.manifest
    }

    pub(crate) fn contents(&self) -> &Arc<SnapshotContents> {
        &self.contents
    }

    /// The name of the file it was made from, for messages.
    pub(crate) fn source_name(&self) -> String {
        let source = self.manifest().sources.first();
        source.map_or_else(String::new, |source| source.name.clone())
    }

    /// All bars of the instrument at a place of the manifest.
    pub(crate) fn bars(&self, place: usize) -> BarReader {
        let contents = Arc::clone(&self.contents);
        BarReader::new(contents, place, InstrumentId(0), TimeRange::default())
    }

    /// Its instruments, by symbol.
    #[must_use]
    pub fn instruments(&self) -> Vec<Instrument> {
        self.contents.instruments.clone()
    }

    /// The bars of some instruments (none named: of all) in a range of time.
    ///
    /// The range is compared with the bars' open times, so that the daily bar of 2003-01-02, which
    /// closes at the midnight after it, belongs to 2003-01-02: `from` is inclusive, `to` exclusive.
    ///
    /// # Errors
    ///
    /// Returns [`ReadError`] for a symbol that the snapshot does not have, or a range that ends
    /// before it begins.
    pub fn select(
        &self,
        symbols: &[String],
        from: Option<UnixNanos>,
        to: Option<UnixNanos>,
    ) -> Result<BarSelection, ReadError> {
        if let (Some(from), Some(to)) = (from, to)
            && from >= to
        {
            return Err(ReadError::EmptyRange {
                from: from.0,
                to: to.0,
            });
        }
        let all = &self.contents.instruments;
        let mut places = Vec::new();
        let mut seen = BTreeSet::new();
        for symbol in symbols {
            // The manifest is sorted by symbol.
            let place = all.binary_search_by(|other| other.symbol().cmp(symbol));
            let place = place.map_err(|_| ReadError::UnknownSymbol {
                symbol: symbol.clone(),
                known: self.instead_of(symbol),
            })?;
            // A symbol that was named twice is one instrument: its bars must not come twice.
            if seen.insert(place) {
                places.push(place);
            }
        }
        if symbols.is_empty() {
            places.extend(0..all.len());
        }
        Ok(BarSelection::new(
            Arc::clone(&self.contents),
            places,
            TimeRange { from, to },
        ))
    }

    /// What can be asked for in place of a symbol that is no instrument's.
    fn instead_of(&self, symbol: &str) -> String {
        let all = &self.contents.instruments;
        let first = all.iter().take(SHOWN_MAX).map(Instrument::symbol);
        let mut known = first.collect::<Vec<_>>().join(", ");
        if let Some(more) = all.len().checked_sub(SHOWN_MAX).filter(|more| *more > 0) {
            known = format!("{known} and {more} more");
        }
        // Only for the message: actions that cannot be read are an error where a run needs them.
        let actions = self.contents.actions().unwrap_or_default();
        let renamed = actions.iter().find(|action| {
            matches!(&action.kind, CorporateActionKind::SymbolChange { symbol: new } if new == symbol)
        });
        match renamed {
            Some(action) => {
                let id = &action.instrument;
                format!("{known}; {symbol} is a later ticker of {id}: ask for {id}")
            }
            None => known,
        }
    }

    /// The first `most` quarantined rows, from a file whose digest was checked.
    ///
    /// # Errors
    ///
    /// Returns [`ReadError`] if the file was changed or cannot be read.
    pub fn quarantine(&self, most: usize) -> Result<Vec<QuarantinedRow>, ReadError> {
        let data = &self.manifest().quarantine;
        self.lines(&data.file, data.sha256, most)
    }

    /// The first `most` findings of the checks, from a file whose digest was checked.
    ///
    /// # Errors
    ///
    /// Returns [`ReadError`] if the file was changed or cannot be read.
    pub fn findings(&self, most: usize) -> Result<Vec<QualityFinding>, ReadError> {
        match &self.manifest().findings {
            Some(data) => self.lines(&data.file, data.sha256, most),
            None => Ok(Vec::new()),
        }
    }

    /// Lines of JSON from a file beside the manifest.
    fn lines<T: DeserializeOwned>(
        &self,
        file: &str,
        sha256: Digest,
        most: usize,
    ) -> Result<Vec<T>, ReadError> {
        let (open, name) = self.checked(file, sha256)?;
        let mut open = BufReader::new(open);
        let mut all = Vec::new();
        while all.len() < most {
            // Bounded, because the digest only shows that the file is what its maker wrote: a line
            // of gigabytes would be read whole. One that is cut is not valid JSON and ends the reading.
            let mut line = Vec::new();
            let read = open
                .by_ref()
                .take(LINE_BYTES_MAX)
                .read_until(b'\n', &mut line);
            if read.map_err(ReadError::io(&name))? == 0 {
                break;
            }
            let parsed = serde_json::from_slice(&line)
                .map_err(|error| ReadError::malformed(&name, error.to_string()))?;
            all.push(parsed);
        }
        Ok(all)
    }

    /// A file beside the manifest whose digest was checked, and its name for messages.
    pub(crate) fn checked(&self, file: &str, sha256: Digest) -> Result<(File, String), ReadError> {
        self.check_file(file, sha256)?;
        let name = self.contents.file_name(file);
        let open = self.contents.dir.open(file).map_err(ReadError::io(&name))?;
        Ok((open, name))
    }

    /// Reads everything and checks every digest: files, record batches, and the bars of each
    /// instrument.
    ///
    /// # Errors
    ///
    /// Returns [`ReadError`] naming the first file that does not hold.
    pub fn verify_all(&self) -> Result<VerifiedSnapshot, ReadError> {
        let manifest = self.manifest();
        self.check_file(&manifest.quarantine.file, manifest.quarantine.sha256)?;
        let quarantined = manifest.quarantine.rows;
        let mut verified = VerifiedSnapshot {
            files: 2,
            bars: 0,
            quarantined,
        };
        let findings = manifest
            .findings
            .iter()
            .map(|findings| (&findings.file, findings.sha256));
        let own = manifest.instruments.iter().flat_map(|one| &one.sessions);
        let lists = manifest
            .actions
            .iter()
            .chain(&manifest.sessions)
            .chain(&manifest.lines)
            .chain(own)
            .map(|list| (&list.file, list.sha256));
        for (file, sha256) in findings.chain(lists) {
            self.check_file(file, sha256)?;
            verified.files = verified.files.saturating_add(1);
        }
        for (place, data) in manifest.instruments.iter().enumerate() {
            for file in &data.files {
                self.check_file(&file.file, file.sha256)?;
                verified.files = verified.files.saturating_add(1);
            }
            let bars = self.verify_bars(place, data)?;
            verified.bars = verified.bars.saturating_add(bars);
        }
        Ok(verified)
    }

    /// Reads all bars of an instrument, and returns their number.
    fn verify_bars(&self, place: usize, data: &LayerInstrument) -> Result<u64, ReadError> {
        // The digests of the files cover every byte. This reads the bars as a run would, and
        // compares what the manifest states of them: it may state other ends than the bars have.
        let contents = Arc::clone(&self.contents);
        let mut bars = BarReader::new(contents, place, InstrumentId(0), TimeRange::default());
        let mut hash = Sha256::new();
        let mut count: u64 = 0;
        let mut ends = None;
        while let Some(bar) = bars.next_bar()? {
            hash.update(bar.canonical());
            count = count.saturating_add(1);
            ends = Some((ends.map_or(*bar.get(), |(first, _)| first), *bar.get()));
        }
        let name = self
            .contents
            .file_name(data.files.last().map_or("", |file| &file.file));
        let got = Digest::finish(hash);
        if got != data.bars_sha256 {
            let part = "the sequence of bars".to_owned();
            return Err(ReadError::Digest {
                file: name,
                part,
                expected: data.bars_sha256,
                got,
            });
        }
        let (first, last) = ends.ok_or_else(|| ReadError::malformed(&name, "no bars"))?;
        let stated = (
            data.first_open,
            data.first_close,
            data.last_open,
            data.last_close,
        );
        if (
            first.open_time,
            first.close_time,
            last.open_time,
            last.close_time,
        ) != stated
        {
            return Err(ReadError::malformed(
                &name,
                "the first or last bar differs from the manifest",
            ));
        }
        Ok(count)
    }

    fn check_file(&self, file: &str, expected: Digest) -> Result<(), ReadError> {
        let name = self.contents.file_name(file);
        let open = self.contents.dir.open(file).map_err(ReadError::io(&name))?;
        let (got, _) = HashingReader::new(open)
            .finish()
            .map_err(|source: io::Error| ReadError::Io {
                file: name.clone(),
                source,
            })?;
        if got != expected {
            return Err(ReadError::Digest {
                file: name,
                part: "the file".to_owned(),
                expected,
                got,
            });
        }
        Ok(())
    }
}

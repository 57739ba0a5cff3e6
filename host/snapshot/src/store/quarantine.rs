//! Rows and bars that cannot be used, with line, reason and text. It must never drop one.

use std::collections::BTreeMap;
use std::io::{self, BufWriter, Write as _};

use cap_std::fs::File;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::layout::QUARANTINE;
use crate::store::manifest::LayerQuarantine;
use counterfoil_base::digest::Digest;

/// One quarantined row; one line of `quarantine.jsonl`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct QuarantinedRow {
    /// The source's name.
    pub file: String,
    /// The line in it; the header is line 1.
    pub line: u64,
    /// A sentence for people that names the column.
    pub message: String,
    /// the code of a row error, or the name of a [`Rule`](crate::quality::findings::QualityRule).
    pub reason: String,
    /// The row unchanged, except that bytes that are not UTF-8 are replaced and a row that was too long is cut.
    pub row: String,
}

/// Quarantined rows kept for messages; all of them are in the file.
const EXAMPLES_MAX: usize = 1;

/// The quarantine file while it is written.
#[derive(Debug)]
pub(crate) struct QuarantineWriter {
    file: BufWriter<File>,
    hash: Sha256,
    bytes: u64,
    rows: u64,
    reasons: BTreeMap<String, u64>,
    pub(crate) examples: Vec<QuarantinedRow>,
}

impl QuarantineWriter {
    pub(crate) fn new(file: BufWriter<File>) -> Self {
        Self {
            file,
            hash: Sha256::new(),
            bytes: 0,
            rows: 0,
            reasons: BTreeMap::new(),
            examples: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, row: QuarantinedRow) -> io::Result<()> {
        let mut line = serde_json_canonicalizer::to_vec(&row).map_err(io::Error::other)?;
        line.push(b'\n');
        // Canonical JSON, so that the digest is the same on every machine: it goes into the manifest,
        // whose digest names the snapshot.
        self.file.write_all(&line)?;
        self.hash.update(&line);
        self.bytes = self
            .bytes
            .saturating_add(u64::try_from(line.len()).unwrap_or(u64::MAX));
        self.rows = self.rows.saturating_add(1);
        let count = self.reasons.entry(row.reason.clone()).or_default();
        *count = count.saturating_add(1);
        if self.examples.len() < EXAMPLES_MAX {
            self.examples.push(row);
        }
        Ok(())
    }

    pub(crate) fn finish(self) -> (BufWriter<File>, LayerQuarantine) {
        let summary = LayerQuarantine {
            bytes: self.bytes,
            file: QUARANTINE.to_owned(),
            reasons: self.reasons,
            rows: self.rows,
            sha256: Digest::finish(self.hash),
        };
        (self.file, summary)
    }
}

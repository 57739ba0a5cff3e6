//! The file of findings while it is written, and which of them are accepted. It must never drop
//! one.

use std::collections::BTreeMap;
use std::io::{self, BufWriter, Write as _};

use cap_std::fs::File;
use counterfoil_base::digest::Digest;
use sha2::{Digest as _, Sha256};

use crate::layout::FINDINGS;
use crate::quality::accept::AcceptanceList;
use crate::quality::findings::{LayerFindings, QualityFinding, RuleCount, Severity};

/// Findings kept for messages; all of them are in the file.
const EXAMPLES_MAX: usize = 100;

/// The findings' file while it is written.
#[derive(Debug)]
pub(crate) struct FindingsWriter {
    file: BufWriter<File>,
    hash: Sha256,
    rules: BTreeMap<String, RuleCount>,
    /// The first errors that are not accepted.
    pub(crate) errors: Vec<QualityFinding>,
    /// The bars and rows of all of them.
    pub(crate) errors_count: u64,
    accepted: AcceptanceList,
}

impl FindingsWriter {
    pub(crate) fn new(file: BufWriter<File>, accepted: AcceptanceList) -> Self {
        Self {
            file,
            hash: Sha256::new(),
            rules: BTreeMap::new(),
            errors: Vec::new(),
            errors_count: 0,
            accepted,
        }
    }

    /// Writes a finding. `true` if its bar may be used: it is not an error, or it is accepted.
    pub(crate) fn add(&mut self, mut finding: QualityFinding) -> io::Result<bool> {
        finding.accepted_by = self.accepted.by(&finding);
        let accepted = finding.accepted_by.is_some();
        let usable = accepted || finding.severity != Severity::Error;
        // A row that cannot be used stays in quarantine even if its finding is accepted: there is no bar
        // that could be used.
        if finding.line.is_none() || finding.instrument.is_some() {
            finding.quarantined = !usable;
        }
        let mut line = serde_json_canonicalizer::to_vec(&finding).map_err(io::Error::other)?;
        line.push(b'\n');
        self.file.write_all(&line)?;
        self.hash.update(&line);
        let count = self.rules.entry(finding.rule.clone()).or_insert(RuleCount {
            accepted: 0,
            count: 0,
            severity: finding.severity,
        });
        // One finding may list a hundred bars that are left out: counted once, they would look like one.
        let concerned = finding.count.unwrap_or(1);
        count.count = count.count.saturating_add(concerned);
        if accepted {
            count.accepted = count.accepted.saturating_add(concerned);
        }
        if !usable {
            self.errors_count = self.errors_count.saturating_add(concerned);
            // Bounded, as a source may have as many errors as rows; the file has all of them.
            if self.errors.len() < EXAMPLES_MAX {
                self.errors.push(finding);
            }
        }
        Ok(usable)
    }

    pub(crate) fn finish(self) -> (BufWriter<File>, LayerFindings) {
        let data = LayerFindings {
            file: FINDINGS.to_owned(),
            rules: self.rules,
            sha256: Digest::finish(self.hash),
        };
        (self.file, data)
    }
}

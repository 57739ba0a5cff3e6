//! The runs that were listed before, kept beside the keys: one whose folder is gone is named. It must never forget one
//! because it is gone.

use std::collections::BTreeSet;

use anyhow::Result;
use counterfoil_approval::seen_place::{make_folder_of, seen_path};
use counterfoil_os::file_path::FilePath;
use counterfoil_os::files::{is_there, read_plain, write_whole};
use counterfoil_runner::store::data_dir::Execution;

use crate::cli_context::CliContext;

/// Bytes of the file: about 200,000 runs.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// The runs of one data directory that were listed.
pub(crate) struct RunsSeen {
    pub(crate) path: FilePath,
    listed: BTreeSet<String>,
}

impl RunsSeen {
    /// What was listed of this data directory; `None` for whoever has no keys, as an auditor.
    pub(crate) fn of(cli: &CliContext) -> Result<Option<Self>> {
        let Some(path) = seen_path(&cli.keys, &cli.data, "runs", "txt")? else {
            return Ok(None);
        };
        let bytes = if is_there(&path)? {
            read_plain(&path, FILE_BYTES_MAX)?
        } else {
            Vec::new()
        };
        let text = String::from_utf8_lossy(&bytes);
        let listed = text.lines().map(str::to_owned).collect();
        Ok(Some(Self { path, listed }))
    }

    /// The runs that were listed and are not among these.
    pub(crate) fn gone(&self, now: &[Execution]) -> Vec<String> {
        let now: BTreeSet<String> = now.iter().map(line).collect();
        self.listed.difference(&now).cloned().collect()
    }

    /// Keeps these too. What is gone stays, and is named again.
    pub(crate) fn keep(mut self, now: &[Execution]) {
        let before = self.listed.len();
        self.listed.extend(now.iter().map(line));
        if self.listed.len() == before {
            return;
        }
        let mut text = String::new();
        for line in &self.listed {
            text.push_str(line);
            text.push('\n');
        }
        // The list is the answer. A key folder that cannot be written remembers nothing.
        let made = make_folder_of(&self.path);
        let _best_effort = made.and_then(|()| write_whole(&self.path, text.as_bytes()));
    }
}

/// A run as it is kept: its whole id and the number of its execution.
fn line(execution: &Execution) -> String {
    format!("{}/{}", execution.run.hex(), execution.number)
}

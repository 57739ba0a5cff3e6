//! For each bar of a normalized file the line of its source, so that what is found of a bar later names the row. It
//! must never know a bar.

use std::io::{BufWriter, Read as _, Seek as _, SeekFrom, Write as _};

use cap_std::fs::File;
use counterfoil_base::digest::Digest;
use sha2::{Digest as _, Sha256};

use crate::error::IngestError;
use crate::layout::LINES;
use crate::spool::staging::StagingDir;
use crate::store::manifest::LayerList;
use crate::store::read_error::ReadError;
use crate::store::snapshot::Snapshot;

/// Bytes of one line: no file of 500 million rows has a line that needs more.
const LINE_BYTES: u64 = 4;

/// The lines of a normalized file while they are written.
#[derive(Debug)]
pub(crate) struct LineListWriter {
    file: BufWriter<File>,
    hash: Sha256,
    count: u64,
}

impl LineListWriter {
    pub(crate) fn new(staging: &StagingDir) -> Result<Self, IngestError> {
        Ok(Self {
            file: staging.create(LINES)?,
            hash: Sha256::new(),
            count: 0,
        })
    }

    /// Adds the line of the next bar.
    pub(crate) fn add(&mut self, line: u64) -> Result<(), IngestError> {
        // Line 0 is none: a number that does not fit must not name another row.
        let bytes = u32::try_from(line).unwrap_or(0).to_be_bytes();
        self.hash.update(bytes);
        self.count = self.count.saturating_add(1);
        let written = self.file.write_all(&bytes);
        written.map_err(IngestError::write(LINES))
    }

    pub(crate) fn finish(self, staging: &StagingDir) -> Result<LayerList, IngestError> {
        staging.close(self.file, LINES)?;
        Ok(LayerList {
            count: self.count,
            file: LINES.to_owned(),
            sha256: Digest::finish(self.hash),
        })
    }
}

/// The lines of one instrument's bars.
#[derive(Debug)]
pub(crate) struct LineList {
    file: File,
    name: String,
    /// Bars of the instruments before this one.
    before: u64,
}

impl LineList {
    /// Those of the instrument at a place of a layer's manifest; `None` if the layer has no lines.
    pub(crate) fn open(layer: &Snapshot, place: usize) -> Result<Option<Self>, ReadError> {
        let manifest = layer.manifest();
        let Some(list) = &manifest.lines else {
            return Ok(None);
        };
        let (file, name) = layer.checked(&list.file, list.sha256)?;
        let before = manifest.instruments.iter().take(place);
        let before = before.fold(0_u64, |sum, one| sum.saturating_add(one.bars));
        Ok(Some(Self { file, name, before }))
    }

    /// The line of a bar, counted from 0; `None` if it is not known.
    pub(crate) fn line_of(&mut self, bar: u64) -> Result<Option<u64>, ReadError> {
        let offset = self.before.saturating_add(bar).saturating_mul(LINE_BYTES);
        let mut bytes = [0; 4];
        self.file
            .seek(SeekFrom::Start(offset))
            .and_then(|_| self.file.read_exact(&mut bytes))
            .map_err(ReadError::io(&self.name))?;
        let line = u32::from_be_bytes(bytes);
        Ok((line > 0).then_some(line.into()))
    }
}

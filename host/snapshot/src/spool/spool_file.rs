//! Rows on disk while a source is read, one frame after the other: a length and the row's bytes.
//! It must never know what a row means, and none of its files outlives the ingestion.

use core::marker::PhantomData;
use std::io::{
    self, BufRead as _, BufReader, BufWriter, Read as _, Seek as _, SeekFrom, Write as _,
};

use cap_std::fs::File;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::IngestError;
use crate::spool::staging::StagingDir;

/// Bytes read at once. A merge holds as many times this as it has inputs.
const BUFFER_BYTES: usize = 32_768;

/// Bytes of one frame: a row of a source in which every byte was replaced by three, its message and
/// more. Our own file, but a disk may change it.
const FRAME_BYTES_MAX: u32 = 4 << 20;

/// Writes frames to a new file.
pub(crate) struct SpoolWriter {
    name: String,
    file: BufWriter<File>,
    frame: Vec<u8>,
    offset: u64,
}

impl SpoolWriter {
    pub(crate) fn new(scratch: &StagingDir, name: String) -> Result<Self, IngestError> {
        Ok(Self {
            file: scratch.create(&name)?,
            name,
            frame: Vec::new(),
            offset: 0,
        })
    }

    /// Where the next frame begins, in bytes.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    pub(crate) fn add(&mut self, row: &impl Serialize) -> Result<(), IngestError> {
        let mut frame = core::mem::take(&mut self.frame);
        frame.clear();
        self.frame = postcard::to_extend(row, frame).map_err(IngestError::encode(&self.name))?;
        let length = u32::try_from(self.frame.len()).unwrap_or(u32::MAX);
        // Checked here too, so that what the reader refuses was never written by us.
        if length > FRAME_BYTES_MAX {
            return Err(IngestError::encode(&self.name)("a row is too long"));
        }
        self.file
            .write_all(&length.to_le_bytes())
            .and_then(|()| self.file.write_all(&self.frame))
            .map_err(IngestError::write(&self.name))?;
        let bytes = u64::from(length).saturating_add(4);
        self.offset = self.offset.saturating_add(bytes);
        Ok(())
    }

    /// Ends the file, which is there to be read once and needs no `fsync`; gives its name.
    pub(crate) fn finish(mut self) -> Result<String, IngestError> {
        self.file.flush().map_err(IngestError::write(&self.name))?;
        Ok(self.name)
    }
}

/// Reads the frames of a file, from a given frame on.
pub(crate) struct SpoolReader<T> {
    name: String,
    file: BufReader<File>,
    frame: Vec<u8>,
    rows: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned> SpoolReader<T> {
    pub(crate) fn new(scratch: &StagingDir, name: &str, offset: u64) -> Result<Self, IngestError> {
        let mut file = scratch.open(name)?;
        file.seek(SeekFrom::Start(offset))
            .map_err(IngestError::source(name, 0))?;
        Ok(Self {
            name: name.to_owned(),
            file: BufReader::with_capacity(BUFFER_BYTES, file),
            frame: Vec::new(),
            rows: PhantomData,
        })
    }

    /// The file.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The next row; `None` at the end of the file.
    pub(crate) fn next(&mut self) -> Result<Option<T>, IngestError> {
        self.read().map_err(IngestError::source(&self.name, 0))
    }

    fn read(&mut self) -> io::Result<Option<T>> {
        // An end before a frame is the end of the file; one inside a frame is an error below.
        if self.file.fill_buf()?.is_empty() {
            return Ok(None);
        }
        let mut length = [0; 4];
        self.file.read_exact(&mut length)?;
        let length = u32::from_le_bytes(length);
        // The file is ours and lives as long as the ingestion, but a full or failing disk can
        // change it: a length that is garbage must not become an allocation.
        if length > FRAME_BYTES_MAX {
            return Err(io::Error::other("the temporary file was changed"));
        }
        self.frame.clear();
        self.frame
            .resize(usize::try_from(length).unwrap_or(usize::MAX), 0);
        self.file.read_exact(&mut self.frame)?;
        postcard::from_bytes(&self.frame)
            .map(Some)
            .map_err(io::Error::other)
    }
}

//! Where a journal's bytes come from: a source that can be read ahead once and then from its beginning. It must never know
//! what the bytes hold.

use std::fs::File;
use std::io::{self, Read, Seek as _, SeekFrom, Take};

/// Bytes that can be looked at before they are read.
pub trait JournalSource: Read {
    /// What `look` finds in the bytes that are left. They are read again afterwards.
    ///
    /// # Errors
    ///
    /// Returns the error of the source, or of `look`.
    fn look_ahead<T>(&mut self, look: impl FnOnce(&mut dyn Read) -> io::Result<T>)
    -> io::Result<T>;
}

impl JournalSource for &[u8] {
    fn look_ahead<T>(
        &mut self,
        look: impl FnOnce(&mut dyn Read) -> io::Result<T>,
    ) -> io::Result<T> {
        let mut ahead = *self;
        look(&mut ahead)
    }
}

impl JournalSource for File {
    fn look_ahead<T>(
        &mut self,
        look: impl FnOnce(&mut dyn Read) -> io::Result<T>,
    ) -> io::Result<T> {
        // A pipe fails here: what has been read of it is gone, so nothing could be known ahead of it.
        let start = self.stream_position()?;
        let found = look(self)?;
        self.seek(SeekFrom::Start(start))?;
        Ok(found)
    }
}

impl<S: JournalSource> JournalSource for Take<S> {
    fn look_ahead<T>(
        &mut self,
        look: impl FnOnce(&mut dyn Read) -> io::Result<T>,
    ) -> io::Result<T> {
        let limit = self.limit();
        self.get_mut()
            .look_ahead(|reader| look(&mut reader.take(limit)))
    }
}

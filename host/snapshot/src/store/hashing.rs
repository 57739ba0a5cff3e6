//! A digest and a size of bytes as they are read. It must never keep them.

use std::io::{self, Read};

use counterfoil_base::digest::Digest;
use sha2::{Digest as _, Sha256};

/// A reader that hashes and counts what passes.
#[derive(Debug)]
pub(crate) struct HashingReader<R> {
    inner: R,
    hash: Sha256,
    bytes: u64,
}

impl<R: Read> HashingReader<R> {
    pub(crate) fn new(inner: R) -> Self {
        Self {
            inner,
            hash: Sha256::new(),
            bytes: 0,
        }
    }

    /// Reads the rest, and returns digest and size of the whole source.
    pub(crate) fn finish(mut self) -> io::Result<(Digest, u64)> {
        io::copy(&mut self, &mut io::sink())?;
        Ok((Digest::finish(self.hash), self.bytes))
    }
}

impl<R: Read> Read for HashingReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        // A reader that claims more than it was given room for has read something else than what
        // would be hashed here.
        let read = buffer.get(..count).ok_or_else(too_many_bytes)?;
        self.hash.update(read);
        self.bytes = self
            .bytes
            .saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
        Ok(count)
    }
}

/// The error of a reader or writer that counts more bytes than its buffer has.
pub(crate) fn too_many_bytes() -> io::Error {
    io::Error::other("more bytes were counted than the buffer holds")
}

//! Reads or writes again a ledger that this process has verified: only what was added since is verified. It must never take
//! a file that does not go on from what is known.

use counterfoil_base::digest::Digest;
use counterfoil_journal::salt::LogSigner;
use counterfoil_os::file_path::AsFilePath;
use counterfoil_os::files::read_whole;

use super::known::KnownLedger;
use super::{Ledger, LedgerError, check_signer, origin, walk};
use crate::files::LogFile;
use crate::id::Id;

impl KnownLedger {
    /// What is known with the records that were added to the file at `path`; a record without its checkpoint does not
    /// count.
    ///
    /// # Errors
    ///
    /// Returns [`LedgerError`] if what was added does not verify, or if the file does not go on from what is known.
    pub fn read_on(self, path: &(impl AsFilePath + ?Sized)) -> Result<Self, LedgerError> {
        // Not a pipe, which would hold every run that asks whether it may go on.
        let bytes = read_whole(path)?;
        let mark = self.mark();
        let length = usize::try_from(mark.length).unwrap_or(usize::MAX);
        let (known, rest) = bytes.split_at_checked(length).unwrap_or((&bytes, &[]));
        // Every byte is compared and no signature: one that was changed in place is a ledger that does not hold, and
        // hashing is quick.
        if Digest::of(known) != mark.bytes {
            return Err(LedgerError::Mark { size: mark.size });
        }
        Ok(walk::verify_rest(self, rest)?.0)
    }
}

impl Ledger {
    /// What this process knows of the ledger, for its next opening.
    #[must_use]
    pub fn known(&self) -> KnownLedger {
        self.known.clone()
    }

    /// As [`Ledger::open`], for a ledger that this process has verified before: what was added since is verified, and of
    /// the rest the end is compared. Somebody who changed the bytes in front of it changes nothing that this process
    /// goes by, and the next full verification names it.
    ///
    /// # Errors
    ///
    /// As [`Ledger::open`], and if the file does not go on from what is known.
    pub fn open_known(
        path: &(impl AsFilePath + ?Sized),
        name: &Id,
        signer: Box<dyn LogSigner + Send>,
        known: KnownLedger,
    ) -> Result<Self, LedgerError> {
        if origin(name) != known.origin {
            let size = known.tree.size();
            return Err(LedgerError::Mark { size });
        }
        let (mut file, rest) = LogFile::open_from(path, known.length, &known.tail)?;
        let (known, cut_bytes) = walk::verify_rest(known, &rest)?;
        check_signer(&known.state, signer.as_ref())?;
        if cut_bytes > 0 {
            file.cut(known.length)?;
        }
        Ok(Self {
            file,
            signer,
            known,
            cut_bytes,
            unknown: false,
        })
    }
}

//! What a file is, by its first bytes. It must never say whether the file holds.

use std::io::{self, Read};

use counterfoil_journal::entry::HEAD_BYTES;
use counterfoil_journal::frame::{FRAME_HEAD_BYTES, MAGIC};

/// Bytes of a file that are enough to tell its kind.
const FILE_HEAD_BYTES: usize = 256;

/// What journals of every version begin with.
const JOURNAL_NAME: &[u8] = b"counterfoil/j/";
/// The first line of a proof.
const PROOF_LINE: &[u8] = b"c2sp.org/tlog-proof@";
/// The first line of docs/reference/journal-example.txt, which has a journal's bytes in hex.
const EXAMPLE_LINE: &[u8] = b"magic\n    636f756e746572666f696c2f";

/// The kind of a file that an auditor may have received.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum AuditFileKind {
    /// A journal, or what claims to be one.
    Journal,
    Ledger,
    OrderLog,
    /// A `.tlog-proof` of one record.
    Proof,
    /// The example beside the journal's format, in hex.
    Example,
    /// A journal, ledger or order log of another version of the format.
    OtherVersion,
    /// JSON: a manifest, a policy's input or an attestation.
    Json,
    /// Something else.
    Unknown,
}

impl AuditFileKind {
    /// The kind of the file with these first bytes.
    #[must_use]
    pub fn of(head: &[u8]) -> Self {
        // A file that is cut within the magic is a journal's beginning, as a crash leaves it.
        if head.starts_with(MAGIC) || MAGIC.starts_with(head) {
            return Self::of_log(head);
        }
        let trimmed = head.trim_ascii_start();
        if head.starts_with(JOURNAL_NAME) {
            Self::OtherVersion
        } else if head.starts_with(PROOF_LINE) {
            Self::Proof
        } else if head.starts_with(EXAMPLE_LINE) {
            Self::Example
        } else if trimmed.starts_with(b"{") || trimmed.starts_with(b"[") {
            Self::Json
        } else {
            Self::Unknown
        }
    }

    /// The kind of the file that this reads from its first byte; a part of it is read.
    ///
    /// # Errors
    ///
    /// Returns the error of the reader.
    pub fn read(reader: impl Read) -> io::Result<Self> {
        let mut head = Vec::with_capacity(FILE_HEAD_BYTES);
        let most = u64::try_from(FILE_HEAD_BYTES).unwrap_or(u64::MAX);
        reader.take(most).read_to_end(&mut head)?;
        Ok(Self::of(&head))
    }

    /// The three logs have one form; the first record tells them apart.
    fn of_log(head: &[u8]) -> Self {
        let body = MAGIC
            .len()
            .saturating_add(FRAME_HEAD_BYTES)
            .saturating_add(HEAD_BYTES);
        match head.get(body..) {
            // A list of seven: of an order log it begins with the kind 0, of a ledger with the version 1.
            Some([0x87, 0x00, ..]) => Self::OrderLog,
            Some([0x87, 0x01, ..]) => Self::Ledger,
            _ => Self::Journal,
        }
    }

    /// What the kind is called, with an article.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Journal => "a journal",
            Self::Ledger => "a ledger",
            Self::OrderLog => "an order log",
            Self::Proof => "a proof of one record",
            Self::Example => "the example of the journal's format",
            Self::OtherVersion => "a log of another version of the format",
            Self::Json => "JSON text, such as a manifest",
            Self::Unknown => "a file of an unknown kind",
        }
    }
}

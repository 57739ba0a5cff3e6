//! The seal of an index: which ledger it was made from, how much of it, and the digest of its
//! files. It must never take half a line for a whole one.

use counterfoil_base::digest::Digest;
use counterfoil_governance::ledger::LedgerMark;
use counterfoil_journal::hash::Hash;

/// The first line.
const FORMAT: &str = "counterfoil/index/1";

/// The digest of the index's files, and the ledger they were made from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct IndexSeal {
    /// The ledger's origin.
    pub(crate) origin: String,
    /// The part of it that was verified and is in the index.
    pub(crate) mark: LedgerMark,
    /// The digest of the index's files.
    pub(crate) files: Digest,
}

impl IndexSeal {
    pub(crate) fn encode(&self) -> String {
        format!(
            "{FORMAT}\n{}\n{}\n{}\n{}\n{}\n{}\n",
            self.origin,
            self.mark.size,
            self.mark.length,
            hex::encode(self.mark.root.0),
            hex::encode(self.mark.bytes.0),
            self.files.hex()
        )
    }

    /// The seal in this text; `None` if it is malformed.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let text = core::str::from_utf8(bytes).ok()?;
        let mut lines = text.lines();
        if lines.next()? != FORMAT {
            return None;
        }
        let origin = lines.next()?.to_owned();
        let size = lines.next()?.parse().ok()?;
        let length = lines.next()?.parse().ok()?;
        let (mut root, mut bytes, mut files) = ([0; 32], [0; 32], [0; 32]);
        for digest in [&mut root, &mut bytes, &mut files] {
            hex::decode_to_slice(lines.next()?, digest).ok()?;
        }
        let (root, bytes, files) = (Hash(root), Digest(bytes), Digest(files));
        let mark = LedgerMark {
            size,
            root,
            length,
            bytes,
        };
        let seal = Self {
            origin,
            mark,
            files,
        };
        // Every seal has one text. A second one, such as `+7` for 7, was not written by this program.
        (seal.encode() == text).then_some(seal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seal_has_one_text_and_nothing_else_is_one() {
        let seal = IndexSeal {
            origin: "counterfoil/ledger/desk".to_owned(),
            mark: LedgerMark {
                size: 7,
                root: Hash([1; 32]),
                length: 9,
                bytes: Digest([3; 32]),
            },
            files: Digest([2; 32]),
        };
        let text = seal.encode();
        assert_eq!(IndexSeal::decode(text.as_bytes()), Some(seal));
        for end in 0..text.len() {
            assert_eq!(IndexSeal::decode(&text.as_bytes()[..end]), None, "{end}");
        }
        for other in [
            text.replace("\n7\n", "\n+7\n"),
            text.replace("0101", "0I01"),
            text.to_uppercase(),
            format!("{text}\n"),
            text.replace("index/1", "index/2"),
        ] {
            assert_eq!(IndexSeal::decode(other.as_bytes()), None, "{other}");
        }
    }
}

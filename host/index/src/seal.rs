//! The seal of an index, and of a mark: which ledger it was made from, how much of it, and the digest of its files, under a secret of
//! the key folder. It must never take half a line for a whole one.

use counterfoil_base::digest::Digest;
use counterfoil_base::keyed_hash::keyed_hash;
use counterfoil_governance::ledger::LedgerMark;
use counterfoil_journal::hash::Hash;
use hmac::Mac as _;

/// The first line.
const FORMAT: &str = "counterfoil/index/2";

/// The first line of a mark, which has no files: taken for the seal of an index without files, it would hide every record.
const MARK_FORMAT: &str = "counterfoil/ledger-mark/1";

/// The secret that seals an index. Whoever can write the data and has it not can make an index, and none that is used.
#[derive(Clone)]
pub struct IndexSecret(pub [u8; 32]);

impl core::fmt::Debug for IndexSecret {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("IndexSecret").finish_non_exhaustive()
    }
}

/// The digest of the index's files, and the ledger they were made from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct IndexSeal {
    /// The ledger's origin.
    pub(crate) origin: String,
    /// The part of it that was verified and is in the index.
    pub(crate) mark: LedgerMark,
    /// The digest of the index's files; none for a mark without them.
    pub(crate) files: Option<Digest>,
}

impl IndexSeal {
    /// The seal with its code: HMAC-SHA256 of the lines in front of it.
    pub(crate) fn encode(&self, secret: &IndexSecret) -> String {
        let text = self.text();
        let mut code = keyed_hash(&secret.0);
        code.update(text.as_bytes());
        format!("{text}{}\n", hex::encode(code.finalize().into_bytes()))
    }

    fn text(&self) -> String {
        let (format, files) = match &self.files {
            Some(files) => (FORMAT, format!("{}\n", files.hex())),
            None => (MARK_FORMAT, String::new()),
        };
        format!(
            "{format}\n{}\n{}\n{}\n{}\n{}\n{files}",
            self.origin,
            self.mark.size,
            self.mark.length,
            hex::encode(self.mark.root.0),
            hex::encode(self.mark.bytes.0)
        )
    }

    /// The seal in this text; `None` if it is malformed, or was not made with the secret.
    pub(crate) fn decode(bytes: &[u8], secret: &IndexSecret) -> Option<Self> {
        let text = core::str::from_utf8(bytes).ok()?;
        let mut lines = text.lines();
        let has_files = match lines.next()? {
            FORMAT => true,
            MARK_FORMAT => false,
            _ => return None,
        };
        let origin = lines.next()?.to_owned();
        let size = lines.next()?.parse().ok()?;
        let length = lines.next()?.parse().ok()?;
        let (mut root, mut bytes) = ([0; 32], [0; 32]);
        for digest in [&mut root, &mut bytes] {
            hex::decode_to_slice(lines.next()?, digest).ok()?;
        }
        let (root, bytes) = (Hash(root), Digest(bytes));
        let files = if has_files {
            Some(Digest::from_hex(lines.next()?)?)
        } else {
            None
        };
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
        let code = hex::decode(lines.next()?).ok()?;
        let mut own = keyed_hash(&secret.0);
        own.update(seal.text().as_bytes());
        // Not compared byte by byte: how long that takes would tell a forger how much is right.
        own.verify_slice(&code).ok()?;
        // Every seal has one text. A second one, such as `+7` for 7, was not written by this program.
        (seal.encode(secret) == text).then_some(seal)
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
            files: Some(Digest([2; 32])),
        };
        let (secret, other) = (IndexSecret([5; 32]), IndexSecret([6; 32]));
        let text = seal.encode(&secret);
        assert_eq!(IndexSeal::decode(text.as_bytes(), &other), None);
        assert_eq!(IndexSeal::decode(text.as_bytes(), &secret), Some(seal));
        for end in 0..text.len() {
            assert_eq!(
                IndexSeal::decode(&text.as_bytes()[..end], &secret),
                None,
                "{end}"
            );
        }
        for other in [
            text.replace("\n7\n", "\n+7\n"),
            text.replace("0101", "0I01"),
            text.to_uppercase(),
            format!("{text}\n"),
            text.replace("index/2", "index/3"),
        ] {
            assert_eq!(
                IndexSeal::decode(other.as_bytes(), &secret),
                None,
                "{other}"
            );
        }
    }
}

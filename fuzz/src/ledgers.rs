//! Ledgers: records, whole files, and histories of people who hold every key. It must never know
//! which act is allowed.

use counterfoil_governance::act::Act;
use counterfoil_governance::ledger;
use counterfoil_governance::record::{LedgerRecord, SignedAct};
use counterfoil_governance::state::LedgerState;
use counterfoil_journal::entry::{GENESIS, HEAD_BYTES};
use counterfoil_journal::frame::{Frame, FrameReader};
use counterfoil_journal::key::VerifierKey;
use counterfoil_journal::public_key::PublicKey;
use counterfoil_journal::signer::{Ed25519Signer, Signer as _};
use counterfoil_verify::verify_ledger;

/// The origin of the ledgers in the corpus.
pub const LEDGER_ORIGIN: &str = "counterfoil/ledger/seed";

/// How many people act in the corpus; the key of the first is made from a seed of ones, and so on.
/// The last key is the log's.
pub const LEDGER_KEYS: u8 = 9;

/// A record that is read is written back as the same bytes.
pub fn act(bytes: &[u8]) {
    if let Ok(record) = LedgerRecord::decode(GENESIS, bytes) {
        assert_eq!(record.encode(), bytes, "written back otherwise: {record:?}");
    }
}

/// A whole ledger is verified or refused; and whatever its records ask for, if everybody signs it,
/// is done or denied.
pub fn ledger(bytes: &[u8]) {
    let signers: Vec<_> = (1..=LEDGER_KEYS)
        .map(|seed| Ed25519Signer::from_seed(&[seed; 32]))
        .collect();
    let Some(log) = signers.last().map(Ed25519Signer::verifying_key) else {
        return;
    };
    let key = VerifierKey::new(LEDGER_ORIGIN, &log).expect("a key made from a seed is a key");
    let whole = ledger::verify(bytes, &key);
    if let Ok(verified) = &whole {
        assert!(verified.places.count() > 0 && verified.torn_bytes <= bytes.len() as u64);
    }
    // The auditor reads record by record, and finds the same.
    let report = verify_ledger(bytes, &PublicKey(log)).expect("a slice can be read");
    if report.origin.as_deref() == Some(LEDGER_ORIGIN) {
        assert_eq!(report.is_good(), whole.is_ok(), "{report}");
    }
    let mut state = LedgerState::new(LEDGER_ORIGIN, PublicKey(log));
    for (index, body) in (0..).zip(bodies(bytes)) {
        let Ok(record) = LedgerRecord::decode(GENESIS, body) else {
            continue;
        };
        let SignedAct {
            time, actor, act, ..
        } = record.signed;
        let hand = signers
            .iter()
            .find(|one| one.verifying_key() == record.signed.key.0);
        let Some(hand) = hand else {
            continue;
        };
        let begins = matches!(act, Act::Genesis { .. });
        let signed = SignedAct::sign(LEDGER_ORIGIN, GENESIS, time, actor, act, hand)
            .expect("a key in memory signs");
        let done = state.act(index, &signed).is_ok();
        assert!(
            begins || !done || state.log_holder().is_some(),
            "an act without a beginning"
        );
    }
}

/// The bodies of a file's entries, up to the first frame that is none.
fn bodies(bytes: &[u8]) -> Vec<&[u8]> {
    let (mut reader, mut rest) = (FrameReader::new(), bytes);
    let mut found = Vec::new();
    while let Ok(parsed) = reader.parse(rest) {
        rest = rest.get(parsed.consumed..).unwrap_or_default();
        match parsed.frame {
            None => break,
            Some(Frame::Entry(entry)) => found.extend(entry.get(HEAD_BYTES..)),
            Some(Frame::Checkpoint(_)) => {}
        }
    }
    found
}

//! A ledger of exceptions, and what its records say as terms.

use std::collections::BTreeSet;
use std::fs;

use counterfoil_governance::act::{Act, ExceptionSubject, PolicyException};
use counterfoil_governance::id::Id;
use counterfoil_governance::ledger::{Ledger, LedgerFounder, origin};
pub(crate) use counterfoil_governance::record::LedgerRecord;
use counterfoil_governance::role::{PrincipalKind, Role};
use counterfoil_index::SearchTerm;
use counterfoil_journal::key::VerifierKey;
use counterfoil_journal::public_key::PublicKey;
use counterfoil_journal::salt::LogKey;
use counterfoil_journal::signer::{Ed25519Signer, Signer as _};
use counterfoil_trading::time::UnixNanos;

fn hand(seed: u8) -> Ed25519Signer {
    Ed25519Signer::from_seed(&[seed; 32])
}

fn id(name: &str) -> Id {
    Id::parse(name).unwrap()
}

/// Verifies the ledger's checkpoints.
pub(crate) fn key() -> VerifierKey {
    VerifierKey::new(&origin(&id("made")), &hand(9).verifying_key()).unwrap()
}

/// A ledger's bytes, and where each record ends.
pub(crate) struct Made {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Made {
    /// The ledger when it held so many records.
    pub(crate) fn up_to(&self, records: usize) -> &[u8] {
        &self.bytes[..self.ends[records - 1]]
    }
}

/// A ledger of so many records: exceptions of some owners, denied ones among them.
pub(crate) fn made(records: usize) -> Made {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger");
    let public = |seed: u8| PublicKey(hand(seed).verifying_key());
    let founder = LedgerFounder {
        administrator: id("ada"),
        log_holder: id("host"),
        time: UnixNanos(0),
    };
    let log = Box::new(LogKey::new(hand(9), [9; 32]));
    let mut ledger = Ledger::begin(&path, &id("made"), log, founder, &hand(1)).unwrap();
    let mut ends = Vec::new();
    let mut time = 0;
    while ends.len() < records {
        ends.push(usize::try_from(fs::metadata(&path).unwrap().len()).unwrap());
        let owners = ["bob", "carol", "dan"];
        let (who, seed, act) = match ends.len() {
            count @ 1..=3 => {
                let name = owners[count - 1];
                let seed = u8::try_from(count + 1).unwrap();
                let add = Act::PrincipalAdd {
                    id: id(name),
                    kind: PrincipalKind::Person,
                    roles: [Role::Approver].into(),
                    key: public(seed),
                    until: None,
                };
                ("ada", 1, add)
            }
            // Every third is denied: dan's own.
            count => {
                let exception = PolicyException {
                    rule: format!("rule-{}", count % 5),
                    subject: ExceptionSubject::Installation,
                    reason: "a reason".to_owned(),
                    control: "a control".to_owned(),
                    owner: id(owners[count % 3]),
                    until: UnixNanos(1_000_000),
                };
                ("dan", 4, Act::ExceptionGrant(exception))
            }
        };
        time += 1;
        // A denial is a record, too.
        let _done_or_denied = ledger.act(UnixNanos(time), &id(who), act, &hand(seed));
    }
    let bytes = fs::read(&path).unwrap();
    Made { bytes, ends }
}

/// What a record says.
pub(crate) fn terms(_: u64, record: &LedgerRecord) -> BTreeSet<SearchTerm> {
    let signed = &record.signed;
    let mut terms = BTreeSet::from([
        format!("actor={}", signed.actor),
        format!("act={}", signed.act.name()),
    ]);
    if let Act::ExceptionGrant(exception) = &signed.act {
        terms.insert(format!("rule={}", exception.rule));
        terms.insert(format!("owner={}", exception.owner));
    }
    terms
}

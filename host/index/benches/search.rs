//! One search of a large ledger, as a program that was started for it would make it: without an
//! index, making the index, with it, and with it after one more record.
//!
//! `cargo bench -p counterfoil-index --bench search [-- RECORDS]` prints a table; 100,000 records by
//! default. The ledger is made in memory first: nothing of that is timed.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench, not a program"
)]

use std::collections::BTreeSet;
use std::time::Instant;

use counterfoil_governance::act::{Act, ExceptionSubject, PolicyException};
use counterfoil_governance::id::Id;
use counterfoil_governance::ledger::{PrefixDigests, origin, verify, verify_after};
use counterfoil_governance::record::{LedgerRecord, SignedAct};
use counterfoil_governance::role::{PrincipalKind, Role};
use counterfoil_governance::state::LedgerState;
use counterfoil_index::{AnyTerm, IndexSecret, SearchCandidates, search};
use counterfoil_journal::checkpoint::Checkpoint;
use counterfoil_journal::entry::Chain;
use counterfoil_journal::frame::{MAGIC, write_checkpoint, write_entry};
use counterfoil_journal::key::VerifierKey;
use counterfoil_journal::public_key::PublicKey;
use counterfoil_journal::salt::RecordSalt;
use counterfoil_journal::signer::{Ed25519Signer, Signer as _};
use counterfoil_journal::tree::Tree;
use counterfoil_os::file_path::FilePath;
use counterfoil_trading::time::UnixNanos;

/// What seals the index.
const SECRET: IndexSecret = IndexSecret([9; 32]);

/// The log's key.
const LOG: u8 = 9;

fn hand(seed: u8) -> Ed25519Signer {
    Ed25519Signer::from_seed(&[seed; 32])
}

fn public(seed: u8) -> PublicKey {
    PublicKey(hand(seed).verifying_key())
}

fn id(name: &str) -> Id {
    Id::parse(name).unwrap()
}

/// A ledger in memory, sealed as the program seals one.
struct Made {
    origin: String,
    chain: Chain,
    tree: Tree,
    state: LedgerState,
    bytes: Vec<u8>,
}

impl Made {
    fn act(&mut self, who: &str, seed: u8, act: Act) {
        let index = self.chain.size();
        let time = UnixNanos(i64::try_from(index).unwrap());
        let place = (self.origin.as_str(), self.chain.last());
        let signed = SignedAct::sign(place.0, place.1, time, id(who), act, &hand(seed)).unwrap();
        let denied = self.state.act(index, &signed).err();
        let denied = denied.map(|denial| denial.rule);
        let mut entry = Vec::new();
        let record = LedgerRecord { signed, denied };
        let leaf = self
            .chain
            .link(RecordSalt::default(), &record.encode(), &mut entry)
            .unwrap();
        self.tree.push(leaf);
        write_entry(&entry, &mut self.bytes).unwrap();
        let checkpoint = Checkpoint {
            origin: self.origin.clone(),
            size: self.tree.size(),
            root: self.tree.root(),
        };
        let note = checkpoint.sign(&hand(LOG)).unwrap();
        write_checkpoint(&note, &mut self.bytes).unwrap();
    }

    /// One exception of some owner; every seventh is denied.
    fn exception(&mut self, count: u64) {
        let owner = if count.is_multiple_of(7) {
            "dan"
        } else {
            "bob"
        };
        let exception = PolicyException {
            rule: format!("rule.{}", count % 1_000),
            subject: ExceptionSubject::Installation,
            reason: format!("the reason of number {count}"),
            control: "watched daily".to_owned(),
            owner: id(owner),
            until: UnixNanos(i64::MAX),
        };
        self.act("dan", 3, Act::ExceptionGrant(exception));
    }
}

fn made(records: u64) -> Made {
    let origin = origin(&id("bench"));
    let mut made = Made {
        state: LedgerState::new(&origin, public(LOG)),
        origin,
        chain: Chain::new(),
        tree: Tree::new(),
        bytes: MAGIC.to_vec(),
    };
    let genesis = Act::Genesis {
        administrators: vec![(id("ada"), public(1))],
        log_key: public(LOG),
        log_holder: id("host"),
    };
    made.act("ada", 1, genesis);
    for (name, seed) in [("bob", 2), ("dan", 3)] {
        let add = Act::PrincipalAdd {
            id: id(name),
            kind: PrincipalKind::Person,
            roles: [Role::Approver].into(),
            key: public(seed),
            until: None,
        };
        made.act("ada", 1, add);
    }
    while made.chain.size() < records {
        made.exception(made.chain.size());
    }
    made
}

/// As the program's: a term for each field.
fn terms(_: u64, record: &LedgerRecord) -> BTreeSet<String> {
    let signed = &record.signed;
    let mut terms = BTreeSet::from([
        format!("actor={}", signed.actor),
        format!("act={}", signed.act.name()),
    ]);
    terms.extend(record.denied.map(|rule| format!("denied={}", rule.code())));
    if let Act::ExceptionGrant(one) = &signed.act {
        terms.insert(format!("rule={}", one.rule));
        terms.insert(format!("reason={}", one.reason));
        terms.insert(format!("control={}", one.control));
        terms.insert(format!("owner={}", one.owner));
        terms.insert(format!("until={}", one.until.0));
    }
    terms
}

fn timed<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let from = Instant::now();
    let done = work();
    println!("{what:<46} {:>8} ms", from.elapsed().as_millis());
    done
}

fn main() {
    let records = std::env::args().find_map(|word| word.parse().ok());
    let mut made = made(records.unwrap_or(100_000));
    let key = VerifierKey::new(&made.origin, &public(LOG).0).unwrap();
    let (count, bytes) = (made.chain.size(), made.bytes.len());
    println!("{count} records, {bytes} bytes");
    let folder = tempfile::tempdir().unwrap();
    let place = FilePath::folder(folder.path());
    let want = || vec![AnyTerm(BTreeSet::from(["rule=rule.77".to_owned()]))];
    let ask = |made: &Made| -> SearchCandidates {
        search(
            &mut PrefixDigests::new(&made.bytes),
            &key,
            &place,
            Some(&SECRET),
            &terms,
            &want(),
        )
        .unwrap()
    };
    let mark = timed("without an index: everything is checked", || {
        let verified = verify(&made.bytes, &key).unwrap();
        let says =
            |(index, record): &(u64, LedgerRecord)| terms(*index, record).contains("rule=rule.77");
        let records = verified.places.records(&made.bytes, 0);
        let fits = records.map(Result::unwrap).filter(says);
        println!("{} records fit", fits.count());
        verified.mark()
    });
    timed("checked before: folded into a state alone", || {
        verify_after(&mut PrefixDigests::new(&made.bytes), &key, &mark).unwrap()
    });
    timed("the first search: checked, and the index made", || {
        ask(&made)
    });
    timed("with the index", || ask(&made));
    made.exception(count);
    timed("with the index, after one more record", || ask(&made));
}

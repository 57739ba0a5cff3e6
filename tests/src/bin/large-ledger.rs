//! Adds records to the ledger of a data directory, for tests/setup/measure-commands:
//!
//!     large-ledger DATA KEYS RECORDS
//!
//! The ledger has the approver `dan`, whose key is in KEYS, and its set-up has ended. It must never be taken for a way to
//! write to a ledger that somebody needs.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a tool for the people who measure: it panics where a test would"
)]

use std::path::PathBuf;

use counterfoil_approval::ledger_view::find;
use counterfoil_governance::act::{Act, ExceptionSubject, PolicyException};
use counterfoil_governance::ledger::{Ledger, LedgerError};
use counterfoil_runner::store::data_dir::DataDir;
use counterfoil_runner::store::keys::{KeyDir, PeopleKeys};
use counterfoil_tests::acts::id;
use counterfoil_trading::time::UnixNanos;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().unwrap();
    let data = DataDir::open(&PathBuf::from(next())).unwrap();
    let keys = KeyDir::new(PathBuf::from(next())).for_data(&data);
    let records: u64 = next().parse().unwrap();
    let people = PeopleKeys::open(&keys, data.root()).unwrap();
    let own = people.all().unwrap();
    let own = own.iter().find(|key| key.name == "dan").unwrap();
    let signing_key = people.signer("dan", &own.public).unwrap();
    let (name, path) = find(&data).unwrap();
    let log = Box::new(keys.signer().unwrap());
    let mut ledger = Ledger::open(&path, &name, log).unwrap();
    let begin = ledger.state().clock().unwrap();
    for count in 0..records {
        // Every seventh is of the approver's own, which a rule denies.
        let owner = if count % 7 == 0 { "dan" } else { "bob" };
        let exception = PolicyException {
            rule: format!("rule.{}", count % 1_000),
            subject: ExceptionSubject::Installation,
            reason: format!("the reason of number {count}"),
            control: "watched daily".to_owned(),
            owner: id(owner),
            until: UnixNanos(begin.0 + 86_400_000_000_000),
        };
        let act = Act::ExceptionGrant(exception);
        let done = ledger.act(begin, &id("dan"), act, signing_key.as_ref());
        assert!(
            matches!(done, Ok(_) | Err(LedgerError::Denied { .. })),
            "{done:?}"
        );
    }
    println!("{} records", ledger.known().mark().size);
}

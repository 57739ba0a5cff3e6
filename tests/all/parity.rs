//! A live run held against its own backtest: equal where nothing differs, and the cause by name
//! where something does.

use counterfoil_governance::attest::DsseEnvelope;
use counterfoil_journal::public_key::PublicKey;
use counterfoil_journal::signer::Ed25519Signer;
use counterfoil_runner::store::data_dir::Execution;
use counterfoil_runner::study::parity::{
    PARITY_TYPE, ParityCause, ParityError, ParityReport, ParityRequest, parity, parity_statement,
};
use counterfoil_tests::journals::verified;
use counterfoil_tests::world::{Ignore, World, over_a_feed, public_key, signer};
use counterfoil_trading::time::UnixNanos;

use crate::recover::{killed, resume, signed_ends};

/// The bars of every day, over which the averages cross every few.
const DAYS: u32 = 24;
const DAY_NANOS: i64 = 86_400_000_000_000;

/// A live run of two instruments over a feed that sends these lines.
fn live(world: &World, lines: &str) -> Execution {
    let manifest = over_a_feed(&world.cross(&["AAA", "BBB"], 1, 2, 10), "parity");
    world.live(&manifest, lines).unwrap().execution
}

fn lines(world: &World) -> Vec<String> {
    let manifest = world.cross(&["AAA", "BBB"], 1, 2, 10);
    world.lines(&manifest).lines().map(str::to_owned).collect()
}

/// What is found of a run through a moment, over its own bars or those of a snapshot.
fn held(
    world: &World,
    execution: &Execution,
    through: Option<UnixNanos>,
    snapshot: Option<&str>,
) -> Result<ParityReport, Box<ParityError>> {
    let question = ParityRequest {
        data: &world.data,
        execution,
        key: &public_key(),
        through,
        snapshot,
        now: UnixNanos(0),
    };
    parity(&question, world.engine(), signer(), &mut Ignore).map_err(Box::new)
}

#[test]
fn a_live_run_is_its_own_backtest() {
    let world = World::small(DAYS);
    let run = live(&world, &lines(&world).join("\n"));
    let found = held(&world, &run, None, None).unwrap();
    assert!(found.is_equal(), "{:?}", found.first);
    assert_eq!(found.decisions, [u64::from(DAYS) * 2; 2]);
    // The whole run: its decision digest is the re-execution's.
    let journal = verified(&std::fs::read(run.journal()).unwrap());
    assert_eq!(journal.decision_digest, Some(found.close.decision_digest));
    assert!(journal.fills.unwrap() > 4, "nothing was traded");
    // Through a day: only what closes by then.
    let day = found.closes.0.0 + 9 * DAY_NANOS;
    let found = held(&world, &run, Some(UnixNanos(day)), None).unwrap();
    assert!(found.is_equal());
    assert_eq!((found.decisions, found.closes.1.0), ([20; 2], day));
}

#[test]
fn an_instrument_without_a_bar_asks_for_a_snapshot_that_has_it() {
    let world = World::small(DAYS);
    let own = lines(&world)
        .into_iter()
        .filter(|line| line.contains("AAA"))
        .flat_map(|line| [line, r#"{"end-of-slice":true}"#.to_owned()]);
    let run = live(&world, &own.collect::<Vec<_>>().join("\n"));
    let refused = held(&world, &run, None, None).unwrap_err().to_string();
    assert!(
        refused.contains("no bar of BBB") && refused.contains("--snapshot ID"),
        "{refused}"
    );
    // There its bars were never sent.
    let full = world.snapshot.to_string();
    assert!(!held(&world, &run, None, Some(&full)).unwrap().is_equal());
}

#[test]
fn a_run_under_way_is_held_as_far_as_its_last_whole_slice() {
    let world = World::small(DAYS);
    let run = live(&world, &lines(&world).join("\n"));
    let whole = std::fs::read(run.journal()).unwrap();
    // Cut at any byte, as a run that writes leaves it: equal, and never beyond what is signed.
    let mut seen = std::collections::BTreeSet::new();
    for cut in (whole.len() / 2..whole.len()).step_by(whole.len() / 40) {
        std::fs::write(run.journal(), &whole[..cut]).unwrap();
        let found = held(&world, &run, None, None).unwrap();
        assert!(found.is_equal(), "cut at {cut}: {:?}", found.first);
        seen.insert(found.decisions[0]);
    }
    assert!(
        seen.len() > 10 && seen.iter().all(|count| count % 2 == 0),
        "{seen:?}"
    );
    std::fs::write(run.journal(), &whole[..600]).unwrap();
    let error = held(&world, &run, None, None).unwrap_err();
    assert!(matches!(*error, ParityError::NoSlice { .. }), "{error}");
}

#[test]
fn the_cause_of_a_difference_is_named() {
    let world = World::small(DAYS);
    let id = world.snapshot.to_string();
    let all = lines(&world);
    let at = |index: usize| all.get(index).unwrap().clone();
    let without = |index: usize| {
        let mut some = all.clone();
        some.remove(index);
        some
    };
    //    what the feed sends, the cause
    let revised = {
        let mut some = all.clone();
        some[20] = at(20).replace("\"volume\":10000", "\"volume\":10001");
        some
    };
    let late = {
        let mut some = without(20);
        some.insert(22, at(20));
        some
    };
    for (sent, cause) in [
        (revised, ParityCause::DataRevised),
        (without(20), ParityCause::DataRevised),
        (late, ParityCause::LateBar),
    ] {
        let world = World::small(DAYS);
        assert_eq!(world.snapshot.to_string(), id);
        let run = live(&world, &sent.join("\n"));
        let found = held(&world, &run, None, Some(&id)).unwrap();
        let (site, named) = found.first.as_ref().unwrap();
        assert_eq!((*named, site.symbol.as_str()), (cause, "AAA"));
        assert!(!found.is_equal() && found.equal >= 20, "{}", found.equal);
        // On the bars that it was sent in time, it is itself.
        let found = held(&world, &run, None, None).unwrap();
        assert!(found.is_equal(), "{cause:?}: {:?}", found.first);
    }
}

#[test]
fn a_changed_journal_and_a_backtest_have_no_parity() {
    let world = World::small(DAYS);
    let run = live(&world, &lines(&world).join("\n"));
    let mut bytes = std::fs::read(run.journal()).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(run.journal(), &bytes).unwrap();
    let error = held(&world, &run, None, None).unwrap_err();
    assert!(matches!(*error, ParityError::NotIntact { .. }), "{error}");
    let backtest = world.cross(&["AAA"], 1, 2, 10);
    let backtest = world.backtest(&backtest, world.engine()).unwrap().execution;
    let error = held(&world, &backtest, None, None).unwrap_err();
    assert!(matches!(*error, ParityError::NotLive(_)), "{error}");
}

#[test]
fn the_statement_is_signed_and_says_what_was_found() {
    let world = World::small(DAYS);
    let run = live(&world, &lines(&world).join("\n"));
    let found = held(&world, &run, None, None).unwrap();
    let key = Ed25519Signer::from_seed(&[7; 32]);
    let made = parity_statement(&run, &found, &key).unwrap();
    let envelope = DsseEnvelope::parse(&made.envelope).unwrap();
    let public = PublicKey(counterfoil_journal::signer::Signer::verifying_key(&key));
    let (stated, _) = envelope.verify(&[public]).unwrap();
    assert_eq!(stated.predicate_type, PARITY_TYPE);
    assert_eq!(stated.predicate, made.predicate);
    assert_eq!(made.predicate["equal"], true);
    assert_eq!(made.predicate["decisions"]["equal"], u64::from(DAYS) * 2);
    let names: Vec<&str> = stated
        .subject
        .iter()
        .map(|subject| subject.name.as_str())
        .collect();
    assert_eq!(names, ["manifest", "component", "snapshot"]);
}

#[test]
fn a_bar_decided_too_late_is_a_verdict_that_everybody_derives_again() {
    let world = World::small(DAYS);
    let mut manifest = over_a_feed(&world.cross(&["AAA", "BBB"], 1, 2, 10), "late");
    // The bars are years old.
    manifest.risk.bar_age_max_ms = Some(1_000);
    let all = lines(&world).join("\n");
    let done = world.live(&manifest, &all).unwrap();
    assert_eq!((done.close.requests.approved, done.close.fills), (0, 0));
    assert!(done.close.requests.refused > 4, "nothing was asked for");
    let journal = std::fs::read(done.execution.journal()).unwrap();
    let found = verified(&journal);
    assert!(found.findings.is_empty(), "{:?}", found.findings);
    let replay = world.replay(&done).unwrap();
    assert!(replay.is_identical(), "{replay:?}");
    let found = held(&world, &done.execution, None, None).unwrap();
    let (_, named) = found.first.as_ref().unwrap();
    assert_eq!(*named, ParityCause::LateBar);
    // A process that resumes it after a kill is later still, which is an input: only the age differs.
    let signed = signed_ends(&journal);
    let cut = *signed.get(signed.len() / 2).unwrap();
    let fresh = World::small(DAYS);
    let _put = fresh.cross(&["AAA"], 1, 2, 10);
    let execution = killed(&fresh, &manifest, journal.get(..cut).unwrap());
    let close = resume(&fresh, &execution, &all).unwrap().ended.unwrap();
    assert_ne!(close.decision_digest, done.close.decision_digest);
    assert_eq!(close.requests, done.close.requests);
    let again = std::fs::read(execution.journal()).unwrap();
    assert_eq!(again.get(..cut), journal.get(..cut));
    let found = verified(&again);
    assert!(found.findings.is_empty(), "{:?}", found.findings);
}

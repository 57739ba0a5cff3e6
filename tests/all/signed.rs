//! Every decision is signed, and when: checkpoints are where the cadence puts them, and in a
//! live run the disk has them before anything else happens.

use std::io::{self, BufRead, Read};
use std::path::PathBuf;

use counterfoil_runner::run::live::live;
use counterfoil_tests::journals::{Item, items, verified};
use counterfoil_tests::world::{Ignore, World, over_a_feed, signer};
use counterfoil_trading::record::RunRecord;

/// Checks that checkpoints follow the records that `cadence` names and no others, each
/// over all that is before it. Returns how many there are.
#[track_caller]
fn check_places(items: &[Item], cadence: u64) -> usize {
    let (mut entries, mut decisions, mut checkpoints) = (0, 0, 0);
    let (mut due, mut is_promised) = (false, false);
    for item in items {
        match item {
            Item::Record(record) => {
                assert!(!due, "no checkpoint before entry {entries}");
                entries += 1;
                decisions += u64::from(matches!(
                    *record,
                    RunRecord::Decision(_)
                        | RunRecord::MarginCall(_)
                        | RunRecord::Fault(_)
                        | RunRecord::Stop(_)
                        | RunRecord::WindDown(_)
                ));
                due = match *record {
                    RunRecord::Close(_) | RunRecord::Refused(_) | RunRecord::Commitments(_) => true,
                    // A feed promises nothing: its opening ends with the manifest. Both manifests here fit one record.
                    RunRecord::Open(ref open) => {
                        is_promised = open.data.is_some();
                        false
                    }
                    RunRecord::Manifest(_) => !is_promised,
                    RunRecord::Decision(_)
                    | RunRecord::MarginCall(_)
                    | RunRecord::Fault(_)
                    | RunRecord::WindDown(_)
                    | RunRecord::Stop(_) => decisions % cadence == 0,
                    RunRecord::Deliveries(_) | RunRecord::Positions(_) | RunRecord::Inputs(_) => {
                        false
                    }
                };
            }
            Item::Checkpoint(checkpoint) => {
                assert!(due, "a checkpoint too many before entry {entries}");
                assert_eq!(checkpoint.size, entries);
                due = false;
                checkpoints += 1;
            }
        }
    }
    assert!(!due, "no checkpoint at the end");
    checkpoints
}

#[test]
fn checkpoints_stand_where_the_cadence_puts_them() {
    let world = World::small(28);
    // 56 decisions; open and close have one each.
    for (cadence, checkpoints) in [(1, 58), (2, 30), (7, 10), (56, 3), (57, 2), (4096, 2)] {
        let mut manifest = world.cross(&["AAA", "BBB"], 2, 4, 10);
        manifest.cadence = cadence;
        let outcome = world.backtest(&manifest, world.engine()).unwrap();
        let execution = &outcome.execution;
        let items = items(execution.journal().path(), &execution.origin());
        let found = check_places(&items, cadence.into());
        assert_eq!(found, checkpoints, "cadence {cadence}");
        let report = verified(&std::fs::read(execution.journal()).unwrap());
        assert!(report.is_good(), "cadence {cadence}: {:?}", report.findings);
    }
}

/// A stream that looks at the journal on the disk whenever the run asks for another line: by then
/// whatever was decided has left the host.
struct Watching {
    lines: Vec<Vec<u8>>,
    place: usize,
    used: usize,
    journal: PathBuf,
    origin: String,
    /// Decisions in the journal at each look.
    seen: Vec<usize>,
}

impl Watching {
    fn look(&mut self) {
        let items = items(&self.journal, &self.origin);
        check_places(&items, 1);
        assert!(matches!(items.last(), Some(Item::Checkpoint(_))));
        let decisions = items
            .iter()
            .filter(|item| matches!(item, Item::Record(RunRecord::Decision(_))));
        self.seen.push(decisions.count());
    }
}

impl Read for Watching {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let mut rest = self.fill_buf()?;
        let read = rest.read(out)?;
        self.consume(read);
        Ok(read)
    }
}

impl BufRead for Watching {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.used == 0 {
            self.look();
        }
        let line = self.lines.get(self.place).map(Vec::as_slice);
        Ok(&line.unwrap_or_default()[self.used..])
    }

    fn consume(&mut self, amount: usize) {
        self.used += amount;
        if self
            .lines
            .get(self.place)
            .is_some_and(|line| line.len() == self.used)
        {
            self.place += 1;
            self.used = 0;
        }
    }
}

#[test]
fn a_live_decision_is_on_the_disk_and_signed_before_the_next_line_is_read() {
    let world = World::small(28);
    let manifest = over_a_feed(&world.cross(&["AAA", "BBB"], 2, 4, 10), "watched");
    let lines = world.lines(&world.cross(&["AAA", "BBB"], 2, 4, 10));
    let run = manifest.run_id().unwrap().hex();
    let mut source = Watching {
        lines: lines
            .lines()
            .map(|line| format!("{line}\n").into_bytes())
            .collect(),
        place: 0,
        used: 0,
        journal: world.path().join("runs").join(&run).join("1/journal"),
        origin: format!("counterfoil/run/{run}/1"),
        seen: Vec::new(),
    };
    let engine = world.engine();
    let outcome = live(
        &world.data,
        &manifest,
        engine,
        signer(),
        &mut source,
        None,
        &mut Ignore,
    )
    .unwrap();
    assert!(outcome.close.fills > 4, "{} fills", outcome.close.fills);
    // Two lines make a slice: after the second the two decisions are there, and not before.
    let expect: Vec<usize> = (0..=56).map(|line| line / 2 * 2).collect();
    assert_eq!(source.seen, expect);
}

#[test]
fn what_a_feed_may_not_bring_is_refused_recorded_and_signed() {
    let world = World::small(12);
    let manifest = world.cross(&["AAA", "BBB"], 2, 4, 10);
    let lines = world.lines(&manifest);
    let clean = world
        .live(&over_a_feed(&manifest, "clean"), &lines)
        .unwrap();
    let mut lines: Vec<&str> = lines.lines().collect();
    let late = lines[0];
    lines.insert(6, late);
    lines.insert(9, "not json");
    lines.insert(12, "");
    let dirty = lines.join("\n");
    let dirty = world
        .live(&over_a_feed(&manifest, "dirty"), &dirty)
        .unwrap();
    assert_eq!(
        dirty.close.decision_digest, clean.close.decision_digest,
        "what was refused decides nothing"
    );
    let execution = &dirty.execution;
    let items = items(execution.journal().path(), &execution.origin());
    check_places(&items, 1);
    let refused: Vec<_> = items
        .iter()
        .filter_map(|item| match item {
            Item::Record(RunRecord::Refused(input)) => Some(input),
            Item::Record(_) | Item::Checkpoint(_) => None,
        })
        .collect();
    assert_eq!(refused.len(), 2);
    assert_eq!(refused[0].reason, "its slice has ended");
    assert_eq!(refused[0].input, late.as_bytes());
    assert_eq!(refused[1].input, b"not json");
    assert!(world.replay(&dirty).unwrap().difference.is_none());
    let report = verified(&std::fs::read(execution.journal()).unwrap());
    assert!(report.is_good(), "{:?}", report.findings);
}

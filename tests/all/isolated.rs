//! Runs side by side in one process: what one strategy or feed does wrong reaches no other run. It
//! is shown by the order of events, never by how long something took.

use core::num::NonZero;
use std::process::Child;
use std::thread;

use counterfoil_server::client::{ApiClient, ClientError};
use counterfoil_server::supervisor::inlet::LINES_MAX;
use counterfoil_server::types::{BarsReply, BarsRequest, FeedRequest, RunReply};
use counterfoil_tests::acts::id;
use counterfoil_tests::desk::{Desk, hand};
use counterfoil_tests::world::{World, over_a_feed};
use counterfoil_trading::limits::FUEL_MAX;
use counterfoil_trading::manifest::{DataSource, Manifest};

use crate::server::{
    Here, asked, bars, desk_for, push, serve_apart, small, start, uninterrupted, until,
};
use crate::soak::month;

/// Bars of two instruments that the good run gets.
const BARS: usize = 40;

/// An `on-bar` that does this on every bar, and then asks for nothing.
fn on_bar(what: &str) -> String {
    format!(
        r#"(func (export "on-bar") (param i32 i64 i64 i64 i64 i64 i64 i64 i64 i32 i32 i32)
          (result i32) (local $n i32) {what} (i32.const 16))"#
    )
}

/// So many rounds of this.
fn rounds(count: u64, what: &str) -> String {
    on_bar(&format!(
        "(local.set $n (i32.const {count}))
         (loop $again {what}
           (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))"
    ))
}

/// What takes the most time for its fuel: calls into the runtime.
fn grows_by_nothing() -> String {
    "(drop (memory.grow (i32.const 0)))".repeat(4)
}

/// A process of its own, killed however the test ends.
struct Apart(Child);

impl Drop for Apart {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// A run of this guest, with an account and a feed of its own.
fn bad(world: &World, body: &str, name: &str) -> Manifest {
    let manifest = world.manifest(&counterfoil_guests::component(body), &["AAA", "BBB"]);
    let mut manifest = over_a_feed(&manifest, name);
    name.clone_into(&mut manifest.account.name);
    manifest.limits.fuel_per_callback = FUEL_MAX;
    manifest
}

fn feed_of(manifest: &mut Manifest) -> &mut String {
    match &mut manifest.data {
        DataSource::Feed { name, .. } => name,
        DataSource::Snapshot { .. } => panic!("no feed"),
    }
}

fn promote(desk: &Desk, manifest: &Manifest) {
    desk.promote(manifest.setup().unwrap().component);
}

fn begin(client: &ApiClient, desk: &Desk, manifest: &Manifest) -> String {
    let asked = asked(desk, manifest, FeedRequest::Push {});
    start(client, &asked).unwrap().run
}

fn status(client: &ApiClient, run: &str) -> RunReply {
    client.get(&format!("/v1/runs/{run}")).unwrap()
}

/// The first lines of the good run's bars.
fn own_lines(world: &World, manifest: &Manifest) -> String {
    let lines = world.lines(manifest);
    let lines: Vec<&str> = lines.lines().take(BARS).collect();
    lines.join("\n")
}

/// Stops a run that took these lines; its decisions are those of the same run alone.
#[track_caller]
fn decides_as_alone(client: &ApiClient, run: &str, manifest: &Manifest, lines: &str) {
    let stop = format!("/v1/runs/{run}/stop");
    client.post::<RunReply>(&stop, &()).unwrap();
    let done = until(client, run, "stopped");
    assert_eq!(done.bars, u64::try_from(BARS).unwrap());
    let alone = uninterrupted(manifest, lines, 2);
    assert_eq!(done.decision_digest, Some(alone));
}

#[test]
fn strategies_that_dawdle_and_feeds_that_flood_delay_no_other_run() {
    let world = World::of_text(&month());
    let good = small(&world, "good");
    let desk = desk_for(&world, &good);
    // More than the machine runs at once: they could hold every thread of a pool.
    let many = thread::available_parallelism().map_or(2, NonZero::get) + 1;
    let body = rounds(FUEL_MAX / 14, &grows_by_nothing());
    let slow: Vec<Manifest> = (0..many)
        .map(|place| {
            let name = format!("slow-{place}");
            let mut manifest = bad(&world, &body, &name);
            feed_of(&mut manifest).clone_from(&name);
            manifest
        })
        .collect();
    promote(&desk, &slow[0]);
    // A process of its own: only a kill ends these runs before all of their bars are decided.
    let (child, base) = serve_apart(&world);
    let child = Apart(child);
    let mut erin = ApiClient::new(&base);
    erin.sign_in(&id("erin"), &hand("erin")).unwrap();
    let behind: Vec<String> = slow
        .iter()
        .map(|manifest| begin(&erin, &desk, manifest))
        .collect();
    let run = begin(&erin, &desk, &good);
    let flood = bars(&world.lines(&slow[0]));
    assert!(flood.len() > LINES_MAX + BARS, "more than a queue holds");
    let lines = own_lines(&world, &good);
    let begun = || behind.iter().any(|run| status(&erin, run).bars > 0);
    thread::scope(|scope| {
        let (erin, flood) = (&erin, &flood);
        for place in 0..many {
            for half in flood.chunks(flood.len().div_ceil(2)) {
                let path = format!("/v1/feeds/slow-{place}/bars");
                let bars = half.to_vec();
                // The server is killed before most of them are decided.
                scope.spawn(move || -> Result<BarsReply, ClientError> {
                    erin.post(&path, &BarsRequest { bars })
                });
            }
        }
        while !begun() {
            thread::yield_now();
        }
        for slice in bars(&lines).chunks(2) {
            let reply = push(erin, slice);
            assert!(
                reply.treatments.iter().all(|bar| bar.treatment == "taken"),
                "{reply:?}"
            );
        }
        decides_as_alone(erin, &run, &good, &lines);
        // They had their bars first, and are at them still.
        for run in &behind {
            let standing = status(erin, run);
            let is_behind = standing.bars < u64::try_from(LINES_MAX).unwrap();
            assert!(standing.state == "running" && is_behind, "{standing:?}");
        }
        drop(child);
    });
}

#[test]
fn whatever_ends_a_run_ends_no_other_on_the_same_feed() {
    let forever = "(loop $again (br $again))";
    let fills =
        "(if (i32.eq (memory.size) (i32.const 1)) (then (drop (memory.grow (i32.const 255)))))";
    let grows = "(drop (memory.grow (i32.const 64)))";
    let all = u64::try_from(BARS).unwrap();
    //     name, what it does on every bar, its deadline, its state at the end, bars decided
    let table = [
        ("traps", on_bar("unreachable"), None, "faulted", 2),
        ("burns-all", on_bar(forever), None, "faulted", 2),
        (
            "burns-nearly-all",
            rounds(FUEL_MAX / 6, ""),
            None,
            "running",
            all,
        ),
        (
            "reaches-its-deadline",
            rounds(FUEL_MAX, &grows_by_nothing()),
            Some(1),
            "halted",
            0,
        ),
        ("fills-its-memory", on_bar(fills), None, "running", all),
        ("wants-more-memory", on_bar(grows), None, "faulted", 4),
    ];
    let world = World::of_text(&month());
    let good = small(&world, "good");
    let desk = desk_for(&world, &good);
    let here = Here::new(&world.data);
    let erin = here.client("erin");
    let run = begin(&erin, &desk, &good);
    let others: Vec<String> = table
        .iter()
        .map(|(name, body, deadline, _, _)| {
            let mut manifest = bad(&world, body, name);
            manifest.limits.deadline_ms = deadline.unwrap_or(manifest.limits.deadline_ms);
            promote(&desk, &manifest);
            begin(&erin, &desk, &manifest)
        })
        .collect();
    let lines = own_lines(&world, &good);
    let reply = push(&erin, &bars(&lines));
    let own: Vec<_> = reply
        .treatments
        .iter()
        .filter(|bar| bar.run.as_deref() == Some(&run))
        .collect();
    assert!(own.iter().all(|bar| bar.treatment == "taken"), "{own:?}");
    for ((name, _, _, state, bars), run) in table.iter().zip(&others) {
        let standing = loop {
            let standing = status(&erin, run);
            if standing.state != "running" || (*state == "running" && standing.bars >= *bars) {
                break standing;
            }
        };
        let outcome = (standing.state.as_str(), standing.bars);
        assert_eq!(outcome, (*state, *bars), "{name}: {standing:?}");
    }
    decides_as_alone(&erin, &run, &good, &lines);
}

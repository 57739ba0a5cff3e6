//! Samples of drawn bars: each bar is one, each sample is a snapshot that names its source, and the
//! same seed gives the same.

use core::fmt::Write as _;

use counterfoil_snapshot::layers::ingest::IngestOutcome;
use counterfoil_snapshot::source::options::{IngestOptions, SideFile};
use counterfoil_snapshot::store::snapshot_id::SnapshotId;
use counterfoil_snapshot::synthetic::resample::{BarDeck, BlockDraw, SampleSpec};
use counterfoil_trading::slice::Slice;
use proptest::prelude::*;

use crate::test_store::{TestStore, daily};

/// Rows of `symbol,day,open,high,low,close,volume`.
fn ingest(
    data: &TestStore,
    rows: &str,
    actions: Option<&str>,
    tick: Option<&str>,
) -> IngestOutcome {
    let options = IngestOptions {
        tick: tick.map(str::to_owned),
        actions: actions.map(|text| SideFile {
            name: "a.csv".to_owned(),
            bytes: format!("instrument,ex_date,action,value\n{text}").into_bytes(),
        }),
        ..daily()
    };
    data.ingest_rows(rows, &options).unwrap()
}

fn read_deck(data: &TestStore, id: &SnapshotId) -> BarDeck {
    let selection = data.store.load(id).unwrap().select(&[], None, None);
    data.store.deck(&selection.unwrap()).unwrap()
}

/// Bars as `instrument open high low close volume`, at the price scale.
fn bar_texts(data: &TestStore, id: &SnapshotId) -> Vec<String> {
    let snapshot = data.store.load(id).unwrap();
    snapshot.verify_all().unwrap();
    let mut slices = snapshot.select(&[], None, None).unwrap().slices();
    let (mut slice, mut all) = (Slice::default(), Vec::new());
    while slices.next_into(&mut slice).unwrap() {
        all.extend(slice.bars().iter().map(|bar| {
            let raw = bar.get();
            let [open, high, low, close] =
                [raw.open, raw.high, raw.low, raw.close].map(|price| price.0);
            let (id, volume) = (raw.instrument.0, raw.volume.0);
            format!("{id} {open} {high} {low} {close} {volume}")
        }));
    }
    all
}

fn how(draw: BlockDraw, block: u32, seed: u64, sample: u32) -> SampleSpec {
    SampleSpec {
        draw,
        block,
        seed,
        sample,
    }
}

fn rows(symbol: &str, closes: &[i64]) -> String {
    let mut rows = String::new();
    for (day, close) in (1..).zip(closes) {
        let (high, low) = (close + 2, close - 1);
        writeln!(
            rows,
            "{symbol},2003-01-{day:02},{close},{high},{low},{close},{day}"
        )
        .unwrap();
    }
    rows
}

#[test]
fn one_block_of_everything_is_the_source_bar_for_bar() {
    let data = TestStore::new();
    let both = rows("A", &[100, 104, 90]) + &rows("B", &[7, 9, 8, 11]);
    let source = ingest(&data, &both, None, None);
    let drawn = data
        .store
        .resample(
            &read_deck(&data, &source.id),
            &how(BlockDraw::Shuffle, 4, 1, 0),
        )
        .unwrap()
        .id;
    assert_eq!(bar_texts(&data, &drawn), bar_texts(&data, &source.id));
    assert_ne!(drawn, source.id, "it is another snapshot, with its own id");
    let lineage = data.store.lineage(&drawn).unwrap();
    assert_eq!(lineage.drawn_from, Some(source.id));
    assert_eq!(lineage.settings["draw"], "shuffle");
    assert_eq!(lineage.settings["block"], "4");
    assert!(lineage.normalized.is_empty() && lineage.files.is_empty());
    let revising = IngestOptions {
        revises: Some(drawn),
        ..IngestOptions::default()
    };
    let error = data
        .store
        .ingest(&b"x"[..], "f.csv", &revising, &mut |_| {});
    let text = error.unwrap_err().to_string();
    assert!(text.contains("resample of another"), "{text}");
}

#[test]
fn splits_and_dividends_are_in_the_prices_of_a_sample() {
    let data = TestStore::new();
    let actions = "A,2003-01-02,split,2:1\nA,2003-01-03,dividend,1.50\n";
    let source = ingest(
        &data,
        &rows("A", &[100, 51, 49]),
        Some(actions),
        Some("0.01"),
    );
    let drawn = data
        .store
        .resample(
            &read_deck(&data, &source.id),
            &how(BlockDraw::Shuffle, 9, 1, 0),
        )
        .unwrap()
        .id;
    // 51 is 1.02 of half of 100. 49 is 0.98990 of 51 less 1.50, and 102 times that is 100.97.
    let bars = bar_texts(&data, &drawn);
    assert_eq!(bars[0], "0 10000 10200 9900 10000 1");
    assert_eq!(bars[1], "0 10200 10600 10000 10200 2");
    assert_eq!(bars[2], "0 10097 10509 9891 10097 3");
    let snapshot = data.store.load(&drawn).unwrap();
    let selection = snapshot.select(&[], None, None).unwrap();
    assert!(selection.actions().unwrap().is_empty());
}

#[test]
fn instruments_of_one_moment_are_drawn_together() {
    let data = TestStore::new();
    let closes: Vec<i64> = (0..28).map(|day| 1_000 + day * day * 3 % 97).collect();
    let both = rows("A", &closes) + &rows("B", &closes);
    let source = ingest(&data, &both, None, None);
    let deck = read_deck(&data, &source.id);
    for sample in 0..5 {
        let how = how(BlockDraw::Stationary, 3, 9, sample);
        let bars = bar_texts(&data, &data.store.resample(&deck, &how).unwrap().id);
        assert_eq!(bars.len(), 56);
        for pair in bars.chunks(2) {
            assert_eq!(pair[0][1..], pair[1][1..], "one draw for both");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_drawn_bar_is_a_bar_on_the_grid_and_a_seed_gives_the_same_again(
        bars in proptest::collection::vec((1_i64..4_000, 0_i64..3_000, 0_i64..3_000, 0_i64..3_000), 2..40),
        block in 1_u32..30,
        seed in any::<u64>(),
        is_shuffled in any::<bool>(),
    ) {
        let data = TestStore::new();
        let mut rows = String::new();
        for (day, (low, a, b, c)) in bars.iter().enumerate() {
            let (high, open, close) = (low + a.max(b).max(c), low + a, low + b);
            let five = [open, high, *low, close].map(|price| price * 5);
            let [open, high, low, close] = five;
            writeln!(rows, "A,2003-{:02}-{:02},{open},{high},{low},{close},1", 1 + day / 28, 1 + day % 28).unwrap();
        }
        // Whatever the checks say of such prices, they are bars.
        let source = ingest(&data, &rows, None, Some("5"));
        let draw = if is_shuffled { BlockDraw::Shuffle } else { BlockDraw::Stationary };
        let count = usize::try_from(source.manifest.bars()).unwrap();
        let (deck, how) = (read_deck(&data, &source.id), how(draw, block, seed, 2));
        let drawn = data.store.resample(&deck, &how).unwrap().id;
        // Reading checks each bar: low, high and the prices between.
        let found = bar_texts(&data, &drawn);
        prop_assert_eq!(found.len(), count);
        for bar in &found {
            let prices = bar.split(' ').skip(1).take(4).map(|price| price.parse::<i64>().unwrap());
            prop_assert!(prices.into_iter().all(|price| price >= 5 && price % 5 == 0), "{}", bar);
        }
        let other = TestStore::new();
        ingest(&other, &rows, None, Some("5"));
        prop_assert_eq!(other.store.resample(&read_deck(&other, &source.id), &how).unwrap().id, drawn);
    }
}

//! How fast bars are read, checked and put into slices. Run with
//! `cargo bench -p counterfoil-snapshot`.
#![expect(clippy::unwrap_used, reason = "a bench stops where it fails")]

use core::fmt::Write as _;

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use counterfoil_snapshot::layers::ingest::IngestOutcome;
use counterfoil_snapshot::snapshot_store::SnapshotStore;
use counterfoil_snapshot::source::options::IngestOptions;
use counterfoil_trading::slice::Slice;
use divan::Bencher;
use divan::counter::ItemsCount;
use tempfile::TempDir;

/// Bars in all, whatever the number of instruments.
const BARS: usize = 1_000_000;

fn main() {
    divan::main();
}

/// One-minute bars of `instruments` instruments.
fn csv(instruments: usize) -> String {
    let mut csv = String::from("symbol,time,open,high,low,close,volume\n");
    for minute in 0..BARS / instruments {
        let time = 1_000_000_000 + minute * 60;
        let price = 10_000 + minute % 977;
        let (low, high) = (price - 5, price + 7);
        for symbol in 0..instruments {
            writeln!(
                csv,
                "S{symbol:02},{time},{price}.25,{high}.5,{low},{price},{minute}"
            )
            .unwrap();
        }
    }
    csv
}

fn open(directory: &TempDir) -> SnapshotStore {
    let data = Dir::open_ambient_dir(directory.path(), ambient_authority()).unwrap();
    SnapshotStore::open(data)
}

fn stored(directory: &TempDir, csv: &str) -> IngestOutcome {
    let options = IngestOptions::default();
    let ingested = open(directory).ingest(csv.as_bytes(), "bench.csv", &options, &mut |_| {});
    let ingested = ingested.unwrap();
    assert_eq!(ingested.report.quarantined, 0);
    ingested
}

#[divan::bench(args = [1, 5, 50])]
fn slices(bencher: Bencher<'_, '_>, instruments: usize) {
    let directory = tempfile::tempdir().unwrap();
    let ingested = stored(&directory, &csv(instruments));
    let snapshot = open(&directory).load(&ingested.id).unwrap();
    let selection = snapshot.select(&[], None, None).unwrap();
    bencher.counter(ItemsCount::new(BARS)).bench_local(|| {
        let mut slices = selection.slices();
        let mut slice = Slice::default();
        let mut bars = 0;
        while slices.next_into(&mut slice).unwrap() {
            bars += slice.bars().len();
        }
        bars
    });
}

/// Rows of one source read, sorted, written and made durable.
#[divan::bench(sample_count = 5)]
fn ingest(bencher: Bencher<'_, '_>) {
    let csv = csv(1);
    bencher
        .counter(ItemsCount::new(BARS))
        .with_inputs(|| tempfile::tempdir().unwrap())
        .bench_local_values(|directory| {
            let ingested = stored(&directory, &csv);
            (ingested.id, directory)
        });
}

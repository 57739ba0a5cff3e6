//! How fast bars are read, checked and put into slices. Run with
//! `cargo bench -p counterfoil-snapshot`.
#![expect(clippy::unwrap_used, reason = "a bench stops where it fails")]

use core::fmt::Write as _;

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use counterfoil_snapshot::options::IngestOptions;
use counterfoil_snapshot::selection::Selection;
use counterfoil_snapshot::store::SnapshotStore;
use counterfoil_trading::slice::Slice;
use divan::Bencher;
use divan::counter::ItemsCount;

/// Bars in all, whatever the number of instruments.
const BARS: usize = 1_000_000;

fn main() {
    divan::main();
}

/// One-minute bars of `instruments` instruments in a snapshot of their own.
fn selection(instruments: usize) -> (tempfile::TempDir, Selection) {
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
    let directory = tempfile::tempdir().unwrap();
    let data = Dir::open_ambient_dir(directory.path(), ambient_authority()).unwrap();
    let store = SnapshotStore::open(data);
    let options = IngestOptions::default();
    let ingested = store
        .ingest(csv.as_bytes(), "bench.csv", &options, &mut |_| {})
        .unwrap();
    assert_eq!(ingested.report.quarantined, 0);
    let selection = store
        .load(&ingested.id)
        .unwrap()
        .select(&[], None, None)
        .unwrap();
    (directory, selection)
}

#[divan::bench(args = [1, 5, 50])]
fn slices(bencher: Bencher<'_, '_>, instruments: usize) {
    let (_directory, selection) = selection(instruments);
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

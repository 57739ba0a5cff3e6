//! Peak memory of ingestion does not grow with the number of rows. The only test of its process:
//! the kernel's counter goes up only.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::fs;
use std::io::{Cursor, Read};

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use counterfoil_snapshot::snapshot_store::SnapshotStore;
use counterfoil_snapshot::source::choices::SourceKind;
use counterfoil_snapshot::source::options::{IngestOptions, ROWS_IN_MEMORY};

/// What the peak may grow by, in MiB: a megabyte or two of allocator's slack. The rows that the
/// larger file has more would take four times this.
const GROWTH_MAX: u64 = 6;

/// A file that is made while it is read.
struct Source<F> {
    row: F,
    next: usize,
    rows: usize,
    line: Cursor<String>,
}

impl<F: FnMut(usize) -> String> Read for Source<F> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.line.read(buffer)?;
        if count > 0 || self.next == self.rows {
            return Ok(count);
        }
        self.line = Cursor::new((self.row)(self.next));
        self.next += 1;
        self.line.read(buffer)
    }
}

fn peak_mib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib: u64 = line.unwrap().trim_end_matches("kB").trim().parse().unwrap();
    kib / 1024
}

/// The peak after a file of so many rows was ingested and read.
fn peak_after(
    header: &str,
    rows: usize,
    kind: SourceKind,
    row: impl FnMut(usize) -> String,
) -> u64 {
    let folder = tempfile::tempdir().unwrap();
    let dir = Dir::open_ambient_dir(folder.path(), ambient_authority()).unwrap();
    let store = SnapshotStore::open(dir);
    let options = IngestOptions {
        timeframe: Some("1s".parse().unwrap()),
        symbol: Some("A".to_owned()),
        kind,
        ..IngestOptions::default()
    };
    let line = Cursor::new(format!("{header}\n"));
    let source = Source {
        row,
        next: 0,
        rows,
        line,
    };
    let done = store
        .ingest(source, "f.csv", &options, &mut |_| {})
        .unwrap();
    let whole = store.load(&done.id).unwrap().verify_all().unwrap();
    assert_eq!(whole.bars, u64::try_from(rows).unwrap());
    peak_mib()
}

#[test]
fn peak_memory_does_not_grow_with_the_rows_of_a_file() {
    let bars = "time,open,high,low,close,volume";
    let bar = |second: usize| format!("{},10.25,10.5,10,10.25,7\n", 1_500_000_000 + second);
    let small = ROWS_IN_MEMORY + 10_000;
    let large = small + 350_000;
    let before = peak_after(bars, small, SourceKind::Bars, bar);
    // Newest first: every row is late, and has to wait for its place.
    let after = peak_after(bars, large, SourceKind::Bars, |row| bar(large - row));
    assert!(after <= before + GROWTH_MAX, "{before} to {after} MiB");
    let trade = |row: usize| format!("{},10.25,1,{row}\n", 1_600_000_000 - row);
    let trades = "time,price,size,id";
    let before = peak_after(trades, small, SourceKind::Trades, trade);
    let after = peak_after(trades, large, SourceKind::Trades, trade);
    assert!(after <= before + GROWTH_MAX, "{before} to {after} MiB");
}

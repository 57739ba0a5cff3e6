//! A large file of generated minutes: ingested, listed, opened, and read in slices. Prints what it
//! took of memory and disk. Run with
//! `cargo bench -p counterfoil-snapshot --bench large -- BARS [FOLDER]`, under `time` for the time;
//! 100 million bars need some 15 GB in FOLDER. Needs Linux.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench, not a program"
)]

use std::fs;
use std::io::{Cursor, Read};
use std::path::Path;

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use counterfoil_snapshot::snapshot_store::SnapshotStore;
use counterfoil_snapshot::source::options::IngestOptions;
use counterfoil_trading::slice::Slice;
use counterfoil_trading::time::{DAY_NANOS, UnixNanos};
use flate2::Compression;
use flate2::read::GzEncoder;

/// The file holds them minute by minute, so that no instrument's bars are together.
const INSTRUMENTS: u64 = 4;

/// 1980-01-01, so that 100 million bars are before 2100.
const FIRST_SECOND: u64 = 315_532_800;

fn main() {
    let numbers = |text: String| text.parse::<u64>().ok();
    let bars = std::env::args().find_map(numbers).unwrap_or(1_000_000);
    let place = std::env::args().skip(1).find(|text| text.starts_with('/'));
    let folder = match place {
        Some(place) => tempfile::tempdir_in(place).unwrap(),
        None => tempfile::tempdir().unwrap(),
    };
    let dir = Dir::open_ambient_dir(folder.path(), ambient_authority()).unwrap();
    let store = SnapshotStore::open(dir);

    println!("| step | result |\n| --- | --- |");
    let minutes = Minutes {
        bar: 0,
        bars,
        random: 1,
        prices: [10_000; 4],
        line: Cursor::new("symbol,timestamp,open,high,low,close,volume\n".to_owned()),
    };
    let source = GzEncoder::new(minutes, Compression::fast());
    let options = IngestOptions::default();
    let mut disk_peak = 0;
    let mut reports = 0;
    let made = store.ingest(source, "minutes.csv.gz", &options, &mut |_| {
        reports += 1;
        if reports % 64 == 0 {
            disk_peak = disk_peak.max(bytes_in(folder.path()));
        }
    });
    let made = made.unwrap();
    assert_eq!(made.report.bars, bars);
    say("bars", bars);
    say("peak memory after ingest, MiB", peak_mib());
    say(
        "largest disk use seen while ingesting, MB",
        disk_peak / 1_000_000,
    );
    say("disk use after, MB", bytes_in(folder.path()) / 1_000_000);

    assert_eq!(store.list().unwrap().len(), 1);
    let snapshot = store.load(&made.id).unwrap();
    let files = snapshot.manifest().instruments.iter();
    let files: usize = files.map(|instrument| instrument.files.len()).sum();
    say("Arrow files", u64::try_from(files).unwrap());
    let last = snapshot.manifest().instruments[0].last_open;
    let from = UnixNanos(last.0 / 2 / DAY_NANOS * DAY_NANOS);
    let day = read(
        &store,
        &made.id,
        Some((from, UnixNanos(from.0 + DAY_NANOS))),
    );
    say("bars of one day", day);
    assert_eq!(read(&store, &made.id, None), bars);
    say("peak memory after reading one day and all, MiB", peak_mib());
}

fn say(what: &str, value: u64) {
    println!("| {what} | {value} |");
}

/// Reads a range slice by slice; gives the number of bars.
fn read(
    store: &SnapshotStore,
    id: &counterfoil_snapshot::store::snapshot_id::SnapshotId,
    range: Option<(UnixNanos, UnixNanos)>,
) -> u64 {
    let snapshot = store.load(id).unwrap();
    let (from, to) = range.unzip();
    let mut slices = snapshot.select(&[], from, to).unwrap().slices();
    let (mut slice, mut bars) = (Slice::default(), 0);
    while slices.next_into(&mut slice).unwrap() {
        bars += u64::try_from(slice.bars().len()).unwrap();
    }
    bars
}

/// A file of bars that is made while it is read, the same on every machine.
struct Minutes {
    bar: u64,
    bars: u64,
    random: u64,
    prices: [u64; 4],
    line: Cursor<String>,
}

impl Minutes {
    /// A number below `most`. Source: D. E. Knuth's MMIX generator, its upper bits.
    fn number(&mut self, most: u64) -> u64 {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005);
        self.random = self.random.wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 33) % most
    }

    fn next(&mut self) -> String {
        let instrument = self.bar % INSTRUMENTS;
        let time = FIRST_SECOND + self.bar / INSTRUMENTS * 60;
        let place = usize::try_from(instrument).unwrap();
        let open = self.prices[place];
        let close = (open + self.number(21))
            .saturating_sub(10)
            .clamp(5_000, 20_000);
        let high = open.max(close) + self.number(5);
        let low = open.min(close) - self.number(5);
        let volume = 1_000 + self.number(5_000);
        self.prices[place] = close;
        self.bar += 1;
        let [open, high, low, close] =
            [open, high, low, close].map(|cents| format!("{}.{:02}", cents / 100, cents % 100));
        format!("S{instrument},{time},{open},{high},{low},{close},{volume}\n")
    }
}

impl Read for Minutes {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.line.read(buffer)?;
        if count > 0 || self.bar == self.bars {
            return Ok(count);
        }
        self.line = Cursor::new(self.next());
        self.line.read(buffer)
    }
}

fn peak_mib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib: u64 = line.unwrap().trim_end_matches("kB").trim().parse().unwrap();
    kib / 1024
}

fn bytes_in(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else {
        return 0;
    };
    let sizes = entries.flatten().map(|entry| match entry.metadata() {
        Ok(data) if data.is_dir() => bytes_in(&entry.path()),
        Ok(data) => data.len(),
        Err(_) => 0,
    });
    sizes.sum()
}

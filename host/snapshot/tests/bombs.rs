//! Small files that unpack to large ones: each is refused with a reason, and neither this process nor the one that
//! decodes takes memory beyond its limits. The program calls itself as the decoding process.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::fs::{self, File};
use std::io::{Read, Write as _};
use std::os::fd::AsFd as _;
use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::{ArrayRef, DictionaryArray, Int32Array, Int64Array, RecordBatch, StringArray};
use arrow_ipc::CompressionType;
use arrow_ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter};
use cap_std::ambient_authority;
use cap_std::fs::Dir;
use counterfoil_snapshot::snapshot_store::SnapshotStore;
use counterfoil_snapshot::source::decode_process::decode_child_main;
use counterfoil_snapshot::source::decode_program::DecodeProgram;
use counterfoil_snapshot::source::options::{IngestLimits, IngestOptions};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::properties::{WriterProperties, WriterPropertiesBuilder};

/// The first argument of the decoding process.
const DECODE: &str = "decode-file";

/// Rows of a batch: so many are decoded at once.
const ROWS: usize = 8_192;

/// What this process may take at its peak: the bombs themselves, and the rows that are sorted.
const PEAK_MIB_MAX: u64 = 400;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(place) = arguments.iter().position(|argument| argument == DECODE) {
        let input = std::io::stdin().as_fd().try_clone_to_owned().unwrap();
        let rest = &arguments[place + 1..];
        if let Err((code, reason)) = decode_child_main(rest, File::from(input), std::io::stdout()) {
            std::io::stderr().write_all(reason.as_bytes()).unwrap();
            std::process::exit(code.into());
        }
        return;
    }
    what_decodes_to_more_than_its_process_may_take_is_refused();
    what_is_not_used_is_not_decoded();
    what_unpacks_to_more_than_stated_is_refused();
    let peak = peak_mib();
    assert!(peak <= PEAK_MIB_MAX, "{peak} MiB");
}

fn peak_mib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib: u64 = line.unwrap().trim_end_matches("kB").trim().parse().unwrap();
    kib / 1024
}

/// What ingesting gives: the number of bars, or the error.
fn ingest(source: impl Read, unpacked_max: Option<u64>) -> Result<u64, String> {
    let folder = tempfile::tempdir().unwrap();
    let dir = Dir::open_ambient_dir(folder.path(), ambient_authority()).unwrap();
    let options = IngestOptions {
        timeframe: Some("1s".parse().unwrap()),
        limits: IngestLimits {
            unpacked_max,
            ..IngestLimits::default()
        },
        decoder: Some(DecodeProgram {
            file: std::env::current_exe().unwrap(),
            arguments: vec![DECODE.to_owned()],
        }),
        ..IngestOptions::default()
    };
    let done = SnapshotStore::open(dir).ingest(source, "f", &options, &mut |_| {});
    done.map(|done| done.report.bars)
        .map_err(|error| error.to_string())
}

#[track_caller]
fn check(bytes: &[u8], unpacked_max: Option<u64>, expect: &str) {
    assert!(bytes.len() < 1 << 20, "a bomb is small: {}", bytes.len());
    let error = ingest(bytes, unpacked_max).unwrap_err();
    assert!(error.contains(expect), "{error}");
}

/// Bars of `symbols`, which have another column of texts as well.
fn batch(symbols: ArrayRef, comments: ArrayRef) -> RecordBatch {
    let rows = symbols.len();
    let seconds = 1_500_000_000..;
    let price: ArrayRef = Arc::new(Int64Array::from(vec![10; rows]));
    let times = Int64Array::from_iter_values(seconds.take(rows));
    let named = |name, column: &ArrayRef| (name, Arc::clone(column));
    RecordBatch::try_from_iter([
        ("symbol", symbols),
        ("comment", comments),
        ("time", Arc::new(times)),
        named("open", &price),
        named("high", &price),
        named("low", &price),
        named("close", &price),
        named("volume", &price),
    ])
    .unwrap()
}

fn short(rows: usize) -> ArrayRef {
    Arc::new(StringArray::from(vec!["A"; rows]))
}

/// One text of so many bytes, in every row.
fn long(bytes: usize, rows: usize) -> ArrayRef {
    let values = Arc::new(StringArray::from(vec!["x".repeat(bytes)]));
    let keys = Int32Array::from(vec![0; rows]);
    Arc::new(DictionaryArray::<Int32Type>::new(keys, values))
}

fn parquet(
    batch: &RecordBatch,
    set: impl Fn(WriterPropertiesBuilder) -> WriterPropertiesBuilder,
) -> Vec<u8> {
    let level = ZstdLevel::default();
    let properties = WriterProperties::builder().set_compression(Compression::ZSTD(level));
    let properties = set(properties)
        .set_statistics_enabled(parquet::file::properties::EnabledStatistics::None)
        .set_dictionary_page_size_limit(1 << 28)
        .build();
    let mut bytes = Vec::new();
    // Without the schema of Arrow, which would keep the dictionary: other writers have none.
    let options = parquet::arrow::arrow_writer::ArrowWriterOptions::new()
        .with_properties(properties)
        .with_skip_arrow_metadata(true);
    let mut writer =
        ArrowWriter::try_new_with_options(&mut bytes, batch.schema(), options).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
    bytes
}

fn arrow(batch: &RecordBatch) -> Vec<u8> {
    let options = IpcWriteOptions::default()
        .try_with_compression(Some(CompressionType::ZSTD))
        .unwrap();
    let mut writer =
        FileWriter::try_new_with_options(Vec::new(), &batch.schema(), options).unwrap();
    writer.write(batch).unwrap();
    writer.into_inner().unwrap()
}

/// A footer whose list of columns says that it has two billion.
fn footer_of_two_billion_columns() -> Vec<u8> {
    let mut bytes = b"PAR1".to_vec();
    let footer = [0x15, 0x04, 0x19, 0xfc, 0xff, 0xff, 0xff, 0xff, 0x07];
    bytes.extend(footer);
    bytes.extend(u32::try_from(footer.len()).unwrap().to_le_bytes());
    bytes.extend(b"PAR1");
    bytes
}

/// The same file, whose columns of prices and times state half a gigabyte each after decompression.
fn with_stated_lengths(mut bytes: Vec<u8>) -> Vec<u8> {
    let stated = i64::try_from(ROWS * 8).unwrap().to_le_bytes();
    let larger = (400_i64 << 20).to_le_bytes();
    let places: Vec<usize> = bytes
        .windows(stated.len())
        .enumerate()
        .filter(|(_, window)| *window == stated)
        .map(|(place, _)| place)
        .collect();
    for place in places.iter().take(2) {
        bytes[*place..*place + stated.len()].copy_from_slice(&larger);
    }
    assert!(places.len() >= 2, "{places:?}");
    bytes
}

/// Each of these ended the whole program, or took gigabytes of it.
fn what_decodes_to_more_than_its_process_may_take_is_refused() {
    const MEMORY: &str = "decoding it takes more than";
    // Two gigabytes of names in one batch, as a dictionary and by common beginnings.
    let names = batch(long(1 << 18, ROWS), short(ROWS));
    check(&parquet(&names, |properties| properties), None, MEMORY);
    let prefixes = |properties: WriterPropertiesBuilder| {
        properties
            .set_dictionary_enabled(false)
            .set_encoding(Encoding::DELTA_BYTE_ARRAY)
            .set_column_encoding("symbol".into(), Encoding::DELTA_BYTE_ARRAY)
    };
    let texts = batch(long(1 << 18, ROWS), short(ROWS));
    let times = |properties: WriterPropertiesBuilder| {
        ["time", "open", "high", "low", "close", "volume"]
            .into_iter()
            .fold(prefixes(properties), |properties, column| {
                properties.set_column_encoding(column.into(), Encoding::DELTA_BINARY_PACKED)
            })
    };
    check(&parquet(&texts, times), None, MEMORY);
    check(
        &footer_of_two_billion_columns(),
        None,
        "cannot be read as parquet",
    );
    let plain = arrow(&batch(short(ROWS), short(ROWS)));
    check(&with_stated_lengths(plain), None, "cannot be read as arrow");
}

fn what_is_not_used_is_not_decoded() {
    let comments = batch(short(ROWS), long(1 << 18, ROWS));
    let rows = u64::try_from(ROWS).unwrap();
    assert_eq!(
        ingest(parquet(&comments, |all| all).as_slice(), None),
        Ok(rows)
    );
    assert_eq!(ingest(arrow(&comments).as_slice(), None), Ok(rows));
}

fn what_unpacks_to_more_than_stated_is_refused() {
    const FLAG: &str = "allow more with --unpacked-max";
    let rows = 100_000;
    let bars = batch(short(rows), short(rows));
    let many = parquet(&bars, |properties| properties);
    check(&many, Some(2_000_000), FLAG);
    assert_eq!(ingest(many.as_slice(), Some(10_000_000)), Ok(100_000));
    // A name of megabytes in many rows, which stays one text while it is decoded.
    check(
        &arrow(&batch(long(1 << 22, 200_000), short(200_000))),
        Some(1 << 24),
        FLAG,
    );
    let mut stream = StreamWriter::try_new(Vec::new(), &bars.schema()).unwrap();
    stream.write(&bars).unwrap();
    let stream = stream.into_inner().unwrap();
    assert_eq!(ingest(stream.as_slice(), None), Ok(100_000));
    // One line without an end.
    let zeros = std::io::repeat(b'0').take(1 << 28);
    let mut packed = zstd::Encoder::new(Vec::new(), 1).unwrap();
    std::io::copy(&mut { zeros }, &mut packed).unwrap();
    let packed = packed.finish().unwrap();
    check(&packed, Some(1 << 24), "after decompression");
    // Packed twice: neither ratio shows it.
    let mut twice = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    twice.write_all(&packed).unwrap();
    check(&twice.finish().unwrap(), Some(1 << 24), "no header");
}

//! Parquet and Arrow files as pandas, Polars and freqtrade write them: every codec and column type of theirs
//! gives the same bars.

use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, Date64Array, Decimal32Array, Decimal64Array, Decimal128Array, Decimal256Array,
    Float64Array, Int64Array, RecordBatch, StringArray,
};
use arrow_buffer::i256;
use arrow_ipc::CompressionType;
use arrow_ipc::writer::{FileWriter, IpcWriteOptions};
use counterfoil_snapshot::source::options::IngestOptions;
use parquet::arrow::ArrowWriter;
use parquet::basic::{BrotliLevel, Compression};
use parquet::file::properties::WriterProperties;

use crate::test_store::{TestStore, chain_text, daily};

const DAY_MILLIS: i64 = 86_400_000;
const DAYS: i64 = 4_000;

/// Closes in hundredths: 100.00, 100.01 ….
fn hundredths() -> impl Iterator<Item = i64> {
    (0..DAYS).map(|day| 10_000 + day)
}

fn table(times: ArrayRef, price: &ArrayRef) -> RecordBatch {
    let count = usize::try_from(DAYS).unwrap();
    let symbol: ArrayRef = Arc::new(StringArray::from(vec!["A"; count]));
    let volume: ArrayRef = Arc::new(Int64Array::from(vec![7; count]));
    let all = [
        ("symbol", symbol),
        ("time", times),
        ("open", Arc::clone(price)),
        ("high", Arc::clone(price)),
        ("low", Arc::clone(price)),
        ("close", Arc::clone(price)),
        ("volume", volume),
    ];
    RecordBatch::try_from_iter(all).unwrap()
}

fn dates() -> ArrayRef {
    Arc::new(Date64Array::from_iter_values(
        (0..DAYS).map(|day| day * DAY_MILLIS),
    ))
}

fn floats() -> ArrayRef {
    let prices = hundredths().map(|price| format!("{}.{:02}", price / 100, price % 100));
    Arc::new(Float64Array::from_iter_values(
        prices.map(|text| text.parse::<f64>().unwrap()),
    ))
}

fn parquet(batch: &RecordBatch, compression: Compression) -> Vec<u8> {
    let properties = WriterProperties::builder()
        .set_compression(compression)
        .build();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties)).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
    bytes
}

fn arrow(batch: &RecordBatch, compression: Option<CompressionType>) -> Vec<u8> {
    let options = IpcWriteOptions::default()
        .try_with_compression(compression)
        .unwrap();
    let mut writer =
        FileWriter::try_new_with_options(Vec::new(), &batch.schema(), options).unwrap();
    writer.write(batch).unwrap();
    writer.into_inner().unwrap()
}

/// Feather files of pandas and freqtrade are LZ4, which was refused with "fetch it again".
#[test]
fn every_codec_gives_the_same_bars() {
    let data = TestStore::new();
    let batch = table(dates(), &floats());
    let plain = data.ingest(&arrow(&batch, None), &daily()).unwrap();
    assert_eq!(plain.manifest.instruments[0].bars, 4_000);
    let files = [
        ("lz4", arrow(&batch, Some(CompressionType::LZ4_FRAME))),
        ("zstd", arrow(&batch, Some(CompressionType::ZSTD))),
        (
            "brotli",
            parquet(&batch, Compression::BROTLI(BrotliLevel::default())),
        ),
        ("lz4", parquet(&batch, Compression::LZ4)),
        ("lz4-raw", parquet(&batch, Compression::LZ4_RAW)),
        ("plain", parquet(&batch, Compression::UNCOMPRESSED)),
    ];
    for (codec, bytes) in files {
        let done = data.ingest(&bytes, &daily()).unwrap();
        assert_eq!(done.report.quarantined, 0, "{codec}");
        assert_eq!(
            done.manifest.data_sha256, plain.manifest.data_sha256,
            "{codec}"
        );
    }
}

#[test]
fn every_width_of_decimal_is_exact() {
    let data = TestStore::new();
    let plain = data
        .ingest(
            &parquet(&table(dates(), &floats()), Compression::SNAPPY),
            &daily(),
        )
        .unwrap();
    let small = || hundredths().map(|price| i32::try_from(price).unwrap());
    let columns: [ArrayRef; 4] = [
        Arc::new(
            Decimal32Array::from_iter_values(small())
                .with_precision_and_scale(9, 2)
                .unwrap(),
        ),
        Arc::new(
            Decimal64Array::from_iter_values(hundredths())
                .with_precision_and_scale(18, 2)
                .unwrap(),
        ),
        Arc::new(
            Decimal128Array::from_iter_values(hundredths().map(i128::from))
                .with_precision_and_scale(38, 2)
                .unwrap(),
        ),
        Arc::new(
            Decimal256Array::from_iter_values(
                hundredths().map(|price| i256::from_i128(price.into())),
            )
            .with_precision_and_scale(76, 2)
            .unwrap(),
        ),
    ];
    for column in columns {
        let kind = column.data_type().clone();
        let batch = table(dates(), &column);
        for bytes in [parquet(&batch, Compression::SNAPPY), arrow(&batch, None)] {
            let done = data.ingest(&bytes, &daily()).unwrap();
            assert_eq!(done.report.quarantined, 0, "{kind}");
            assert_eq!(
                done.manifest.data_sha256, plain.manifest.data_sha256,
                "{kind}"
            );
        }
    }
    // Beyond what a price can be: put aside with the number, and not cut to fewer digits.
    let count = usize::try_from(DAYS).unwrap();
    let huge: ArrayRef = Arc::new(
        Decimal256Array::from(vec![i256::MAX; count])
            .with_precision_and_scale(76, 2)
            .unwrap(),
    );
    let error = data
        .ingest(&arrow(&table(dates(), &huge), None), &daily())
        .unwrap_err();
    let text = chain_text(&error);
    assert!(
        text.contains("column open") && text.contains("57896"),
        "{text}"
    );
}

#[test]
fn a_date_in_milliseconds_is_a_date_and_one_with_a_time_of_day_keeps_it() {
    let data = TestStore::new();
    let options = IngestOptions {
        timeframe: Some("1d".parse().unwrap()),
        ..IngestOptions::default()
    };
    let noon: ArrayRef = Arc::new(Date64Array::from_iter_values(
        (0..DAYS).map(|day| day * DAY_MILLIS + DAY_MILLIS / 2),
    ));
    let done = data
        .ingest(&arrow(&table(noon, &floats()), None), &options)
        .unwrap();
    assert_eq!(
        done.manifest.instruments[0].first_open.0,
        DAY_MILLIS / 2 * 1_000_000
    );
}

/// A codec that is not there is named, with those that are: fetching the file again would bring the same.
#[test]
fn a_codec_that_is_not_read_is_named_with_what_to_write_instead() {
    let data = TestStore::new();
    let good = parquet(&table(dates(), &floats()), Compression::SNAPPY);
    // No library here writes LZO. In the footer the codec is one byte: 1 doubled, which becomes 3 doubled.
    let footer = good.len() - 4_096.min(good.len());
    let places = (footer..good.len()).filter(|place| good[*place] == 2);
    let errors = places.filter_map(|place| {
        let mut other = good.clone();
        other[place] = 6;
        data.ingest(&other, &daily())
            .err()
            .map(|error| chain_text(&error))
    });
    let named: Vec<String> = errors.filter(|text| text.contains("LZO")).collect();
    assert!(
        named.iter().any(|text| text.contains(
            "is compressed with LZO, which is not read; write the file again with ZSTD, SNAPPY, GZIP, BROTLI"
        )),
        "{named:?}"
    );
    assert!(
        named
            .iter()
            .all(|text| !text.contains("again;") && !text.contains("download")),
        "{named:?}"
    );
}

/// The reader allocates what a batch states. A file of a few bytes stated terabytes.
#[test]
fn a_batch_that_states_more_than_fits_is_refused_before_it_is_unpacked() {
    let data = TestStore::new();
    let good = arrow(&table(dates(), &floats()), Some(CompressionType::LZ4_FRAME));
    // 4,000 times of eight bytes each: the length before the first compressed column of that size.
    let stated = 32_000_i64.to_le_bytes();
    let place = good.windows(8).position(|bytes| bytes == stated).unwrap();
    for large in [i64::MAX, 1 << 42] {
        let mut bad = good.clone();
        bad[place..place + 8].copy_from_slice(&large.to_le_bytes());
        let text = chain_text(&data.ingest(&bad, &daily()).unwrap_err());
        assert!(text.contains("after decompression"), "{text}");
    }
}

//! From a live bar's line to the moment its decision is durable, signed and released.

use std::io::{self, BufRead, Read};

use counterfoil_runner::clock::Stopwatch;
use counterfoil_runner::data_dir::DataDir;
use counterfoil_runner::live::live;
use counterfoil_sandbox::engine::EngineSettings;
use counterfoil_trading::manifest::{DataSource, Manifest};

use crate::{Quiet, signer};

/// Bars of the live run, each with a sync of the disk.
const BARS: u64 = 2_000;

/// Prints the median and the 99th percentile.
pub(crate) fn latency(data: &DataDir, manifest: &Manifest) {
    let manifest = Manifest {
        data: DataSource::Feed {
            broker: None,
            name: "bench".to_owned(),
            start_nonce: "bench".to_owned(),
        },
        cadence: 1,
        ..manifest.clone()
    };
    let mut micros = Vec::new();
    let source = Lines {
        next: 0,
        line: Vec::new(),
        used: 0,
        given: None,
        micros: &mut micros,
    };
    let engine = EngineSettings::default();
    let done = live(
        data,
        &manifest,
        engine,
        signer(),
        (source, None),
        &mut Quiet,
    )
    .unwrap();
    assert!(done.close.fills > 0);
    micros.sort_unstable();
    let at = |percent: usize| micros.get(micros.len() * percent / 100).unwrap();
    println!(
        "| live, line read to order released, durable and signed first, p50 | {} µs |",
        at(50)
    );
    println!("| the same, p99 | {} µs |", at(99));
}

/// Gives a line, and takes the time until the next is asked for: by then all is done with it.
struct Lines<'a> {
    next: u64,
    line: Vec<u8>,
    used: usize,
    given: Option<Stopwatch>,
    micros: &'a mut Vec<u128>,
}

impl Read for Lines<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let mut rest = self.fill_buf()?;
        let read = rest.read(out)?;
        self.consume(read);
        Ok(read)
    }
}

impl BufRead for Lines<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.used == self.line.len() {
            if let Some(watch) = self.given.take() {
                self.micros.push(watch.elapsed().as_micros());
            }
            self.line.clear();
            self.used = 0;
            if self.next < BARS {
                let open = 1_600_000_000_u64 + self.next * 60;
                let close = 100 + (self.next % 60).abs_diff(30);
                self.line = format!(
                    "{{\"symbol\":\"GEN\",\"open-time\":{open}000000000,\"close-time\":{}000000000,\
                     \"open\":100,\"high\":200,\"low\":50,\"close\":{close},\"volume\":100000}}\n",
                    open + 60
                )
                .into_bytes();
                self.next += 1;
                self.given = Some(Stopwatch::start());
            }
        }
        Ok(self.line.get(self.used..).unwrap_or_default())
    }

    fn consume(&mut self, amount: usize) {
        self.used += amount;
    }
}

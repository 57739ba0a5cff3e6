//! What a strategy logged, beside the run's journal: for its author, unsigned, no evidence. Nothing that goes wrong
//! here may end or change a run.

use std::fs::File;
use std::io::{BufRead as _, BufReader, BufWriter, Read as _, Write as _};

use counterfoil_os::files::{self, FileError};
use counterfoil_sandbox::guest::{LogLevel, LogLine, TextLosses};
use counterfoil_trading::instrument::Instrument;
use counterfoil_trading::time::UnixNanos;
use serde::{Deserialize, Serialize};

use crate::store::data_dir::Execution;

/// The log's file in an execution's folder.
pub const LOG_FILE: &str = "log";
/// Where a resumption puts the log that it writes again.
const LOG_BEFORE_FILE: &str = "log-before";
/// The most bytes of a run's log: what comes after them is dropped, and the file says so in its last line.
pub const LOG_FILE_BYTES_MAX: u64 = 64 << 20;
/// The most bytes of one line: the text with every character escaped, and what stands beside it.
const LINE_BYTES_MAX: u64 = 8 << 20;

/// One line of the file, as JSON.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct KeptLogLine {
    /// The bar's close, or when what was reported took effect; `None` in `init`.
    pub time: Option<String>,
    pub callback: String,
    pub instrument: Option<String>,
    /// The bar's number among its instrument's bars of the run.
    pub bar: Option<u64>,
    /// `debug`, `info`, `warn` or `error`; `host` where the host says what it did not keep.
    pub level: String,
    pub text: String,
}

/// The log of one execution, open for writing. The file is made with the first line.
#[derive(Debug)]
pub struct RunLog {
    execution: Execution,
    symbols: Vec<String>,
    file: Option<BufWriter<File>>,
    bytes: u64,
    bytes_max: u64,
    is_over: bool,
}

impl RunLog {
    /// The log of an execution that begins, or that is derived again from its first bar.
    #[must_use]
    pub fn begin(execution: &Execution, instruments: &[Instrument]) -> Self {
        Self {
            execution: execution.clone(),
            symbols: instruments
                .iter()
                .map(|instrument| instrument.symbol().to_owned())
                .collect(),
            file: None,
            bytes: 0,
            bytes_max: LOG_FILE_BYTES_MAX,
            is_over: false,
        }
    }

    /// Writes lines of the strategy, and what the sandbox did not keep.
    ///
    /// # Errors
    ///
    /// Returns [`FileError`] if they cannot be written; nothing more is written then.
    pub fn write(&mut self, lines: &[LogLine], losses: TextLosses) -> Result<(), FileError> {
        if self.is_over || (lines.is_empty() && losses == TextLosses::default()) {
            return Ok(());
        }
        let written = self.write_all(lines, losses);
        // One error for a full disk, and not one for each bar.
        self.is_over |= written.is_err();
        written
    }

    fn write_all(&mut self, lines: &[LogLine], losses: TextLosses) -> Result<(), FileError> {
        for line in lines {
            let kept = self.kept(line);
            self.put(&kept)?;
        }
        if losses != TextLosses::default() {
            self.put(&host_line(format!("text {losses}")))?;
        }
        let path = self.execution.folder.join(LOG_FILE);
        let flushed = self.file.as_mut().map_or(Ok(()), BufWriter::flush);
        flushed.map_err(FileError::at("write", &path))
    }

    fn kept(&self, line: &LogLine) -> KeptLogLine {
        let symbol = |place: usize| self.symbols.get(place).cloned();
        KeptLogLine {
            time: line.place.time.map(UnixNanos::date_or_time),
            callback: line.place.callback.name().to_owned(),
            instrument: line.place.instrument.and_then(|id| symbol(id.index())),
            bar: line.place.bar,
            level: line.level.name().to_owned(),
            text: line.text.clone(),
        }
    }

    fn put(&mut self, line: &KeptLogLine) -> Result<(), FileError> {
        if self.is_over {
            return Ok(());
        }
        let path = self.execution.folder.join(LOG_FILE);
        let error = |error| FileError::at("write", &path)(error);
        let mut json = serde_json::to_vec(line).map_err(|bad| error(bad.into()))?;
        let length = u64::try_from(json.len()).unwrap_or(u64::MAX);
        let most = self.bytes_max;
        if self.bytes.saturating_add(length) > most {
            self.is_over = true;
            let full = format!("the log has reached {most} bytes: nothing more is kept");
            json = serde_json::to_vec(&host_line(full)).map_err(|bad| error(bad.into()))?;
        }
        json.push(b'\n');
        self.bytes = self.bytes.saturating_add(length).saturating_add(1);
        if self.file.is_none() {
            put_aside(&self.execution)?;
            self.file = Some(BufWriter::new(files::open_emptied(&path)?));
        }
        let written = self
            .file
            .as_mut()
            .map_or(Ok(()), |file| file.write_all(&json));
        written.map_err(error)
    }
}

/// Moves the log of an earlier process aside: a resumption decides every bar again, so the same lines come again.
fn put_aside(execution: &Execution) -> Result<(), FileError> {
    let length = |path| files::own_facts_of(path).map(|found| found.map_or(0, |found| found.len()));
    let (path, aside) = (
        execution.folder.join(LOG_FILE),
        execution.folder.join(LOG_BEFORE_FILE),
    );
    // The longer one stays: a resumption that failed early wrote a few lines, and what came before it explains why.
    if length(&path)? > length(&aside)? {
        files::rename(&path, &aside)?;
    }
    Ok(())
}

fn host_line(text: String) -> KeptLogLine {
    KeptLogLine {
        time: None,
        callback: String::new(),
        instrument: None,
        bar: None,
        level: "host".to_owned(),
        text,
    }
}

/// The lines that a reader wants of a log.
#[derive(Clone, Debug, Default)]
pub struct LogFilter {
    /// This level and those above it; `None` for all.
    pub least: Option<LogLevel>,
    /// Of this instrument; `None` for all.
    pub instrument: Option<String>,
}

impl LogFilter {
    fn takes(&self, line: &KeptLogLine) -> bool {
        let level = LogLevel::ALL
            .into_iter()
            .find(|level| level.name() == line.level);
        // Of the host's own lines none is left out: they say that something is missing.
        let Some(level) = level else { return true };
        self.least.is_none_or(|least| level >= least)
            && (self.instrument.is_none() || self.instrument == line.instrument)
    }
}

/// What was read of a log.
#[derive(Clone, Debug, Default)]
pub struct ReadLog {
    pub lines: Vec<KeptLogLine>,
    /// Lines that are no log lines: a process was killed while it wrote one, or somebody changed the file.
    pub damaged: u64,
}

/// The lines of an execution's log that `filter` takes; none if the strategy logged nothing.
///
/// # Errors
///
/// Returns [`FileError`] if the file is there and cannot be read.
pub fn read(execution: &Execution, filter: &LogFilter) -> Result<ReadLog, FileError> {
    let path = execution.folder.join(LOG_FILE);
    let mut found = ReadLog::default();
    let file = match files::open_plain(&path) {
        Ok(file) => file,
        Err(error) if error.source.kind() == std::io::ErrorKind::NotFound => return Ok(found),
        Err(error) => return Err(error),
    };
    // Twice what is ever written: a file that somebody else made must not fill the memory.
    let mut reader = BufReader::new(file.take(2 * LOG_FILE_BYTES_MAX));
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = reader
            .by_ref()
            .take(LINE_BYTES_MAX)
            .read_until(b'\n', &mut line);
        if read.map_err(FileError::at("read", &path))? == 0 {
            return Ok(found);
        }
        match serde_json::from_slice::<KeptLogLine>(&line) {
            Ok(line) if filter.takes(&line) => found.lines.push(line),
            Ok(_) => {}
            Err(_) => found.damaged = found.damaged.saturating_add(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use counterfoil_base::digest::Digest;
    use counterfoil_os::file_path::FilePath;
    use counterfoil_sandbox::guest::LogPlace;
    use counterfoil_trading::instrument::{InstrumentGrid, InstrumentId};
    use counterfoil_trading::record::Callback;

    use super::*;

    fn line(level: LogLevel, text: &str, instrument: u32) -> LogLine {
        LogLine {
            level,
            text: text.to_owned(),
            place: LogPlace {
                callback: Callback::OnBar,
                time: Some(UnixNanos(86_400_000_000_000)),
                instrument: Some(InstrumentId(instrument)),
                bar: Some(3),
            },
        }
    }

    fn texts(execution: &Execution, filter: &LogFilter) -> (Vec<String>, u64) {
        let found = read(execution, filter).unwrap();
        let texts = found.lines.into_iter().map(|line| line.text);
        (texts.collect(), found.damaged)
    }

    #[test]
    fn a_log_is_read_as_it_was_written_and_a_second_one_puts_the_first_aside() {
        let folder = tempfile::tempdir().unwrap();
        let execution = Execution {
            run: Digest::of(b"run"),
            number: 1,
            folder: FilePath::folder(folder.path()),
        };
        let all = LogFilter::default();
        assert_eq!(texts(&execution, &all), (vec![], 0));
        let instruments = ["AAA", "BBB"].map(instrument);
        let mut log = RunLog::begin(&execution, &instruments);
        let nothing = TextLosses::default();
        log.write(&[], nothing).unwrap();
        assert!(!folder.path().join(LOG_FILE).exists());
        let lines = [
            line(LogLevel::Debug, "one\n\u{1b}[2J", 0),
            line(LogLevel::Warn, "two", 1),
        ];
        let losses = TextLosses {
            lines: 2,
            ..nothing
        };
        log.write(&lines, losses).unwrap();
        let first = read(&execution, &all).unwrap().lines.remove(0);
        let expect = KeptLogLine {
            time: Some("1970-01-02".to_owned()),
            callback: "on-bar".to_owned(),
            instrument: Some("AAA".to_owned()),
            bar: Some(3),
            level: "debug".to_owned(),
            text: "one\n\u{1b}[2J".to_owned(),
        };
        assert_eq!(first, expect);
        let lost = format!("text {losses}");
        for (least, instrument, expect) in [
            (None, None, vec!["one\n\u{1b}[2J", "two", &lost]),
            (Some(LogLevel::Info), None, vec!["two", &lost]),
            (None, Some("BBB"), vec!["two", &lost]),
            (Some(LogLevel::Error), None, vec![&*lost]),
        ] {
            let filter = LogFilter {
                least,
                instrument: instrument.map(str::to_owned),
            };
            assert_eq!(texts(&execution, &filter).0, expect);
        }
        // A process that was killed while it wrote.
        let path = folder.path().join(LOG_FILE);
        let mut torn = std::fs::read(&path).unwrap();
        torn.truncate(torn.len() - 9);
        std::fs::write(&path, torn).unwrap();
        assert_eq!(texts(&execution, &all).1, 1);
        let mut again = RunLog::begin(&execution, &instruments);
        again.write(&lines[1..], nothing).unwrap();
        assert_eq!(texts(&execution, &all), (vec!["two".to_owned()], 0));
        assert!(folder.path().join(LOG_BEFORE_FILE).exists());
    }

    #[test]
    fn a_full_log_says_so_once_and_takes_no_more() {
        let folder = tempfile::tempdir().unwrap();
        let execution = Execution {
            run: Digest::of(b"run"),
            number: 1,
            folder: FilePath::folder(folder.path()),
        };
        let mut log = RunLog::begin(&execution, &[]);
        // Two lines of 123 bytes and their ends.
        log.bytes_max = 260;
        for _ in 0..9 {
            let one = [line(LogLevel::Info, "text", 0)];
            log.write(&one, TextLosses::default()).unwrap();
        }
        let (texts, _) = texts(&execution, &LogFilter::default());
        let full = "the log has reached 260 bytes: nothing more is kept";
        assert_eq!(texts, ["text", "text", full]);
    }

    #[test]
    fn a_log_that_cannot_be_written_is_one_error_and_then_silence() {
        let folder = tempfile::tempdir().unwrap();
        let execution = Execution {
            run: Digest::of(b"run"),
            number: 1,
            folder: FilePath::folder(folder.path().join("gone")),
        };
        let mut log = RunLog::begin(&execution, &[]);
        let one = [line(LogLevel::Info, "text", 0)];
        assert!(log.write(&one, TextLosses::default()).is_err());
        assert!(log.write(&one, TextLosses::default()).is_ok());
    }

    fn instrument(symbol: &str) -> Instrument {
        Instrument::new(symbol.to_owned(), InstrumentGrid::whole_units(2)).unwrap()
    }
}

//! The session ends of a snapshot's calendar, as a file: moments, and no time zone, so that
//! a run needs none. It must never know a rule of a calendar.
//!
//! ```text
//! session_end
//! 2003-07-02T20:00:00Z
//! 2003-07-03T17:00:00Z
//! ```

use counterfoil_trading::time::UnixNanos;

use crate::error::IngestError;
use crate::layout::SESSIONS;
use crate::source::choices::TimeMeaning;
use crate::source::times::{nanos, show};
use crate::spool::staging::StagingDir;
use crate::store::lists::write_list;
use crate::store::manifest::LayerList;

/// The first line of the file.
const HEADER: &str = "session_end";

/// Writes the file of these ends, if there are any, and describes it for the manifest.
pub(crate) fn write_session_ends(
    staging: &StagingDir,
    ends: &[UnixNanos],
) -> Result<Option<LayerList>, IngestError> {
    // No file rather than an empty one: a venue that never closes has no sessions to list.
    if ends.is_empty() {
        return Ok(None);
    }
    let text = format_sessions(ends);
    write_list(staging, SESSIONS.to_owned(), ends.len(), &text).map(Some)
}

/// Writes the ends of one instrument's own sessions. The file is there even without any: it shows that the
/// instrument has a calendar of its own, and takes no ends from that of the others.
pub(crate) fn write_own_session_ends(
    staging: &StagingDir,
    index: usize,
    ends: &[UnixNanos],
) -> Result<LayerList, IngestError> {
    let text = format_sessions(ends);
    write_list(staging, format!("{index:04}-{SESSIONS}"), ends.len(), &text)
}

fn format_sessions(ends: &[UnixNanos]) -> String {
    let mut text = format!("{HEADER}\n");
    for end in ends {
        text.push_str(&show(*end));
        text.push('\n');
    }
    text
}

/// The ends in a file, or what does not hold of it.
pub(crate) fn parse_sessions(bytes: &[u8]) -> Result<Vec<UnixNanos>, String> {
    let text = core::str::from_utf8(bytes).map_err(|_| "not valid UTF-8".to_owned())?;
    let mut lines = text.lines();
    if lines.next() != Some(HEADER) {
        return Err(format!("the first line is not {HEADER}"));
    }
    let end = |line| nanos(line, TimeMeaning::Open).map(UnixNanos);
    let ends = lines.map(end).collect::<Result<Vec<_>, _>>()?;
    // Readers search it by bisection, which finds nothing useful in a list out of sequence.
    if !ends.is_sorted_by(|a, b| a < b) {
        return Err("session ends are not in ascending order".to_owned());
    }
    Ok(ends)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_sessions_reads_back_or_says_what_does_not_hold() {
        let ends = [0, 1, 86_400_000_000_000, 86_400_000_000_001].map(UnixNanos);
        let text = format_sessions(&ends);
        assert_eq!(parse_sessions(text.as_bytes()).unwrap(), ends);
        let check = |text: &str, expect: &str| {
            let error = parse_sessions(text.as_bytes()).unwrap_err();
            assert!(error.contains(expect), "{text:?}: {error}");
        };
        check("", "the first line is not session_end");
        check("session_end\nsoon\n", "is not a time");
        check(
            "session_end\n2003-07-02\n2003-07-02\n",
            "not in ascending order",
        );
        check(
            "session_end\n2003-07-03\n2003-07-02\n",
            "not in ascending order",
        );
    }
}

//! Names and lines for the trace of a fault, from the symbols file of its component. It is for people: nothing that is
//! decided, digested or recorded may depend on it.

use core::fmt::Write as _;
use std::collections::BTreeMap;

use counterfoil_base::digest::Digest;
use counterfoil_base::text::harmless_line;

/// What the first line begins with; `counterfoil build` writes it, and the component digest behind it.
const FORMAT: &str = "counterfoil-symbols/1 ";
/// Bytes of a symbols file: those of the largest component that Rust gives are a tenth of it.
pub const SYMBOLS_BYTES_MAX: u64 = 8 << 20;
/// Functions inlined into each other at one place: the builder writes no more.
const FRAMES_MAX: usize = 16;
/// Bytes of a name.
const TEXT_BYTES_MAX: usize = 1_024;
/// Names, functions and lines together: each takes memory whatever its length.
const ROWS_MAX: usize = 500_000;

/// Why a symbols file is not used.
#[derive(Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SymbolsError {
    #[error("not a symbols file: its first line is not {FORMAT}and a component digest")]
    Format,
    #[error("line {line} is not a line of a symbols file")]
    Line { line: usize },
    #[error("it is of component {found}; build the component again, which writes both files")]
    OtherComponent { found: Digest },
}

/// What a component's code is called, by its place in the component's bytes.
#[derive(Debug, Default)]
pub struct ComponentSymbols {
    texts: Vec<String>,
    /// By start: the end and the name of a function.
    functions: BTreeMap<u64, (u64, usize)>,
    /// By start: the end, and functions with their lines, innermost first.
    lines: BTreeMap<u64, (u64, Vec<SourceFrame>)>,
}

#[derive(Clone, Copy, Debug)]
struct SourceFrame {
    function: usize,
    file: usize,
    line: u32,
}

impl ComponentSymbols {
    /// The symbols in `text`, which must be of this component.
    ///
    /// # Errors
    ///
    /// Returns [`SymbolsError`] if they are not, or if a line has another form.
    pub fn parse(text: &str, component: &Digest) -> Result<Self, SymbolsError> {
        let mut lines = text.lines().zip(1..);
        let first = lines.next().and_then(|(line, _)| line.strip_prefix(FORMAT));
        let found: Digest = first
            .and_then(|digest| digest.parse().ok())
            .ok_or(SymbolsError::Format)?;
        // The places are those of other code, and every name in the trace would be wrong.
        if found != *component {
            return Err(SymbolsError::OtherComponent { found });
        }
        let mut symbols = Self::default();
        for (line, number) in lines {
            let parsed = (number <= ROWS_MAX).then(|| symbols.line(line)).flatten();
            parsed.ok_or(SymbolsError::Line { line: number })?;
        }
        Ok(symbols)
    }

    fn line(&mut self, line: &str) -> Option<()> {
        let (kind, rest) = line.split_once(' ')?;
        if kind == "t" {
            if rest.len() > TEXT_BYTES_MAX {
                return None;
            }
            self.texts.push(rest.to_owned());
            return Some(());
        }
        let (start, rest) = rest.split_once(' ')?;
        let (length, what) = rest.split_once(' ')?;
        let start = u64::from_str_radix(start, 16).ok()?;
        let end = start.checked_add(u64::from_str_radix(length, 16).ok()?)?;
        match kind {
            "f" => {
                self.functions.insert(start, (end, what.parse().ok()?));
            }
            "l" => {
                let frames = what.split(',').take(FRAMES_MAX.saturating_add(1));
                let frames: Vec<_> = frames.map(frame).collect::<Option<_>>()?;
                if frames.len() > FRAMES_MAX {
                    return None;
                }
                self.lines.insert(start, (end, frames));
            }
            _ => return None,
        }
        Some(())
    }

    /// The trace with a line below each frame for every function there, and where its source is.
    #[must_use]
    pub fn explain(&self, trace: &str) -> String {
        let mut text = String::new();
        for line in trace.lines() {
            let _infallible = writeln!(text, "{line}");
            let Some(offset) = offset_in(line) else {
                continue;
            };
            for name in self.names(offset) {
                // A symbols file is an author's: what it says must not imitate a line of the host's.
                let _infallible = writeln!(text, "          {}", harmless_line(&name));
            }
        }
        text
    }

    fn names(&self, offset: u64) -> Vec<String> {
        let lines = self.lines.range(..=offset).next_back();
        if let Some((_, (_, frames))) = lines.filter(|(_, (end, _))| offset < *end) {
            return frames.iter().map(|frame| self.name(*frame)).collect();
        }
        let function = self.functions.range(..=offset).next_back();
        let function = function.filter(|(_, (end, _))| offset < *end);
        let name = function.map(|(_, (_, name))| self.text(*name).to_owned());
        name.into_iter().collect()
    }

    fn name(&self, frame: SourceFrame) -> String {
        let (function, file) = (self.text(frame.function), self.text(frame.file));
        format!("{function} at {file}:{}", frame.line)
    }

    fn text(&self, id: usize) -> &str {
        self.texts.get(id).map_or("?", String::as_str)
    }
}

fn frame(text: &str) -> Option<SourceFrame> {
    let mut parts = text.split(':');
    let frame = SourceFrame {
        function: parts.next()?.parse().ok()?,
        file: parts.next()?.parse().ok()?,
        line: parts.next()?.parse().ok()?,
    };
    parts.next().is_none().then_some(frame)
}

/// The place of a frame, such as `0x1a2b` in `  3:  0x1a2b - <unknown>!<wasm function 81>`.
fn offset_in(line: &str) -> Option<u64> {
    let (number, rest) = line.trim_start().split_once(':')?;
    number.parse::<u32>().ok()?;
    let (offset, _) = rest.trim_start().strip_prefix("0x")?.split_once(' ')?;
    u64::from_str_radix(offset, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever sends a data folder along writes this file.
    #[test]
    fn a_file_that_would_take_memory_without_end_is_refused() {
        let digest = Digest::of(b"component");
        let head = format!("{FORMAT}{digest}\n");
        let frames = |count: usize| format!("l 1 1 {}\n", vec!["0:0:1"; count].join(","));
        let table = [
            (format!("t {}\n", "x".repeat(TEXT_BYTES_MAX)), true),
            (format!("t {}\n", "x".repeat(TEXT_BYTES_MAX + 1)), false),
            (frames(FRAMES_MAX), true),
            (frames(FRAMES_MAX + 1), false),
            ("t \n".repeat(ROWS_MAX), false),
        ];
        for (number, (rows, taken)) in table.iter().enumerate() {
            let parsed = ComponentSymbols::parse(&format!("{head}{rows}"), &digest);
            assert_eq!(parsed.is_ok(), *taken, "row {number}");
        }
    }

    const BODY: &str =
        "t on_bar\nt src/lib.rs\nt core::panic\nf 10 20 0\nf 30 8 2\nl 14 4 2:1:7,0:1:30\n";

    fn text(component: &Digest) -> String {
        format!("{FORMAT}{component}\n{BODY}")
    }

    #[test]
    fn a_frame_has_its_functions_and_lines_below_it() {
        let component = Digest::of(b"one");
        let symbols = ComponentSymbols::parse(&text(&component), &component).unwrap();
        let table = [
            (
                "  0:  0x15 - <unknown>!<wasm function 8>",
                " core::panic at src/lib.rs:7| on_bar at src/lib.rs:30",
            ),
            ("  1:  0x18 - <unknown>!<wasm function 8>", " on_bar"),
            ("  2:   0x37 - x", " core::panic"),
            ("  3:   0x38 - beyond the last function", ""),
            ("  4:   0xf - before the first", ""),
            ("wasm trap: 0x15 unreachable", ""),
        ];
        for (line, below) in table {
            let explained = symbols.explain(line);
            let found: Vec<&str> = explained.lines().skip(1).map(str::trim_start).collect();
            let below: Vec<&str> = below.split('|').map(str::trim_start).collect();
            assert_eq!(found.join("|"), below.join("|"), "{line}");
            assert!(explained.starts_with(line));
        }
    }

    #[test]
    fn symbols_of_another_component_and_other_files_are_refused() {
        let (one, other) = (Digest::of(b"one"), Digest::of(b"other"));
        let found = |text: &str| ComponentSymbols::parse(text, &one).unwrap_err();
        let of_other = SymbolsError::OtherComponent { found: other };
        assert_eq!(found(&text(&other)), of_other);
        for wrong in [
            "",
            "counterfoil-symbols/2 x",
            "counterfoil-symbols/1 sha256:12\n",
        ] {
            assert_eq!(found(wrong), SymbolsError::Format, "{wrong}");
        }
        for line in [
            "x",
            "f 1",
            "f g 1 0",
            "f 1 1 x",
            "l 1 1 1:2",
            "l ffffffffffffffff 1 0:0:0",
            "q 1 1 0",
        ] {
            let wrong = format!("{}{line}\n", text(&one));
            assert_eq!(found(&wrong), SymbolsError::Line { line: 8 }, "{line}");
        }
    }
}

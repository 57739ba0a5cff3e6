//! The decoding process: reads a columnar file on its standard input within limits that it sets on itself, and writes its
//! rows. Decoders allocate what a file states, which in the process of the caller would end the caller.

use std::fs::File;
use std::io::{BufWriter, Read as _, Seek as _, Write};

use counterfoil_os::child::{OwnLimits, lower_own_limits};

use crate::error::IngestError;
use crate::source::decode_program::{
    DecodedColumns, EXIT_SETUP, EXIT_UNREADABLE, EXIT_UNSUPPORTED,
};
use crate::source::options::IngestLimits;
use crate::source::records::columnar::{self, ColumnarFormat};
use crate::source::records::row_stream::{SendError, send_header, send_rows};

/// The child's side: takes its limits and the columns as arguments, lowers its limits, and writes names or rows of the
/// file in `input`. The caller writes the text to standard error and exits with the code.
///
/// # Errors
///
/// Returns the exit code and the reason.
pub fn decode_child_main(
    arguments: &[String],
    mut input: File,
    output: impl Write,
) -> Result<(), (u8, String)> {
    let setup =
        |what: &str, error: &dyn core::fmt::Display| (EXIT_SETUP, format!("{what}: {error}"));
    let [memory, cpu, columns] = arguments else {
        return Err(setup("arguments", &"expected MEMORY SECONDS COLUMNS"));
    };
    let number = |text: &String| text.parse().map_err(|error| setup(text, &error));
    // Before a byte of the file is read: from here on the operating system bounds what it can take.
    lower_own_limits(OwnLimits {
        memory_bytes: number(memory)?,
        cpu_seconds: number(cpu)?,
    })
    .map_err(|error| setup("limits", &error))?;
    let columns = DecodedColumns::parse(columns).ok_or_else(|| setup("columns", columns))?;
    // The decoders panic at some damaged files; the error that follows has the reason.
    std::panic::set_hook(Box::new(|_| {}));
    let mut magic = [0; 6];
    input
        .read_exact(&mut magic)
        .and_then(|()| input.rewind())
        .map_err(|error| setup("file", &error))?;
    let format = ColumnarFormat::of(&magic).ok_or_else(|| setup("file", &"unknown format"))?;
    // The reader counts what it receives.
    let limits = IngestLimits {
        bytes_max: u64::MAX,
        ..IngestLimits::default()
    };
    let source = |error| SendError::Source(error);
    let mut output = BufWriter::new(output);
    let sent = columnar::open(input, format, "", limits)
        .map_err(source)
        .and_then(|mut records| {
            match &columns {
                DecodedColumns::Names => {
                    return send_header(&*records, &mut output).map_err(SendError::Output);
                }
                DecodedColumns::All => {}
                DecodedColumns::Places(places) => records.project(places),
            }
            send_rows(&mut *records, &mut output)
        })
        .and_then(|()| output.flush().map_err(SendError::Output));
    sent.map_err(|error| match error {
        SendError::Source(IngestError::Unreadable { reason, .. }) => (EXIT_UNREADABLE, reason),
        SendError::Source(IngestError::Unsupported { reason, .. }) => (EXIT_UNSUPPORTED, reason),
        SendError::Source(other) => (EXIT_UNREADABLE, other.to_string()),
        SendError::Output(error) => setup("output", &error),
    })
}

//! `decode-file MEMORY SECONDS COLUMNS`: the child process that decodes the file on its standard input.

use std::fs::File;
use std::io;
use std::os::fd::AsFd as _;

use anyhow::Result;
use counterfoil_snapshot::source::decode_process::decode_child_main;
use counterfoil_snapshot::source::decode_program::DecodeProgram;

use super::compile::own_file;
use crate::args::DecodeFileArgs;
use crate::output::{CommandAnswer, note};

/// This program as the decoding process.
pub(crate) fn program() -> Result<DecodeProgram> {
    Ok(DecodeProgram {
        file: own_file()?,
        arguments: vec!["decode-file".to_owned()],
    })
}

pub(crate) fn run(args: &DecodeFileArgs) -> CommandAnswer {
    // The file itself and not its bytes: decoders go back and forth in it.
    let decoded = io::stdin()
        .as_fd()
        .try_clone_to_owned()
        .map_err(|error| (1, error.to_string()))
        .and_then(|input| decode_child_main(&args.rest, File::from(input), io::stdout().lock()));
    match decoded {
        Ok(()) => CommandAnswer::Yes,
        Err((code, reason)) => {
            note(&reason);
            // The code tells the parent what the reason is about; a plain error would lose that.
            std::process::exit(i32::from(code))
        }
    }
}

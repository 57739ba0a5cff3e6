//! The compiling process of this crate's tests. A program of its own and no test of a test program, since the process
//! confines itself, and a test program has threads.

use std::io::Write as _;
use std::process::ExitCode;

use counterfoil_sandbox::compile_process::compile_child_main;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Err((code, reason)) = compile_child_main(&arguments, std::io::stdin()) else {
        return ExitCode::SUCCESS;
    };
    let _closed = writeln!(std::io::stderr(), "{reason}");
    code.into()
}

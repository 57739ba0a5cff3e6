//! `completions`: a shell's completion script, made from the command tree.

use std::io::Write as _;

use crate::args;
use crate::output::{CommandAnswer, keep_if_lost};

pub(crate) fn run(shell: clap_complete::Shell) -> CommandAnswer {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut args::command(), "counterfoil", &mut script);
    keep_if_lost(std::io::stdout().write_all(&script));
    CommandAnswer::Yes
}

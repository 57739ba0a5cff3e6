//! The command line of strategy authors: create and build a crate, run the demo.

use std::path::PathBuf;

use clap::ValueHint;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  counterfoil new my-strategy && counterfoil build my-strategy")]
pub(crate) struct NewArgs {
    /// The strategy's name in kebab-case, also the name of the new directory
    pub(crate) name: String,
    /// Directory of the SDK [default: the SDK that this program was built from]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) sdk: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  counterfoil build my-strategy -o my-strategy.wasm")]
pub(crate) struct BuildArgs {
    /// The strategy crate's directory
    #[arg(default_value = ".", value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) folder: PathBuf,
    /// The component file to write [default: NAME.wasm in the crate's directory]
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct CompileComponentArgs {
    /// Arguments of the sandbox
    pub(crate) rest: Vec<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct DecodeFileArgs {
    /// Arguments of the decoder
    pub(crate) rest: Vec<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct DemoArgs {
    /// Directory for the demo's data and keys [default: demo-data in the current directory]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) folder: Option<PathBuf>,
}

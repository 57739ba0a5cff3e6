//! What can be typed about strategies: starting and building them.

use std::path::PathBuf;

use clap::ValueHint;

#[derive(Debug, clap::Args)]
pub(crate) struct New {
    /// The strategy's name in kebab-case; also the new folder's
    pub(crate) name: String,
    /// The folder of the SDK [default: the one this program was built from]
    #[arg(long, value_hint = ValueHint::DirPath)]
    pub(crate) sdk: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Build {
    /// The strategy crate's folder
    #[arg(default_value = ".", value_hint = ValueHint::DirPath)]
    pub(crate) folder: PathBuf,
    /// Where to write the component [default: NAME.wasm in the crate's folder]
    #[arg(long, short, value_hint = ValueHint::FilePath)]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct CompileComponent {
    /// Arguments that the sandbox gave
    pub(crate) rest: Vec<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Demo {
    /// Where the demo keeps its data [default: demo-data in the current folder]
    #[arg(long, value_hint = ValueHint::DirPath)]
    pub(crate) folder: Option<PathBuf>,
}

//! What every command needs: the directories, the acting principal and the form of the output.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use counterfoil_runner::store::data_dir::DataDir;
use counterfoil_runner::store::keys::KeyDir;
use counterfoil_sandbox::engine::{Backend, EngineSettings, OptLevel};

use crate::args::GlobalArgs;
use crate::output::{CommandLineError, print_detail};

/// The directories, the acting principal and the form of the output of one call.
#[derive(Debug)]
pub(crate) struct CliContext {
    pub(crate) data: DataDir,
    pub(crate) keys: KeyDir,
    pub(crate) json: bool,
    /// Name of the acting principal, as typed.
    pub(crate) actor: Option<String>,
    /// Ledger record of the break-glass that waives the second signature.
    pub(crate) emergency: Option<u64>,
}

impl CliContext {
    pub(crate) fn new(global: &GlobalArgs) -> Result<Self> {
        let data = match &global.data_dir {
            Some(path) => path.clone(),
            None => user_folder("XDG_DATA_HOME", ".local/share", "--data-dir")?,
        };
        // Keys are in another directory than data by default: a copy or backup of the data must not
        // contain them.
        let keys = match &global.key_dir {
            Some(path) => path.clone(),
            None => user_folder("XDG_CONFIG_HOME", ".config", "--key-dir")?.join("keys"),
        };
        // Absolute, because the code cache takes no relative path.
        let data = std::path::absolute(&data)?;
        print_detail(&format!("data directory: {}", data.display()));
        print_detail(&format!("key directory: {}", keys.display()));
        if let Some(actor) = &global.actor {
            print_detail(&format!("acting principal: {actor}"));
        }
        let data = DataDir::open(&data)?;
        Ok(Self {
            keys: KeyDir::new(keys).for_data(&data),
            data,
            json: global.json,
            actor: global.actor.clone(),
            emergency: global.emergency,
        })
    }

    /// The same form of output in other directories, with no acting principal.
    pub(crate) fn in_directories(&self, data: &Path, keys: PathBuf) -> Result<Self> {
        let data = DataDir::open(data)?;
        Ok(Self {
            keys: KeyDir::new(keys).for_data(&data),
            data,
            json: self.json,
            // The demo's steps name their principals themselves; the user's own must not sign for
            // them.
            actor: None,
            emergency: None,
        })
    }

    /// Engine settings for the name of a back end.
    pub(crate) fn engine(&self, backend: &str) -> Result<EngineSettings> {
        let (compiler, opt) = match backend {
            "cranelift" => (Backend::Cranelift, OptLevel::Speed),
            "cranelift-none" => (Backend::Cranelift, OptLevel::None),
            "pulley" => (Backend::Pulley, OptLevel::Speed),
            other => {
                return Err(CommandLineError::new(format!(
                    "unknown back end {other:?}; expected cranelift, cranelift-none or pulley"
                )));
            }
        };
        // The cache holds compiled code by the digest of component and engine, so another back end
        // never finds this one's.
        let cache = Some(self.data.compiled());
        print_detail(&format!("back end: {backend}"));
        Ok(EngineSettings {
            backend: compiler,
            opt,
            cache,
            ..EngineSettings::default()
        })
    }
}

/// The user's directory by an XDG variable, or below the home directory.
fn user_folder(variable: &str, below_home: &str, flag: &str) -> Result<PathBuf> {
    let named = env::var_os(variable)
        // An empty variable counts as unset. Otherwise the data would go into the current
        // directory, a new one for each place of a call.
        .filter(|value| !value.is_empty())
        .map(PathBuf::from);
    let home = || env::var_os("HOME").map(|home| PathBuf::from(home).join(below_home));
    let folder = named
        .or_else(home)
        .with_context(|| format!("neither {variable} nor HOME is set; give {flag} DIR"))?;
    Ok(folder.join("counterfoil"))
}

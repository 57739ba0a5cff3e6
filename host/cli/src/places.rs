//! Where things are, for this call.

use std::env;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use counterfoil_runner::store::data_dir::DataDir;
use counterfoil_runner::store::keys::KeyDir;
use counterfoil_sandbox::engine::{Backend, EngineSettings, OptLevel};

use crate::args::Global;

/// Data directory, key directory and form of output.
#[derive(Debug)]
pub(crate) struct Places {
    pub(crate) data: DataDir,
    pub(crate) keys: KeyDir,
    pub(crate) json: bool,
    /// Who acts, as typed.
    pub(crate) actor: Option<String>,
    /// The break-glass under which they act alone.
    pub(crate) emergency: Option<u64>,
}

impl Places {
    pub(crate) fn new(global: &Global) -> Result<Self> {
        let data = match &global.data_dir {
            Some(path) => path.clone(),
            None => user_folder("XDG_DATA_HOME", ".local/share", "--data-dir")?,
        };
        let keys = match &global.key_dir {
            Some(path) => path.clone(),
            None => user_folder("XDG_CONFIG_HOME", ".config", "--key-dir")?.join("keys"),
        };
        // Absolute, because the code cache takes nothing else.
        let data = std::path::absolute(&data)?;
        let data = DataDir::open(&data)?;
        Ok(Self {
            keys: KeyDir::new(keys).for_data(&data),
            data,
            json: global.json,
            actor: global.actor.clone(),
            emergency: global.emergency,
        })
    }

    /// The same keys and form, with the data elsewhere.
    pub(crate) fn elsewhere(&self, data: &std::path::Path, keys: PathBuf) -> Result<Self> {
        let data = DataDir::open(data)?;
        Ok(Self {
            keys: KeyDir::new(keys).for_data(&data),
            data,
            json: self.json,
            actor: None,
            emergency: None,
        })
    }

    /// Engine settings for a back end's name.
    pub(crate) fn engine(&self, backend: &str) -> Result<EngineSettings> {
        let (backend, opt) = match backend {
            "cranelift" => (Backend::Cranelift, OptLevel::Speed),
            "cranelift-none" => (Backend::Cranelift, OptLevel::None),
            "pulley" => (Backend::Pulley, OptLevel::Speed),
            other => {
                anyhow::bail!(
                    "no back end {other:?}; there are cranelift, cranelift-none and pulley"
                )
            }
        };
        let cache = Some(self.data.compiled());
        Ok(EngineSettings {
            backend,
            opt,
            cache,
            ..EngineSettings::default()
        })
    }
}

fn user_folder(variable: &str, below_home: &str, flag: &str) -> Result<PathBuf> {
    let named = env::var_os(variable)
        .filter(|value| !value.is_empty())
        .map(PathBuf::from);
    let home = || env::var_os("HOME").map(|home| PathBuf::from(home).join(below_home));
    let folder = named.or_else(home);
    let folder =
        folder.with_context(|| format!("neither {variable} nor HOME is set; give {flag}"))?;
    Ok(folder.join("counterfoil"))
}

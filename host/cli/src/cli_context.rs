//! What every command needs: the directories, the acting principal and the form of the output.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use counterfoil_os::folder_guard::let_group_write;
use counterfoil_runner::build::host_build;
use counterfoil_runner::store::data_dir::DataDir;
use counterfoil_runner::store::keys::KeyDir;
use counterfoil_sandbox::code_cache::CodeCache;
use counterfoil_sandbox::engine::{Backend, EngineSettings, OptLevel};

use crate::args::GlobalArgs;
use crate::output::{CommandLineError, print_detail};

/// The directories, the acting principal and the form of the output of one call.
#[derive(Debug)]
pub(crate) struct CliContext {
    pub(crate) data: DataDir,
    pub(crate) keys: KeyDir,
    pub(crate) json: bool,
    /// The folder of compiled code; none where there is no place for one.
    cache: Option<PathBuf>,
    /// Name of the acting principal, as typed.
    pub(crate) actor: Option<String>,
    /// Ledger record of the break-glass that waives the second signature.
    pub(crate) emergency: Option<u64>,
    /// Whether the caller says that this machine's clock is right.
    pub(crate) trusts_clock: bool,
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
        let data = std::path::absolute(&data)?;
        let cache = cache_folder(global.cache_dir.as_deref())?;
        print_detail(&format!("data directory: {}", data.display()));
        print_detail(&format!("key directory: {}", keys.display()));
        if let Some(actor) = &global.actor {
            print_detail(&format!("acting principal: {actor}"));
        }
        let data = DataDir::open(&data)?;
        if data.is_group_written() {
            let_group_write();
        }
        Ok(Self {
            keys: KeyDir::new(keys).for_data(&data),
            data,
            cache,
            json: global.json,
            actor: global.actor.clone(),
            emergency: global.emergency,
            trusts_clock: global.trust_clock,
        })
    }

    /// The same form of output in other directories, with no acting principal.
    pub(crate) fn in_directories(&self, data: &Path, keys: PathBuf) -> Result<Self> {
        let data = DataDir::open(data)?;
        Ok(Self {
            keys: KeyDir::new(keys).for_data(&data),
            data,
            cache: self.cache.clone(),
            json: self.json,
            // The demo's steps name their principals themselves; the user's own must not sign for
            // them.
            actor: None,
            emergency: None,
            trusts_clock: self.trusts_clock,
        })
    }

    /// The folder of compiled code.
    pub(crate) fn code_folder(&self) -> Option<&Path> {
        self.cache.as_deref()
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
        print_detail(&format!("back end: {backend}"));
        Ok(EngineSettings {
            backend: compiler,
            opt,
            cache: self.code_cache()?,
            // Compilation runs over bytes of an unknown author: a component made to exhaust the compiler's memory or
            // time takes the child down, not the runs of this process.
            child: Some(crate::commands::compile::program()?),
            ..EngineSettings::default()
        })
    }

    /// The compiled code of this user; none is kept where there is no folder for it.
    fn code_cache(&self) -> Result<Option<CodeCache>> {
        let (Some(folder), Some(program)) = (&self.cache, host_build().binary) else {
            return Ok(None);
        };
        // Code runs as it is found. A folder that is copied with the data would bring the code of whoever had it
        // before.
        let in_data = || {
            CommandLineError::new(format!(
                "the folder of compiled code, {}, is in the data directory; give another one with --cache-dir",
                folder.display()
            ))
        };
        if folder.starts_with(self.data.root()) {
            return Err(in_data());
        }
        print_detail(&format!("compiled code: {}", folder.display()));
        let cache = CodeCache::open(folder, program);
        let cache = cache.context("give another folder with --cache-dir DIR")?;
        // Once more without links and `..`, which need a folder that is there.
        let data = self.data.root().real()?;
        if folder.canonicalize()?.starts_with(data) {
            return Err(in_data());
        }
        Ok(Some(cache))
    }
}

/// The folder of compiled code: the one given, or below the user's cache directory; none where the user has no home.
fn cache_folder(given: Option<&Path>) -> Result<Option<PathBuf>> {
    let folder = match given {
        Some(folder) => Some(folder.to_path_buf()),
        None => user_folder("XDG_CACHE_HOME", ".cache", "--cache-dir")
            .ok()
            .map(|folder| folder.join("code")),
    };
    Ok(folder.map(std::path::absolute).transpose()?)
}

/// The user's directory by an XDG variable, or below the home directory.
fn user_folder(variable: &str, below_home: &str, flag: &str) -> Result<PathBuf> {
    let named = env::var_os(variable)
        // An empty or relative variable counts as unset, as the XDG specification says. Otherwise the data would go below
        // the current directory, a new one for each place of a call.
        .map(PathBuf::from)
        .filter(|value| value.is_absolute());
    let home = || {
        env::var_os("HOME")
            // Empty, it would put everything below the root of the file system; relative, below the current directory,
            // another one for each place of a call.
            .map(PathBuf::from)
            .filter(|home| home.is_absolute())
            .map(|home| home.join(below_home))
    };
    let folder = named.or_else(home).with_context(|| {
        format!("neither {variable} nor HOME is set to an absolute path; give {flag} DIR")
    })?;
    Ok(folder.join("counterfoil"))
}

//! The data folder and the keys. It must never know what a run decides.

pub mod content;
pub mod data_dir;
pub mod data_settings;
pub mod keys;
pub mod lock;
pub mod run_log;
pub mod symbols;

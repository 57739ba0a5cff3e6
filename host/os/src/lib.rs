//! The operating system as every crate uses it: whole files, locks, bounded child processes, clocks. It must
//! never know what a file, a child or a time is for.

pub mod child;
pub mod clock;
#[cfg(feature = "confine")]
pub mod confine;
#[cfg(feature = "files")]
pub mod disk;
#[cfg(feature = "files")]
pub mod file_path;
#[cfg(feature = "files")]
pub mod files;
#[cfg(all(unix, feature = "files"))]
pub mod folder_guard;
#[cfg(feature = "files")]
pub mod lock;

//! Which build of the host is running, for a journal's first record. It must never decide anything by it.

use std::fs::File;
use std::io;
use std::sync::OnceLock;

use counterfoil_base::digest::Digest;
use counterfoil_trading::record::HostBuild;
use sha2::{Digest as _, Sha256};

/// The lock file that this program was built from.
const LOCK_FILE: &[u8] = include_bytes!("../../../Cargo.lock");

/// The commit of the sources, where the program knows it.
static COMMIT: OnceLock<&'static str> = OnceLock::new();

/// Says from which commit this program was built. Only the first call counts.
pub fn set_commit(commit: &'static str) {
    // A second call has no effect: one process is one build.
    let _already_known = COMMIT.set(commit);
}

/// The build of this process.
#[must_use]
pub fn host_build() -> HostBuild {
    static BUILD: OnceLock<HostBuild> = OnceLock::new();
    BUILD
        .get_or_init(|| HostBuild {
            version: concat!("counterfoil ", env!("CARGO_PKG_VERSION")).to_owned(),
            commit: COMMIT.get().map(|commit| (*commit).to_owned()),
            lock_file: Some(Digest::of(LOCK_FILE)),
            // Left out where the system does not let the file be read. The record says what the host knows of itself;
            // an auditor compares it with a build of their own.
            binary: binary_digest().ok(),
        })
        .clone()
}

fn binary_digest() -> io::Result<Digest> {
    let mut file = File::open(std::env::current_exe()?)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let read = io::Read::read(&mut file, &mut buffer)?;
        let Some(bytes) = buffer.get(..read).filter(|bytes| !bytes.is_empty()) else {
            return Ok(Digest::finish(hash));
        };
        hash.update(bytes);
    }
}

//! The second wall around a command that reads what others have made: its process reaches the data and what it needs to
//! start, and nothing else. It must never loosen what it has set.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use counterfoil_approval::seen_place::SEEN_FOLDER;
use counterfoil_os::confine::{ConfinedBy, NeededAccess, confine};
use counterfoil_runner::orders::venues::Venues;
use counterfoil_runner::store::keys::PUBLIC_FILE;

use crate::cli_context::CliContext;
use crate::output::print_detail;

/// Where the system keeps what a program needs to start; the compiling child is one.
const SYSTEM: [&str; 6] = [
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    "/nix/store",
    "/etc/ld.so.cache",
];

/// Where the system keeps how names of machines are looked up.
const NAMES: [&str; 6] = [
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/host.conf",
    "/etc/nsswitch.conf",
    "/etc/gai.conf",
    "/run/systemd/resolve",
];

/// Where systems keep the certificates that they trust.
const CERTIFICATES: [&str; 6] = [
    "/etc/ssl",
    "/etc/pki",
    "/etc/ca-certificates",
    "/usr/share/ca-certificates",
    "/usr/local/share/ca-certificates",
    "/usr/lib/ssl",
];

/// The port of long answers about names.
const DNS: u16 = 53;

/// Where the system keeps its zones of time.
const ZONES: &str = "/usr/share/zoneinfo";

/// Confines this process to reading the data directory. The compiled code must be open by now: its folder is made when it is
/// missing.
///
/// # Errors
///
/// Returns an error if the kernel refuses: a strategy that breaks out of its sandbox would then meet no second wall.
pub(crate) fn to_reading(cli: &CliContext) -> Result<()> {
    // Opened now: the folder itself cannot be opened any more behind the wall. It may not exist, as an auditor's does.
    let _missing = cli.keys.path().open_root();
    // Code is compiled into the cache, and into a folder of the moment where there is none.
    let code = cli.code_folder().map(PathBuf::from);
    let write = vec![
        code.unwrap_or_else(std::env::temp_dir),
        PathBuf::from("/dev/null"),
    ];
    let needed = NeededAccess {
        // Not the folder of keys: a verdict needs the log's public key, by which the ledger verifies, and no private one.
        read: vec![
            cli.data.root().path().to_path_buf(),
            cli.keys.path().join(PUBLIC_FILE).path().to_path_buf(),
            // Digests of what was seen of ledgers, so that an older one is refused here too.
            cli.keys.path().join(SEEN_FOLDER).path().to_path_buf(),
            PathBuf::from(ZONES),
        ],
        write,
        start: own_program()?,
        connect: None,
    };
    apply(&needed).map(drop)
}

/// Confines this process to the data directory, and to this program as a child: the one that decodes files. Files that the
/// command line names must be open by now.
///
/// # Errors
///
/// As [`to_reading`]: a file that breaks its decoder would meet no second wall.
pub(crate) fn to_data(cli: &CliContext) -> Result<()> {
    apply(&NeededAccess {
        read: vec![PathBuf::from(ZONES)],
        write: vec![
            cli.data.root().path().to_path_buf(),
            std::env::temp_dir(),
            PathBuf::from("/dev/null"),
        ],
        start: own_program()?,
        connect: None,
    })
    .map(drop)
}

/// Confines this process to what the runner needs: data, the log's public key, the venues' file of a key, certificates and
/// how names of machines are looked up; this program as a child; and the ports that it connects to. Called before it has a
/// second thread, and after it listens.
///
/// # Errors
///
/// As [`to_reading`].
pub(crate) fn to_serving(
    cli: &CliContext,
    venues: &Venues,
    feed_ports: &[u16],
) -> Result<ConfinedBy> {
    let (mut ports, key) = venues.reach();
    ports.extend(feed_ports);
    ports.insert(DNS);
    let stated = ["SSL_CERT_FILE", "SSL_CERT_DIR"].map(std::env::var_os);
    let certificates = stated.into_iter().flatten().map(PathBuf::from);
    let code = cli.code_folder().map(PathBuf::from);
    // As in [`to_reading`]: the runner's own secrets are in memory by now, and nobody else's are its business.
    let keys = cli.keys.path();
    let _missing = keys.open_root();
    let seen = keys.join(SEEN_FOLDER);
    let read = NAMES.into_iter().chain(CERTIFICATES).chain([ZONES]);
    let read = read.map(PathBuf::from).chain(certificates);
    let own = [keys.join(PUBLIC_FILE).path().to_path_buf()].into_iter();
    apply(&NeededAccess {
        read: read.chain(own).chain(key.map(PathBuf::from)).collect(),
        write: vec![
            cli.data.root().path().to_path_buf(),
            // What was seen of the ledger: the one thing that is written beside the keys.
            seen.path().to_path_buf(),
            code.unwrap_or_else(std::env::temp_dir),
            PathBuf::from("/dev/null"),
        ],
        start: own_program()?,
        connect: Some(ports.into_iter().collect()),
    })
}

/// This program, and what the system has it start with.
fn own_program() -> Result<Vec<PathBuf>> {
    let own = std::env::current_exe().context("cannot find this program's own file")?;
    let system = SYSTEM.map(PathBuf::from);
    Ok([own].into_iter().chain(system).collect())
}

fn apply(needed: &NeededAccess) -> Result<ConfinedBy> {
    let by = confine(needed).context("cannot confine this process")?;
    print_detail(&format!("second wall: {}", by.text()));
    Ok(by)
}

//! What a confined process can still do: the test program calls itself as that process.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

use std::fs;
use std::io::Write as _;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::Command;

use counterfoil_os::confine::{ConfinedBy, NeededAccess, NeededPorts, confine};

/// Names the folder to a child, which is confined to it.
const FOLDER: &str = "COUNTERFOIL_TESTS_CONFINED_FOLDER";
/// Names the one port that the child may connect to.
const PORT: &str = "COUNTERFOIL_TESTS_CONFINED_PORT";
/// Says that the child may start programs.
const STARTS: &str = "COUNTERFOIL_TESTS_CONFINED_STARTS";

/// What the parent says that the child may do.
fn allowed(folder: &Path, port: Option<u16>) -> NeededAccess {
    let can_start = std::env::var_os(STARTS).is_some();
    let start = [
        "/usr/bin",
        "/bin",
        "/lib",
        "/lib64",
        "/usr/lib",
        "/etc/ld.so.cache",
    ];
    let network = port.map(|port| NeededPorts {
        listen: vec![0],
        connect: vec![port],
    });
    NeededAccess {
        network,
        read: vec![folder.join("read")],
        write: vec![folder.join("write")],
        start: if can_start {
            start.map(PathBuf::from).to_vec()
        } else {
            Vec::new()
        },
    }
}

/// The child's side. Without a folder it is an ordinary test that has nothing to do.
#[test]
fn the_confined_process_tries() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    let folder = Path::new(&folder);
    let port: Option<u16> = std::env::var(PORT).ok().map(|port| port.parse().unwrap());
    let program = PathBuf::from("/usr/bin/true");
    // Bound before, so that somebody answers there.
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    let by = confine(&allowed(folder, port)).unwrap();
    let tried = [
        ("read inside", fs::read(folder.join("read/a")).is_ok()),
        ("read outside", fs::read(folder.join("outside")).is_ok()),
        ("read the system", fs::read("/etc/passwd").is_ok()),
        (
            "write where it reads",
            fs::write(folder.join("read/b"), "x").is_ok(),
        ),
        (
            "write inside",
            fs::write(folder.join("write/b"), "x").is_ok(),
        ),
        (
            "remove inside",
            fs::remove_file(folder.join("write/b")).is_ok(),
        ),
        ("write outside", fs::write(folder.join("new"), "x").is_ok()),
        ("listen", TcpListener::bind("127.0.0.1:0").is_ok()),
        (
            "connect",
            TcpStream::connect(("127.0.0.1", port.unwrap_or(9))).is_ok(),
        ),
        (
            "connect elsewhere",
            TcpStream::connect(elsewhere.local_addr().unwrap()).is_ok(),
        ),
        ("local socket", UnixDatagram::unbound().is_ok()),
        ("datagram", UdpSocket::bind("127.0.0.1:0").is_ok()),
        (
            "start",
            Command::new(program)
                .status()
                .is_ok_and(|status| status.success()),
        ),
        ("thread", std::thread::spawn(|| 1).join().is_ok()),
    ];
    let mut text = format!("{by:?}\n");
    for (what, done) in tried {
        let done = if done { "yes" } else { "no" };
        text.push_str(what);
        text.push_str(": ");
        text.push_str(done);
        text.push('\n');
    }
    std::io::stderr().write_all(text.as_bytes()).unwrap();
}

/// What the confined process said, after the line with the kind of confinement.
fn child(can_start: bool, port: Option<u16>) -> (String, String) {
    let folder = tempfile::tempdir().unwrap();
    for name in ["read", "write"] {
        fs::create_dir(folder.path().join(name)).unwrap();
    }
    for name in ["read/a", "outside"] {
        fs::write(folder.path().join(name), "x").unwrap();
    }
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "the_confined_process_tries", "--nocapture"])
        .env(FOLDER, folder.path());
    if can_start {
        command.env(STARTS, "1");
    }
    if let Some(port) = port {
        command.env(PORT, port.to_string());
    }
    let said = String::from_utf8(command.output().unwrap().stderr).unwrap();
    let begin = said
        .find("FilesAndCalls")
        .or_else(|| said.find("NotPorts"))
        .or_else(|| said.find("CallsOnly"));
    let (by, tried) = said[begin.unwrap()..].split_once('\n').unwrap();
    (by.to_owned(), tried.to_owned())
}

#[test]
fn a_confined_process_reaches_its_files_and_nothing_else() {
    for can_start in [false, true] {
        let (by, tried) = child(can_start, None);
        let start = if can_start { "yes" } else { "no" };
        let calls = format!(
            "listen: no\nconnect: no\nconnect elsewhere: no\nlocal socket: no\ndatagram: no\nstart: {start}\nthread: yes\n"
        );
        assert!(tried.contains(&calls), "{tried}");
        if by == format!("{:?}", ConfinedBy::CallsOnly) {
            let said = "SKIPPED: this kernel has no Landlock, so files are not confined\n";
            std::io::stderr().write_all(said.as_bytes()).unwrap();
            continue;
        }
        let files = "read inside: yes\nread outside: no\nread the system: no\nwrite where it reads: no\n\
                     write inside: yes\nremove inside: yes\nwrite outside: no\n";
        assert!(tried.contains(files), "{tried}");
    }
}

#[test]
fn a_confined_process_connects_to_its_ports_alone() {
    let venue = TcpListener::bind("127.0.0.1:0").unwrap();
    let (by, tried) = child(false, Some(venue.local_addr().unwrap().port()));
    if by != format!("{:?}", ConfinedBy::FilesAndCalls) {
        let said = "SKIPPED: this kernel has no Landlock for ports\n";
        std::io::stderr().write_all(said.as_bytes()).unwrap();
        return;
    }
    let calls = "listen: yes\nconnect: yes\nconnect elsewhere: no\nlocal socket: no\ndatagram: yes\nstart: no\n";
    assert!(tried.contains(calls), "{tried}");
    assert!(tried.contains("read outside: no"), "{tried}");
}

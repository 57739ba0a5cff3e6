//! What a confined process can still do: the test program calls itself as that process. It has a `main` of its own, since
//! the usual one runs each test in a second thread, and a process with two is not confined.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

use core::net::SocketAddr;
use core::num::NonZeroU32;
use std::fs;
use std::io::{IoSlice, Write as _};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use counterfoil_os::confine::{ConfinedBy, NeededAccess, confine};
use rustix::io::Result as CallResult;
use rustix::net::{
    AddressFamily, Protocol, SendAncillaryBuffer, SendFlags, SocketType, connect, listen,
    sendmsg_addr, sendto, socket,
};

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
    NeededAccess {
        connect: port.map(|port| vec![port]),
        read: vec![folder.join("read")],
        write: vec![folder.join("write")],
        start: if can_start {
            start.map(PathBuf::from).to_vec()
        } else {
            Vec::new()
        },
    }
}

fn of_internet(kind: SocketType, protocol: u32) -> CallResult<OwnedFd> {
    let protocol = NonZeroU32::new(protocol).map(Protocol::from_raw);
    socket(AddressFamily::INET, kind, protocol)
}

/// Calls that reach a port and are not the ones that Landlock compares.
fn ways_around(port: SocketAddr) -> [CallResult<()>; 5] {
    // MSG_FASTOPEN and IPPROTO_MPTCP of Linux.
    let connects = SendFlags::from_bits_retain(0x2000_0000);
    let multipath = 262;
    let sent = of_internet(SocketType::STREAM, 0)
        .and_then(|stream| sendto(stream, b"x", connects, &port).map(drop));
    let parts = of_internet(SocketType::STREAM, 0).and_then(|stream| {
        let control = &mut SendAncillaryBuffer::default();
        sendmsg_addr(stream, &port, &[IoSlice::new(b"x")], control, connects).map(drop)
    });
    let other = of_internet(SocketType::STREAM, multipath).and_then(|it| connect(it, &port));
    let raw = of_internet(SocketType::RAW, 6).map(drop);
    let listens = of_internet(SocketType::STREAM, 0).and_then(|stream| listen(stream, 1));
    [sent, parts, other, raw, listens]
}

/// A call of x86-64 by its second number, which Perl makes where it is and can be started.
const SECOND_INTERFACE: &str = "syscall(0x40000029, 2, 1, 0); print $! + 0;";
const EPERM: &[u8] = b"1";

fn has_second_interface(script: &Path) -> bool {
    let mut perl = Command::new("/usr/bin/perl");
    // Not the null device, which is outside.
    let said = perl.arg(script).stdin(Stdio::inherit()).output();
    said.is_ok_and(|said| said.status.success() && said.stdout != EPERM)
}

fn main() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        the_confined_process_tries(Path::new(&folder));
        return;
    }
    a_confined_process_reaches_its_files_and_nothing_else();
    a_confined_process_connects_to_its_ports_alone();
    a_process_with_threads_is_not_confined();
}

/// The child's side.
fn the_confined_process_tries(folder: &Path) {
    let port: Option<u16> = std::env::var(PORT).ok().map(|port| port.parse().unwrap());
    let program = PathBuf::from("/usr/bin/true");
    // Bound before, so that somebody answers there.
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    let elsewhere_at = elsewhere.local_addr().unwrap();
    let by = confine(&allowed(folder, port)).unwrap();
    let around = ways_around(elsewhere_at);
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
            TcpStream::connect(elsewhere_at).is_ok(),
        ),
        ("connect while sending", around[0].is_ok()),
        ("connect while sending parts", around[1].is_ok()),
        ("another protocol", around[2].is_ok()),
        ("another kind", around[3].is_ok()),
        ("listen at no port", around[4].is_ok()),
        (
            "call of another interface",
            has_second_interface(&folder.join("read/call.pl")),
        ),
        ("local socket", UnixDatagram::unbound().is_ok()),
        ("bound datagram", UdpSocket::bind("127.0.0.1:0").is_ok()),
        (
            "datagram",
            of_internet(SocketType::DGRAM, 0)
                .is_ok_and(|socket| connect(&socket, &elsewhere_at).is_ok()),
        ),
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
    fs::write(folder.path().join("read/call.pl"), SECOND_INTERFACE).unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.env(FOLDER, folder.path());
    if can_start {
        command.env(STARTS, "1");
    }
    if let Some(port) = port {
        command.env(PORT, port.to_string());
    }
    let said = String::from_utf8(command.output().unwrap().stderr).unwrap();
    let (by, tried) = said.split_once('\n').unwrap();
    (by.to_owned(), tried.to_owned())
}

/// What a process cannot do that may connect to a port, nor one that may not.
const WAYS_AROUND: &str = "connect while sending: no\nconnect while sending parts: no\nanother protocol: no\n\
                           another kind: no\nlisten at no port: no\ncall of another interface: no\nlocal socket: no\n\
                           bound datagram: no\n";

fn a_process_with_threads_is_not_confined() {
    let (done, wait) = std::sync::mpsc::channel::<()>();
    let other = std::thread::spawn(move || wait.recv());
    let error = confine(&NeededAccess::default()).unwrap_err();
    assert!(error.to_string().contains("several threads"), "{error}");
    drop(done);
    assert!(other.join().unwrap().is_err());
}

fn a_confined_process_reaches_its_files_and_nothing_else() {
    for can_start in [false, true] {
        let (by, tried) = child(can_start, None);
        let start = if can_start { "yes" } else { "no" };
        let calls = format!(
            "listen: no\nconnect: no\nconnect elsewhere: no\n{WAYS_AROUND}datagram: no\nstart: {start}\nthread: yes\n"
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

fn a_confined_process_connects_to_its_ports_alone() {
    let venue = TcpListener::bind("127.0.0.1:0").unwrap();
    let (by, tried) = child(false, Some(venue.local_addr().unwrap().port()));
    if by != format!("{:?}", ConfinedBy::FilesAndCalls) {
        let said = "SKIPPED: this kernel has no Landlock for ports\n";
        std::io::stderr().write_all(said.as_bytes()).unwrap();
        return;
    }
    let calls = format!(
        "listen: no\nconnect: yes\nconnect elsewhere: no\n{WAYS_AROUND}datagram: yes\nstart: no\n"
    );
    assert!(tried.contains(&calls), "{tried}");
    assert!(tried.contains("read outside: no"), "{tried}");
}

//! Confines the calling process for good: which files it reaches by Landlock, which system calls it makes by seccomp. It
//! must never know what the process computes.
//!
//! A second wall: wasmtime, the compiler and the parsers of foreign files are the first. Whoever breaks through one of them
//! has a process that opens no socket, starts no program and reaches no file but these.

use std::io;
use std::path::PathBuf;

/// What a process needs from here on. A path that does not exist is left out.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct NeededAccess {
    /// Files and folders that are read.
    pub read: Vec<PathBuf>,
    /// Folders whose files are written, made and deleted.
    pub write: Vec<PathBuf>,
    /// Programs that are started, with their libraries; none denies every start.
    pub start: Vec<PathBuf>,
    /// Ports of TCP that are connected to, on any machine: the kernel compares no addresses. Datagrams stay open, by which
    /// names of machines are looked up. `None` denies every socket.
    pub connect: Option<Vec<u16>>,
}

/// How much of the confinement the kernel enforces.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[must_use]
pub enum ConfinedBy {
    /// Files, TCP ports and system calls.
    FilesAndCalls,
    /// Files and system calls, and not the ports that the process needs: the kernel's Landlock is older than Linux 6.7.
    NotPorts,
    /// System calls alone: the kernel has no Landlock, or it is switched off.
    CallsOnly,
    /// Nothing: this is no Linux.
    Nothing,
}

impl ConfinedBy {
    /// The words for people.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::FilesAndCalls => "files, TCP ports and system calls are confined",
            Self::NotPorts => {
                "files and system calls are confined, ports are not: that needs Linux 6.7 or newer"
            }
            Self::CallsOnly => {
                "system calls are confined, files are not: this kernel has no Landlock, or has it switched off"
            }
            Self::Nothing => "nothing is confined: this system has neither Landlock nor seccomp",
        }
    }
}

/// Confines the calling process and every thread and program that it starts later. Called before another thread exists and
/// before anything from outside is read. A socket that listens is opened before: behind the wall none can be.
///
/// # Errors
///
/// Returns an error if the process has another thread, and the operating system's if the kernel has a part of the
/// confinement and refuses to apply it; then nothing from outside may be read.
pub fn confine(needed: &NeededAccess) -> io::Result<ConfinedBy> {
    #[cfg(target_os = "linux")]
    return linux::confine(needed);
    #[cfg(not(target_os = "linux"))]
    {
        let _no_kernel_takes_it = needed;
        Ok(ConfinedBy::Nothing)
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::collections::BTreeMap;
    use std::{fs, io};

    use landlock::{
        ABI, Access as _, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible as _, NetPort,
        RulesetAttr as _, RulesetCreatedAttr as _, RulesetStatus, Scope, path_beneath_rules,
    };
    use seccompiler::{
        BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition,
        SeccompFilter, SeccompRule, sock_filter,
    };

    use super::{ConfinedBy, NeededAccess};

    /// The newest kernel interface whose rights are handled. An older kernel enforces those that it knows.
    const INTERFACE: ABI = ABI::V6;

    /// Calls that no process of this program makes once it reads untrusted data, and that a process which was taken over
    /// would make first: other machines and processes, namespaces, the kernel's own code, and ways around a filter.
    const DENIED: [libc::c_long; 32] = [
        libc::SYS_ptrace,
        libc::SYS_process_vm_readv,
        libc::SYS_process_vm_writev,
        libc::SYS_process_madvise,
        libc::SYS_pidfd_getfd,
        libc::SYS_kcmp,
        libc::SYS_mount,
        libc::SYS_umount2,
        libc::SYS_pivot_root,
        libc::SYS_chroot,
        libc::SYS_move_mount,
        libc::SYS_open_tree,
        libc::SYS_fsopen,
        libc::SYS_setns,
        libc::SYS_unshare,
        libc::SYS_bpf,
        libc::SYS_perf_event_open,
        libc::SYS_userfaultfd,
        libc::SYS_io_uring_setup,
        libc::SYS_io_uring_enter,
        libc::SYS_io_uring_register,
        libc::SYS_init_module,
        libc::SYS_finit_module,
        libc::SYS_delete_module,
        libc::SYS_kexec_load,
        libc::SYS_reboot,
        libc::SYS_add_key,
        libc::SYS_request_key,
        libc::SYS_keyctl,
        libc::SYS_open_by_handle_at,
        libc::SYS_acct,
        libc::SYS_swapon,
    ];

    /// Calls that open a way into this process. Landlock compares the port of `bind` alone, and a socket that listens
    /// without it has a port that nobody chose.
    const LISTENS: [libc::c_long; 2] = [libc::SYS_bind, libc::SYS_listen];

    /// Calls that reach other machines and processes.
    const SOCKETS: [libc::c_long; 4] = [
        libc::SYS_socket,
        libc::SYS_connect,
        libc::SYS_accept,
        libc::SYS_accept4,
    ];

    /// Calls that send, with the place of their flags: one of these connects, past Landlock.
    const SENDS: [(libc::c_long, u8); 3] = [
        (libc::SYS_sendto, 3),
        (libc::SYS_sendmsg, 2),
        (libc::SYS_sendmmsg, 3),
    ];

    /// Calls that start a program.
    const STARTS: [libc::c_long; 2] = [libc::SYS_execve, libc::SYS_execveat];

    pub(super) fn confine(needed: &NeededAccess) -> io::Result<ConfinedBy> {
        // Landlock covers the calling thread and those that it starts: another one would be a way around.
        match fs::read_dir("/proc/self/task").map(Iterator::count) {
            Ok(1) => {}
            Ok(_) => {
                return Err(io::Error::other(
                    "a process with several threads cannot be confined as a whole",
                ));
            }
            // The process that started this one is confined, and all of this one with it.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
            Err(error) => return Err(error),
        }
        let by = restrict_files(needed).map_err(io::Error::other)?;
        let filter = filter(needed).map_err(io::Error::other)?;
        seccompiler::apply_filter(&filter).map_err(io::Error::other)?;
        Ok(by)
    }

    fn restrict_files(needed: &NeededAccess) -> Result<ConfinedBy, landlock::RulesetError> {
        let read = AccessFs::ReadFile | AccessFs::ReadDir;
        let start: BitFlags<AccessFs> = AccessFs::Execute | AccessFs::ReadFile | AccessFs::ReadDir;
        let status = landlock::Ruleset::default()
            .handle_access(AccessFs::from_all(INTERFACE))?
            .handle_access(AccessNet::from_all(INTERFACE))?
            .scope(Scope::from_all(INTERFACE))?
            .create()?
            .add_rules(path_beneath_rules(&needed.read, read))?
            .add_rules(path_beneath_rules(
                &needed.write,
                AccessFs::from_all(INTERFACE) & !AccessFs::Execute,
            ))?
            .add_rules(path_beneath_rules(&needed.start, start))?
            .add_rules(ports(needed.connect.as_deref()))?
            .restrict_self()?;
        Ok(match status.ruleset {
            RulesetStatus::NotEnforced => ConfinedBy::CallsOnly,
            RulesetStatus::PartiallyEnforced | RulesetStatus::FullyEnforced
                if needed.connect.is_some() && !knows_ports() =>
            {
                ConfinedBy::NotPorts
            }
            // Partly: an older kernel, which knows files and no sockets. Those are denied below in any case.
            RulesetStatus::PartiallyEnforced | RulesetStatus::FullyEnforced => {
                ConfinedBy::FilesAndCalls
            }
        })
    }

    /// The rules of the ports that a process connects to.
    fn ports(
        needed: Option<&[u16]>,
    ) -> impl Iterator<Item = Result<NetPort, landlock::RulesetError>> {
        let ports = needed.into_iter().flatten();
        ports.map(|&port| Ok(NetPort::new(port, AccessNet::ConnectTcp)))
    }

    /// Whether the kernel's Landlock has rules for ports.
    fn knows_ports() -> bool {
        landlock::Ruleset::default()
            .set_compatibility(CompatLevel::HardRequirement)
            .handle_access(AccessNet::from_all(INTERFACE))
            .is_ok()
    }

    /// An argument of a call that is none of these values.
    fn is_none_of(place: u8, values: &[libc::c_int]) -> Result<SeccompRule, BackendError> {
        let is_not = |value: &libc::c_int| {
            let value = u64::from(value.unsigned_abs());
            SeccompCondition::new(place, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, value)
        };
        SeccompRule::new(values.iter().map(is_not).collect::<Result<_, _>>()?)
    }

    /// An argument of a call whose bits below a mask are this value.
    fn is_masked(place: u8, mask: u64, value: u64) -> Result<SeccompRule, BackendError> {
        let is_equal = SeccompCmpOp::MaskedEq(mask);
        let condition = SeccompCondition::new(place, SeccompCmpArgLen::Dword, is_equal, value)?;
        SeccompRule::new(vec![condition])
    }

    /// Sockets that are not of TCP or UDP. By those of this machine a process could ask others to start programs or open
    /// files for it, and Landlock compares the ports of TCP alone: another protocol reaches them all.
    fn other_sockets() -> Result<Vec<SeccompRule>, BackendError> {
        // The bits above say how the socket is opened.
        let kinds = u64::from(u8::MAX >> 4);
        let known =
            [libc::SOCK_STREAM, libc::SOCK_DGRAM].map(|kind| u64::from(kind.unsigned_abs()));
        let mut denied = vec![
            is_none_of(0, &[libc::AF_INET, libc::AF_INET6])?,
            is_none_of(2, &[0, libc::IPPROTO_TCP, libc::IPPROTO_UDP])?,
        ];
        for kind in (0..=kinds).filter(|kind| !known.contains(kind)) {
            denied.push(is_masked(1, kinds, kind)?);
        }
        Ok(denied)
    }

    fn filter(needed: &NeededAccess) -> Result<BpfProgram, BackendError> {
        let mut calls = [DENIED.as_slice(), &LISTENS].concat();
        if needed.connect.is_none() {
            calls.extend(SOCKETS);
        }
        if needed.start.is_empty() {
            calls.extend(STARTS);
        }
        // No rules beside a number: it is denied whatever its arguments.
        let mut denied: BTreeMap<i64, _> =
            calls.into_iter().map(|call| (call, Vec::new())).collect();
        if needed.connect.is_some() {
            denied.insert(libc::SYS_socket, other_sockets()?);
            let connects = u64::from(libc::MSG_FASTOPEN.unsigned_abs());
            for (call, flags) in SENDS {
                denied.insert(call, vec![is_masked(flags, connects, connects)?]);
            }
        }
        let arch = std::env::consts::ARCH.try_into()?;
        // An error and not a signal: a library that asks for such a call has a way without it, and a caller says what it
        // could not do.
        let errno = libc::EPERM.unsigned_abs();
        let refusal = SeccompAction::Errno(errno);
        let filter: BpfProgram =
            SeccompFilter::new(denied, SeccompAction::Allow, refusal, arch)?.try_into()?;
        Ok([deny_other_numbers(errno).as_slice(), &filter].concat())
    }

    /// Instructions before a filter that deny every call of a second interface: a kernel for x86-64 may have the same calls
    /// once more, with this bit in their numbers, and the filter compares whole numbers.
    fn deny_other_numbers(errno: u32) -> [sock_filter; 3] {
        const X32_BIT: u32 = 0x4000_0000;
        // BPF_LD | BPF_W | BPF_ABS, BPF_JMP | BPF_JGE | BPF_K, BPF_RET | BPF_K of linux/bpf_common.h.
        const LOAD_WORD: u16 = 0x20;
        const JUMP_IF_AT_LEAST: u16 = 0x35;
        const RETURN: u16 = 0x06;
        // The number of the call stands first in what a filter sees. Below the bit, the denial is jumped over.
        let instructions = [
            (LOAD_WORD, 0, 0),
            (JUMP_IF_AT_LEAST, 1, X32_BIT),
            (RETURN, 0, libc::SECCOMP_RET_ERRNO | errno),
        ];
        instructions.map(|(code, jf, k)| sock_filter { code, jt: 0, jf, k })
    }
}

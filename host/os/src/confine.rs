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
    /// Ports of TCP; `None` denies every socket.
    pub network: Option<NeededPorts>,
}

/// The ports of TCP that a process needs. Datagrams stay open, by which names of machines are looked up; sockets of this
/// machine are denied.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct NeededPorts {
    /// Where it listens; 0 is any free port.
    pub listen: Vec<u16>,
    /// Where it connects to, on any machine: the kernel compares no addresses.
    pub connect: Vec<u16>,
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
/// before anything from outside is read.
///
/// # Errors
///
/// Returns the operating system's error if the kernel has a part of the confinement and refuses to apply it; then nothing
/// from outside may be read.
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
    use std::io;

    use landlock::{
        ABI, Access as _, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible as _, NetPort,
        RulesetAttr as _, RulesetCreatedAttr as _, RulesetStatus, Scope, path_beneath_rules,
    };
    use seccompiler::{
        BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
        SeccompRule,
    };

    use super::{ConfinedBy, NeededAccess, NeededPorts};

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

    /// Calls that reach other machines and processes.
    const SOCKETS: [libc::c_long; 6] = [
        libc::SYS_socket,
        libc::SYS_connect,
        libc::SYS_bind,
        libc::SYS_listen,
        libc::SYS_accept,
        libc::SYS_accept4,
    ];

    /// Calls that start a program.
    const STARTS: [libc::c_long; 2] = [libc::SYS_execve, libc::SYS_execveat];

    pub(super) fn confine(needed: &NeededAccess) -> io::Result<ConfinedBy> {
        let by = restrict_files(needed).map_err(io::Error::other)?;
        let filter = filter(needed).map_err(io::Error::other)?;
        // All threads: one that was started earlier would be a way around.
        seccompiler::apply_filter_all_threads(&filter).map_err(io::Error::other)?;
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
            .add_rules(ports(needed.network.as_ref()))?
            .restrict_self()?;
        Ok(match status.ruleset {
            RulesetStatus::NotEnforced => ConfinedBy::CallsOnly,
            RulesetStatus::PartiallyEnforced | RulesetStatus::FullyEnforced
                if needed.network.is_some() && !knows_ports() =>
            {
                ConfinedBy::NotPorts
            }
            // Partly: an older kernel, which knows files and no sockets. Those are denied below in any case.
            RulesetStatus::PartiallyEnforced | RulesetStatus::FullyEnforced => {
                ConfinedBy::FilesAndCalls
            }
        })
    }

    /// The rules of the ports that a process needs.
    fn ports(
        needed: Option<&NeededPorts>,
    ) -> impl Iterator<Item = Result<NetPort, landlock::RulesetError>> {
        let ports = needed.cloned().unwrap_or_default();
        let listen = ports
            .listen
            .into_iter()
            .map(|port| (port, AccessNet::BindTcp));
        let connect = ports
            .connect
            .into_iter()
            .map(|port| (port, AccessNet::ConnectTcp));
        listen
            .chain(connect)
            .map(|(port, access)| Ok(NetPort::new(port, access)))
    }

    /// Whether the kernel's Landlock has rules for ports.
    fn knows_ports() -> bool {
        landlock::Ruleset::default()
            .set_compatibility(CompatLevel::HardRequirement)
            .handle_access(AccessNet::from_all(INTERFACE))
            .is_ok()
    }

    /// Sockets that are neither of IPv4 nor of IPv6: by those of this machine a process could ask others to start programs
    /// or open files for it.
    fn other_families() -> Result<SeccompRule, seccompiler::BackendError> {
        let is_not = |family: libc::c_int| {
            let family = u64::from(family.unsigned_abs());
            SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, family)
        };
        SeccompRule::new(vec![is_not(libc::AF_INET)?, is_not(libc::AF_INET6)?])
    }

    fn filter(needed: &NeededAccess) -> Result<BpfProgram, seccompiler::BackendError> {
        let mut calls = DENIED.to_vec();
        if needed.network.is_none() {
            calls.extend(SOCKETS);
        }
        if needed.start.is_empty() {
            calls.extend(STARTS);
        }
        // No rules beside a number: it is denied whatever its arguments.
        let mut denied: BTreeMap<i64, _> =
            calls.into_iter().map(|call| (call, Vec::new())).collect();
        if needed.network.is_some() {
            denied.insert(libc::SYS_socket, vec![other_families()?]);
        }
        let arch = std::env::consts::ARCH.try_into()?;
        // An error and not a signal: a library that asks for such a call has a way without it, and a caller says what it
        // could not do.
        let errno = SeccompAction::Errno(libc::EPERM.unsigned_abs());
        SeccompFilter::new(denied, SeccompAction::Allow, errno, arch)?.try_into()
    }
}

//! `doctor`: what this machine, its folders and its ledger have and lack. It must never repair anything, and never hold a
//! file that a run waits for.

use std::path::Path;

use anyhow::{Context as _, Result};
use counterfoil_approval::ledger_view::{self, LedgerView, LedgerViewError};
use counterfoil_approval::record_search;
use counterfoil_build::Toolchain;
use counterfoil_os::clock::kernel_clock;
use counterfoil_os::confine::{ConfinedBy, NeededAccess, confine};
use counterfoil_os::disk::free_bytes;
use counterfoil_os::files::{is_there, unnamed_in};
use counterfoil_os::folder_guard::private_folder;
use counterfoil_os::lock::FileLock;
use counterfoil_runner::build::host_build;
use counterfoil_runner::store::keys::{PEOPLE_FOLDER, PeopleKeys};
use serde_json::{Value, json};

use crate::cli_context::CliContext;
use crate::output::{CommandAnswer, counted, print_json, print_line, print_table};

/// A journal of a day of minutes of a few instruments is far below this, and a full disk ends every run.
const FREE_BYTES_MIN: u64 = 1 << 30;

/// What was found of one thing.
#[derive(Debug)]
struct CheckUp {
    what: &'static str,
    state: CheckUpState,
    found: String,
    /// What to do, if there is something.
    hint: &'static str,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum CheckUpState {
    Good,
    /// Something works less well, or one command does not work.
    Lacking,
    /// Runs, verdicts or acts would fail.
    Bad,
}

impl CheckUpState {
    const fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Lacking => "lacking",
            Self::Bad => "bad",
        }
    }
}

impl CheckUp {
    fn good(what: &'static str, found: impl Into<String>) -> Self {
        Self {
            what,
            state: CheckUpState::Good,
            found: found.into(),
            hint: "",
        }
    }

    fn lacking(what: &'static str, found: impl Into<String>, hint: &'static str) -> Self {
        Self {
            state: CheckUpState::Lacking,
            hint,
            ..Self::good(what, found)
        }
    }

    fn bad(what: &'static str, error: &anyhow::Error, hint: &'static str) -> Self {
        Self {
            state: CheckUpState::Bad,
            hint,
            ..Self::good(what, causes(error))
        }
    }

    fn json(&self) -> Value {
        json!({
            "check": self.what,
            "state": self.state.name(),
            "found": self.found,
            "hint": (!self.hint.is_empty()).then_some(self.hint),
        })
    }
}

/// An error with its causes, without those that it quotes already.
fn causes(error: &anyhow::Error) -> String {
    let mut all = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if all.is_empty() {
            all = cause;
        } else if !all.contains(&cause) {
            all = format!("{all}: {cause}");
        }
    }
    all
}

/// Looks at everything; no if something is bad. `opened` is what every other command would begin with.
pub(crate) fn run(json: bool, opened: Result<&CliContext, &anyhow::Error>) -> CommandAnswer {
    let mut found = vec![program()];
    match opened {
        Ok(cli) => found.extend(of_folders(cli)),
        Err(error) => found.push(CheckUp::bad("data directory", error, "")),
    }
    found.extend([clock(), compiler_target()]);
    // Last, because it is tried on this very process: nothing can be opened behind the wall.
    found.push(second_wall());
    if json {
        print_json(&found.iter().map(CheckUp::json).collect::<Value>());
    } else {
        print(&found);
    }
    CommandAnswer::yes_if(found.iter().all(|one| one.state != CheckUpState::Bad))
}

fn print(found: &[CheckUp]) {
    let row = |one: &CheckUp| {
        let cells = [one.what, one.state.name(), &one.found];
        cells.map(str::to_owned).to_vec()
    };
    let head = ["check", "state", "found"].map(str::to_owned).to_vec();
    let rows: Vec<Vec<String>> = core::iter::once(head)
        .chain(found.iter().map(row))
        .collect();
    print_table(&rows);
    for one in found.iter().filter(|one| !one.hint.is_empty()) {
        print_line(&format!("{}: {}", one.what, one.hint));
    }
}

fn program() -> CheckUp {
    let build = host_build();
    let version = env!("CARGO_PKG_VERSION");
    match build.commit {
        Some(commit) => CheckUp::good("program", format!("{version}, commit {commit}")),
        None => CheckUp::lacking(
            "program",
            format!("{version}, of an unknown commit"),
            "build it in a clone, so that its journals name the commit",
        ),
    }
}

fn of_folders(cli: &CliContext) -> Vec<CheckUp> {
    let data = cli.data.root();
    let mut found = vec![CheckUp::good("data directory", data.display().to_string())];
    found.push(disk(data.path()));
    found.push(locks(cli).map_or_else(
        |error| {
            CheckUp::bad(
                "locks",
                &error,
                "move the data to a local disk: two processes would write one journal",
            )
        },
        |()| CheckUp::good("locks", "files can be locked and synced"),
    ));
    found.push(keys(cli));
    found.push(people_keys(cli));
    found.push(code_folder(cli.code_folder()));
    found.extend(ledger(cli));
    found
}

fn disk(data: &Path) -> CheckUp {
    match free_bytes(data) {
        Ok(free) if free >= FREE_BYTES_MIN => {
            CheckUp::good("disk", format!("{} MiB free", free >> 20))
        }
        Ok(free) => CheckUp::lacking(
            "disk",
            format!("{} MiB free", free >> 20),
            "make room: a full disk ends every run",
        ),
        Err(error) => CheckUp::bad("disk", &error.into(), ""),
    }
}

/// Whether the data's file system locks and syncs: on some network disks neither does what it says.
fn locks(cli: &CliContext) -> Result<()> {
    // A file without a name: nothing is left behind, whatever happens.
    let file = unnamed_in(cli.data.root())?;
    file.sync_data().context("cannot sync a file")?;
    let _held = FileLock::try_of(file)
        .context("cannot lock a file")?
        .context("a new file is locked already")?;
    Ok(())
}

fn keys(cli: &CliContext) -> CheckUp {
    let place = cli.keys.path().display().to_string();
    match cli.keys.secret_public() {
        Ok(Some(_)) => CheckUp::good("keys", format!("{place}, with the log's signing key")),
        Ok(None) => CheckUp::lacking(
            "keys",
            format!("{place}, without a signing key of the log"),
            "the first run or ledger makes one; an auditor needs none",
        ),
        Err(error) => CheckUp::bad("keys", &error.into(), ""),
    }
}

/// Each key that people sign with is read as an act would read it.
fn people_keys(cli: &CliContext) -> CheckUp {
    let what = "keys of people";
    let keys = PeopleKeys::unchecked(&cli.keys);
    let read = || -> Result<usize> {
        if !is_there(&cli.keys.path().join(PEOPLE_FOLDER))? {
            return Ok(0);
        }
        let all = keys.all()?;
        for key in &all {
            let signer = keys.signer(&key.name, &key.public);
            let _good = signer.with_context(|| format!("the key of {}", key.name))?;
        }
        Ok(all.len())
    };
    match read() {
        Ok(count) => CheckUp::good(what, counted(count, "key")),
        Err(error) => CheckUp::bad(what, &error, "its principal cannot act with it"),
    }
}

fn code_folder(folder: Option<&Path>) -> CheckUp {
    let Some(folder) = folder else {
        return CheckUp::lacking(
            "compiled code",
            "no folder for it",
            "name one with --cache-dir: each command compiles its component anew",
        );
    };
    match private_folder(folder) {
        Ok(()) => CheckUp::good("compiled code", folder.display().to_string()),
        Err(error) => CheckUp::bad("compiled code", &error.into(), ""),
    }
}

/// The ledger, what was seen of it, and its index.
fn ledger(cli: &CliContext) -> Vec<CheckUp> {
    // Before the key is looked for, which is only there with a first run or a ledger.
    if let Err(LedgerViewError::Missing { .. }) = ledger_view::find(&cli.data) {
        return vec![CheckUp::good("ledger", "none")];
    }
    let view = match LedgerView::open(&cli.data, &cli.keys) {
        Ok(view) => view,
        Err(error) => {
            let hint = "see it with `counterfoil verify ledger`";
            return vec![CheckUp::bad("ledger", &error.into(), hint)];
        }
    };
    let records = counted(view.verified.mark().size, "record");
    let mut found = vec![CheckUp::good(
        "ledger",
        format!("{}, {records}, verified", view.name),
    )];
    // Without the log's keys nothing is kept, and nothing is indexed under a seal.
    let Some(seen) = &view.seen else {
        return found;
    };
    found.push(match seen.can_keep() {
        Ok(()) => CheckUp::good("seen of the ledger", "kept beside the keys"),
        Err(error) => CheckUp::lacking(
            "seen of the ledger",
            causes(&error.into()),
            "let this user write the folder `seen` of the key directory: an older copy of all data is not noticed",
        ),
    });
    found.push(match record_search::indexed_records(&cli.data, &cli.keys) {
        Some(count) => CheckUp::good("index", counted(count, "record")),
        None => CheckUp::good("index", "none yet: `ledger search` makes it"),
    });
    found
}

fn clock() -> CheckUp {
    let hint = "start chrony, ntpd or systemd-timesyncd: production runs and acts far ahead of the ledger are refused";
    match kernel_clock() {
        Ok(clock) if clock.is_synchronized => {
            let most = clock.offset_max_nanos.checked_div(1_000_000).unwrap_or(0);
            CheckUp::good("clock", format!("synchronized, at most {most} ms off"))
        }
        Ok(_) => CheckUp::lacking("clock", "not synchronized", hint),
        Err(error) => CheckUp::lacking("clock", format!("not known: {error}"), hint),
    }
}

fn compiler_target() -> CheckUp {
    match Toolchain::detect() {
        Ok(toolchain) => CheckUp::good("compiler target", toolchain.compiler_version),
        Err(error) => CheckUp::lacking(
            "compiler target",
            format!("none: {error}"),
            "only `build` needs it: run tests/setup/guest-toolchain in a clone",
        ),
    }
}

fn second_wall() -> CheckUp {
    let what = "second wall";
    let hint = "use Linux 6.7 or newer with Landlock enabled: a strategy or file that breaks the sandbox meets less";
    // As `serve` does, which needs ports as well.
    let needed = NeededAccess {
        connect: Some(Vec::new()),
        ..NeededAccess::default()
    };
    match confine(&needed) {
        Ok(by @ ConfinedBy::FilesAndCalls) => CheckUp::good(what, by.text()),
        Ok(by @ (ConfinedBy::NotPorts | ConfinedBy::CallsOnly | ConfinedBy::Nothing)) => {
            CheckUp::lacking(what, by.text(), hint)
        }
        Err(error) => CheckUp::bad(what, &error.into(), ""),
    }
}

//! The ledger as the server uses it: read again whenever the file changed, and written only for the runner's own
//! acts: the start, the end and the kill of a run. It must never answer from a ledger that does not verify.

use core::fmt;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use counterfoil_approval::ledger_client::{
    ActOutcome, LedgerActor, LedgerClient, LedgerClientError, machine_clock, open_known_to_write,
};
use counterfoil_approval::ledger_seen::LedgerSeen;
use counterfoil_approval::permit::{Grant, Records};
use counterfoil_base::digest::Digest;
use counterfoil_governance::act::{
    ANCHORS_MAX, Act, ActName, KillScope, RunAnchor, RunEnd, RunResume, RunStart,
};
use counterfoil_governance::id::Id;
use counterfoil_governance::ledger::{
    KnownLedger, LedgerError, PrefixDigests, origin, verify_behind,
};
use counterfoil_governance::rule::{AccessDenial, HostRule, Rule};
use counterfoil_governance::state::LedgerState;
use counterfoil_journal::hash::Hash;
use counterfoil_journal::key::VerifierKey;
use counterfoil_os::file_path::FilePath;
use counterfoil_os::files::{facts_of, modified, read_whole};
use counterfoil_runner::clock;

use crate::problem::Problem;
use crate::supervisor::Signers;

/// What a ledger's file looked like when it was read. It only grows, so a change shows.
type FileStamp = (u64, Option<SystemTime>);

/// The ledger of a runner, which acts in it as a service.
pub struct ServiceLedger {
    path: FilePath,
    name: Id,
    /// Signs the ledger's checkpoints.
    log: Signers,
    service: Mutex<LedgerActor>,
    read: Mutex<Option<(FileStamp, KnownLedger)>>,
    /// What earlier processes have seen of it.
    seen: Vec<LedgerSeen>,
    /// Runs whose logs do not go on from their anchors, as the ledger was told.
    unfit: Mutex<BTreeSet<Digest>>,
    /// Whether the operator says that this machine's clock is right.
    trusts_clock: bool,
}

impl fmt::Debug for ServiceLedger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceLedger")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

fn unusable(error: &dyn fmt::Display) -> AccessDenial {
    let hint = "no run starts until the ledger verifies again; see docs/reference/GOVERNANCE.md";
    AccessDenial::new(HostRule::LedgerUnusable, error.to_string(), hint)
}

/// The denial for a ledger that does not go on from the records that this process has seen.
fn not_read_on(error: &LedgerError, size: u64) -> AccessDenial {
    unusable(&format_args!(
        "the ledger does not go on from the {size} records that this runner has seen ({error}); restore the newer ledger"
    ))
}

/// An error with its causes, in one line.
fn unusable_by(error: &LedgerClientError) -> AccessDenial {
    let mut text = error.to_string();
    let mut cause = core::error::Error::source(error);
    // Every level: the outer errors say only that the ledger cannot be used, and the innermost one
    // names the file or record that the operator has to repair.
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    unusable(&text)
}

impl ServiceLedger {
    /// The ledger with this name at `path`.
    #[must_use]
    pub fn new(path: FilePath, name: Id, log: Signers, service: LedgerActor) -> Self {
        Self {
            path,
            name,
            log,
            service: Mutex::new(service),
            read: Mutex::default(),
            seen: Vec::new(),
            unfit: Mutex::default(),
            trusts_clock: false,
        }
    }

    /// The same, on a machine whose clock is right although nothing synchronises it.
    #[must_use]
    pub const fn with_trusted_clock(mut self, trusts_clock: bool) -> Self {
        self.trusts_clock = trusts_clock;
        self
    }

    /// The same, with files that keep over restarts how much of the ledger was seen.
    #[must_use]
    pub fn with_seen(mut self, seen: Vec<LedgerSeen>) -> Self {
        self.seen = seen;
        self
    }

    /// The ledger's origin.
    #[must_use]
    pub fn origin(&self) -> String {
        origin(&self.name)
    }

    /// Its state now. A record whose checkpoint is not written yet does not count.
    ///
    /// # Errors
    ///
    /// Returns an [`AccessDenial`] by `ledger.unusable` if the ledger is missing or does not verify.
    pub fn state(&self) -> Result<Arc<LedgerState>, AccessDenial> {
        let path = self.path.display();
        let meta = facts_of(&self.path).map_err(|error| unusable(&error))?;
        let meta = meta.ok_or_else(|| unusable(&format_args!("there is no ledger {path}")))?;
        // The file only grows, so an append changes its length. An attacker who rewrites it in place must change
        // its time; one who resets the time as well gains nothing, since the cached state was verified.
        let stamp: FileStamp = (meta.len(), modified(&meta));
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, known)) = read.as_ref().filter(|(known, _)| *known == stamp) {
            return Ok(Arc::clone(known.state()));
        }
        // Only what was added is verified. What is known stays where the file does not go on from it: every request is
        // refused until the newer file is back.
        let known = match read.as_ref() {
            Some((_, known)) => known.clone().read_on(&self.path).map_err(|error| {
                let size = known.mark().size;
                not_read_on(&error, size)
            })?,
            None => self.read_whole()?,
        };
        // Before the state is used: a decision on records that the next process may miss could not be told from
        // one on a forged ledger.
        for seen in &self.seen {
            seen.keep(&known.mark()).map_err(|error| unusable(&error))?;
        }
        let state = Arc::clone(known.state());
        *read = Some((stamp, known));
        Ok(state)
    }

    /// The ledger from its first byte, if it begins with what earlier processes have seen. A record that another process
    /// is appending right now has no checkpoint yet, and does not count.
    fn read_whole(&self) -> Result<KnownLedger, AccessDenial> {
        let key = VerifierKey::new(&self.origin(), &(self.log)().verifying_key())
            .map_err(|error| unusable(&error))?;
        let seen = self.seen.iter().map(LedgerSeen::look);
        let seen: Result<Vec<_>, _> = seen.collect();
        let seen = seen.map_err(|error| unusable(&error))?;
        let bytes = read_whole(&self.path).map_err(|error| unusable(&error))?;
        // A rolled-back ledger verifies as it is, and would revive keys that were revoked since.
        let mut digests = PrefixDigests::new(&bytes);
        for seen in &seen {
            seen.check(&mut digests).map_err(|error| unusable(&error))?;
        }
        let verified = verify_behind(&mut digests, &key, None);
        let known = verified.and_then(|(verified, _)| verified.known());
        known.map_err(|error| unusable(&error))
    }

    /// Records the start of a granted run, whose journal begins with the entry 0 of this leaf hash, durably and
    /// before it starts.
    ///
    /// # Errors
    ///
    /// Returns an [`AccessDenial`] if a rule forbids it, or the ledger cannot be written.
    pub fn start(&self, grant: &Grant, entry_0: Hash) -> Result<(), AccessDenial> {
        self.act(Act::RunStart(RunStart {
            run: *grant.run(),
            authorized: grant.authorized(),
            terms: grant.terms().clone(),
            entry_0,
        }))
    }

    /// Records a kill that a principal requested and the runner has carried out. The runner signs the record, not
    /// the principal. The kill stays in effect even if it cannot be recorded.
    pub fn kill(&self, by: &Id, scope: KillScope, why: &str) {
        let why = why.trim();
        let reason = if why.is_empty() {
            format!("{by} asked")
        } else {
            format!("{by} asked: {why}")
        };
        // The callers have stopped the runs by now: a ledger that is busy or broken must not delay a kill.
        if let Err(error) = self.act(Act::Kill { scope, reason }) {
            tracing::error!(%error, %by, "kill not recorded in the ledger");
        }
    }

    /// Opens the ledger in the runner's name; while another process writes it, waits.
    fn client(&self) -> Result<LedgerClient<MutexGuard<'_, LedgerActor>>, AccessDenial> {
        // Checked before it is written: an act on a rolled-back ledger would make it the one that is cached.
        self.state()?;
        // One act of this process at a time: the file's lock would turn the second away as busy.
        let service = self.service.lock().unwrap_or_else(PoisonError::into_inner);
        // Not held while another process writes the ledger: every run asks for the state before each slice.
        let read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let known = read.as_ref().map(|(_, known)| known.clone());
        drop(read);
        let known = known.ok_or_else(|| unusable(&"it was not read"))?;
        let ledger = open_known_to_write(&self.path, &self.name, &*self.log, &known);
        let ledger = ledger.map_err(|error| unusable_by(&error))?;
        let clock = machine_clock(clock::now(), self.trusts_clock);
        LedgerClient::new(ledger, service, clock).map_err(|error| unusable_by(&error))
    }

    fn act(&self, act: Act) -> Result<(), AccessDenial> {
        let mut client = self.client()?;
        let outcome = client.act(act).map_err(|error| unusable_by(&error))?;
        self.cache(client.ledger().known());
        match outcome {
            ActOutcome::Recorded { .. } => Ok(()),
            ActOutcome::Denied(denied) => Err(denied.denial),
            // No act of a runner belongs to an approval class. If one ever does, the runner must not continue as if
            // the act had taken effect.
            ActOutcome::Proposed { index, class } => Err(unusable(&format_args!(
                "record {index} only proposes the act to the class {}",
                class.name()
            ))),
        }
    }

    /// Takes over the state of a ledger that is open here, so that no run waits while this process
    /// verifies what it wrote itself. The file's lock keeps other writers out until then, so the
    /// file's length and time are those of this state.
    fn cache(&self, known: KnownLedger) {
        let mark = known.mark();
        // A record of this process that the next one did not see could be rolled back unseen. The act stands all the
        // same: it is in the ledger.
        for seen in &self.seen {
            if let Err(error) = seen.keep(&mark) {
                tracing::error!(%error, "what was seen of the ledger is not kept");
            }
        }
        let meta = facts_of(&self.path).ok().flatten();
        // Of another length: exchanged just now. The next request reads it, and refuses it.
        let meta = meta.filter(|meta| meta.len() == mark.length);
        let stamp = meta.map_or((0, None), |meta| (meta.len(), modified(&meta)));
        *self.read.lock().unwrap_or_else(PoisonError::into_inner) = Some((stamp, known));
    }

    /// Records that the runner refused a principal's request before the ledger judged it, and returns the refusal.
    /// The runner signs the record, not the principal.
    pub fn refuse(&self, by: &Id, act: ActName, subject: &Digest, denied: AccessDenial) -> Problem {
        let recorded = AccessDenial {
            why: format!("{by} asked: {}", denied.why),
            ..denied.clone()
        };
        let refused = self.client().and_then(|mut client| {
            let refused = client.refuse(act, subject.to_string(), recorded);
            self.cache(client.ledger().known());
            refused.map_err(|error| unusable_by(&error))
        });
        if let Err(error) = refused {
            // The request stays refused all the same.
            tracing::error!(%error, rule = denied.rule.code(), %by, "refusal not recorded in the ledger");
        }
        denied.into()
    }
}

impl Records for ServiceLedger {
    fn state(&self) -> Result<Arc<LedgerState>, AccessDenial> {
        Self::state(self)
    }

    fn end(&self, end: RunEnd) -> Result<(), AccessDenial> {
        match self.act(Act::RunEnd(end)) {
            // A crash between the record and what follows it makes the runner record the end again.
            Err(denied) if denied.is_by(Rule::RunEnded) => Ok(()),
            done => done,
        }
    }

    fn resume(&self, resume: RunResume) -> Result<(), AccessDenial> {
        self.act(Act::RunResume(resume))
    }

    fn anchor(&self, mut runs: Vec<RunAnchor>) -> Result<(), AccessDenial> {
        // A run may have ended since its logs were looked at; its end anchors it.
        let state = Self::state(self)?;
        let known = state.registry().runs();
        runs.retain(|one| {
            known
                .get(&one.run)
                .is_some_and(|known| known.ended.is_none())
        });
        // One run that does not fit must not keep the others from being anchored.
        let (fit, unfit): (Vec<_>, Vec<_>) = runs
            .into_iter()
            .partition(|one| state.check_anchor(one).is_ok());
        for part in fit.chunks(ANCHORS_MAX) {
            let runs = part.to_vec();
            self.act(Act::RunsAnchor { runs })?;
        }
        // Its denial is recorded once: each hour again it would tell nothing new, and fill the ledger.
        let mut told = self.unfit.lock().unwrap_or_else(PoisonError::into_inner);
        let runs: Vec<_> = unfit
            .into_iter()
            .filter(|one| !told.contains(&one.run))
            .take(ANCHORS_MAX)
            .collect();
        told.extend(runs.iter().map(|one| one.run));
        drop(told);
        if runs.is_empty() {
            return Ok(());
        }
        self.act(Act::RunsAnchor { runs })
    }
}

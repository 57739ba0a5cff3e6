//! The ledger as the server uses it: read anew whenever the file changed, written only for the
//! acts that the runner does itself: the start, the end and the kill of a run. It must never answer from a ledger that does not hold.

use core::fmt;
use core::time::Duration;
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use counterfoil_base::digest::Digest;
use counterfoil_governance::act::{Act, Refused, RunEnd, RunStart, Scope};
use counterfoil_governance::id::Id;
use counterfoil_governance::ledger::{Ledger, LedgerError, origin, verify};
use counterfoil_governance::rule::Rule;
use counterfoil_governance::state::State;
use counterfoil_journal::key::VerifierKey;
use counterfoil_journal::signer::Signer;
use counterfoil_runner::clock;
use counterfoil_runner::permit::{Denied, Grant, Records};
use counterfoil_runner::supervisor::Signers;

use crate::problem::{Code, Problem};

/// How often the runner tries to write a ledger that another program writes: a person's act takes
/// milliseconds, but a ledger is read whole before it.
const TRIES_MAX: u32 = 100;
/// The time between two tries.
const BETWEEN_TRIES: Duration = Duration::from_millis(50);

/// What a ledger's file looked like when it was read. It only grows, so a change shows.
type Stamp = (u64, Option<SystemTime>);

/// Who the runner is in the ledger.
pub struct Service {
    /// Its id.
    pub principal: Id,
    /// Signs its acts.
    pub hand: Box<dyn Signer + Send>,
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service")
            .field("principal", &self.principal)
            .finish_non_exhaustive()
    }
}

/// A ledger's file, and what it takes to read and write it.
pub struct Book {
    path: PathBuf,
    name: Id,
    /// Signs the ledger's checkpoints.
    log: Signers,
    service: Mutex<Service>,
    read: Mutex<Option<(Stamp, Arc<State>)>>,
}

impl fmt::Debug for Book {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Book")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

fn denied(error: &dyn fmt::Display) -> Denied {
    let Problem { detail, way, .. } = unusable(error);
    Denied::new(Code::Ledger.parts().0, detail, way)
}

fn unusable(error: &dyn fmt::Display) -> Problem {
    let way = "nothing starts without a ledger that holds; see docs/reference/GOVERNANCE.md";
    Problem::new(Code::Ledger, error.to_string(), way)
}

impl Book {
    /// The ledger with this name at `path`.
    #[must_use]
    pub fn new(path: PathBuf, name: Id, log: Signers, service: Service) -> Self {
        Self {
            path,
            name,
            log,
            service: Mutex::new(service),
            read: Mutex::default(),
        }
    }

    /// The ledger's origin.
    #[must_use]
    pub fn origin(&self) -> String {
        origin(&self.name)
    }

    /// What its records add up to now. A record that is being written does not count yet.
    ///
    /// # Errors
    ///
    /// Returns a [`Problem`] if the ledger is missing or does not hold.
    pub fn state(&self) -> Result<Arc<State>, Problem> {
        let meta = fs::metadata(&self.path).map_err(|error| {
            let path = self.path.display();
            unusable(&format_args!("the ledger {path} cannot be read: {error}"))
        })?;
        let stamp: Stamp = (meta.len(), meta.modified().ok());
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, state)) = read.as_ref().filter(|(known, _)| *known == stamp) {
            return Ok(Arc::clone(state));
        }
        // Forgotten first: if the new bytes do not hold, nothing is answered from the old ones.
        *read = None;
        let key = VerifierKey::new(&self.origin(), &(self.log)().verifying_key());
        let key = key.map_err(|error| unusable(&error))?;
        let bytes = fs::read(&self.path).map_err(|error| unusable(&error))?;
        let verified = verify(&bytes, &key).map_err(|error| unusable(&error))?;
        let state = Arc::new(verified.state);
        *read = Some((stamp, Arc::clone(&state)));
        Ok(state)
    }

    /// Records that the runner starts what was granted, durably, before it starts.
    ///
    /// # Errors
    ///
    /// Returns a [`Problem`] if a rule forbids it, or the ledger cannot be written.
    pub fn start(&self, grant: &Grant) -> Result<(), Problem> {
        let act = Act::RunStart(RunStart {
            run: Digest(*grant.run()),
            authorized: grant.authorized(),
            terms: grant.terms().clone(),
        });
        Ok(self.act(act)?)
    }

    /// Records that the runner stops what somebody asked it to stop, after it did: they did not sign
    /// it, it stands at the runner's word. A kill holds whether it can be recorded or not.
    pub fn kill(&self, by: &Id, scope: Scope, why: &str) {
        let why = why.trim();
        let reason = if why.is_empty() {
            format!("{by} asked")
        } else {
            format!("{by} asked: {why}")
        };
        if let Err(error) = self.act(Act::Kill { scope, reason }) {
            tracing::error!(%error, %by, "a kill could not be recorded");
        }
    }

    /// Does an act of the runner's. While another program writes the ledger, it waits a while.
    fn act(&self, act: Act) -> Result<(), Denied> {
        // One at a time: the file's lock would refuse the second.
        let service = self.service.lock().unwrap_or_else(PoisonError::into_inner);
        let mut tries: u32 = 1;
        let mut ledger = loop {
            match Ledger::open(&self.path, &self.name, (self.log)()) {
                Ok(ledger) => break ledger,
                Err(error) if error.is_busy() && tries < TRIES_MAX => {
                    tries = tries.saturating_add(1);
                    counterfoil_os::clock::wait(BETWEEN_TRIES);
                }
                Err(error) => return Err(denied(&error)),
            }
        };
        let done = ledger.act(clock::now(), &service.principal, act, service.hand.as_ref());
        match done {
            Ok(_) => {
                self.keep(&ledger);
                Ok(())
            }
            Err(LedgerError::Denied { denial, .. }) => {
                self.keep(&ledger);
                Err(denial.into())
            }
            Err(error) => Err(denied(&error)),
        }
    }

    /// Takes over what a ledger that is open here adds up to, so that no run waits for a check of
    /// what this process wrote itself. The file's lock keeps others from writing meanwhile.
    fn keep(&self, ledger: &Ledger) {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        *read = fs::metadata(&self.path).ok().map(|meta| {
            let stamp = (meta.len(), meta.modified().ok());
            (stamp, Arc::new(ledger.state().clone()))
        });
    }

    /// Records that the runner refused what somebody asked for, before the ledger was asked, and
    /// gives what they are told. They did not sign it: it stands at the runner's word.
    pub fn refuse(&self, by: &Id, act: &str, subject: &Digest, denied: Denied) -> Problem {
        let refused = Act::Refused(Refused {
            act: act.to_owned(),
            subject: subject.to_string(),
            rule: denied.code.to_owned(),
            why: format!("{by} asked: {}", denied.why),
        });
        if let Err(error) = self.act(refused) {
            // It stays refused all the same.
            tracing::error!(%error, code = denied.code, %by, "a refusal could not be recorded");
        }
        denied.into()
    }
}

impl Records for Book {
    fn state(&self) -> Result<Arc<State>, Denied> {
        Self::state(self).map_err(|problem| {
            let code = Code::Ledger.parts().0;
            Denied::new(code, problem.detail, problem.way)
        })
    }

    fn end(&self, end: RunEnd) -> Result<(), Denied> {
        match self.act(Act::RunEnd(end)) {
            Err(denied) if denied.code == Rule::RunEnded.code() => Ok(()),
            done => done,
        }
    }
}

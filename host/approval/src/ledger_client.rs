//! Acting on the ledger in the name of one principal, for the command line and the server. It must
//! never decide what is allowed: the ledger judges every act, and records what it denies.

use core::fmt;
use core::ops::Deref;
use core::time::Duration;

use crate::ledger_seen::LedgerSeen;
use counterfoil_governance::act::{Act, ActName, ApprovalClass, HostRefusal};
use counterfoil_governance::id::Id;
use counterfoil_governance::ledger::{
    KnownLedger, Ledger, LedgerError, LedgerMark, MachineClock, origin,
};
use counterfoil_governance::rule::AccessDenial;
use counterfoil_governance::state::LedgerState;
use counterfoil_journal::public_key::PublicKey;
use counterfoil_journal::salt::LogSigner;
use counterfoil_journal::signer::Signer;
use counterfoil_os::clock::{kernel_clock, wait};
use counterfoil_os::file_path::AsFilePath;
use counterfoil_runner::store::keys::{KeyDirError, PeopleKeys};
use counterfoil_trading::time::UnixNanos;

use crate::ledger_view::MarkedPart;

/// Attempts to open a ledger that another process writes: an act takes milliseconds, but its process
/// first reads the whole ledger.
const OPEN_ATTEMPTS_MAX: u32 = 100;
/// The time between two attempts; all of them take five seconds.
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(50);

/// Why a principal cannot act on the ledger.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerClientError {
    /// Another process held the ledger during all attempts.
    #[error("another process is writing the ledger {path}; try again")]
    Busy {
        /// The ledger's file.
        path: String,
    },
    /// The ledger does not verify, or its file cannot be written.
    #[error("cannot open the ledger {path} for writing")]
    Open {
        /// The ledger's file.
        path: String,
        source: LedgerError,
    },
    /// The act was not recorded.
    #[error("the act was not recorded")]
    Append(#[source] LedgerError),
    /// The key folder could not be read.
    #[error(transparent)]
    Key(#[from] KeyDirError),
    /// No key file has the principal's name.
    #[error(
        "no key of {principal} in the key folder; make one with `counterfoil people key new {principal}`, \
         and have an administrator add it"
    )]
    NoKey { principal: Id },
}

/// A principal and the key that signs its acts.
pub struct LedgerActor {
    /// The principal.
    pub id: Id,
    /// Signs its acts.
    pub signing_key: Box<dyn Signer + Send>,
}

impl fmt::Debug for LedgerActor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LedgerActor")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl LedgerActor {
    /// A principal with the best of its keys in the key folder: the newest valid key. Without a valid key, the
    /// newest that the ledger knows, and without that any key of its name, so that the ledger denies the act and
    /// records the attempt.
    ///
    /// # Errors
    ///
    /// Returns [`LedgerClientError`] if the folder holds no key of this name, or cannot be read.
    pub fn with_best_key(
        keys: &PeopleKeys,
        state: &LedgerState,
        id: Id,
        time: UnixNanos,
    ) -> Result<Self, LedgerClientError> {
        let rank = |public: &[u8; 32]| {
            let known = state.keys().get(&PublicKey(*public));
            // A key file can carry any name. A key that the ledger gives to another principal signs
            // nothing here unless there is no better one, and then the ledger denies the act.
            let known = known.filter(|key| key.owner == id);
            (
                known.is_some_and(|key| key.counts(time)),
                known.map(|key| key.added),
            )
        };
        let own = keys
            .all()?
            .into_iter()
            .filter(|key| key.name == id.as_str());
        let Some(best) = own.max_by_key(|key| rank(&key.public)) else {
            return Err(LedgerClientError::NoKey { principal: id });
        };
        let signing_key = keys.signer(&best.name, &best.public)?;
        Ok(Self { id, signing_key })
    }
}

/// The outcome of an act.
#[derive(Clone, Debug, Eq, PartialEq)]
#[must_use]
pub enum ActOutcome {
    /// It is recorded and has taken effect.
    Recorded {
        /// The record.
        index: u64,
    },
    /// It takes effect once enough members of a class have signed it.
    Proposed {
        /// The record of the proposal.
        index: u64,
        class: ApprovalClass,
    },
    /// A rule denied it, and the denial is recorded.
    Denied(DeniedRequest),
}

impl ActOutcome {
    /// The record of the act or of its proposal.
    ///
    /// # Errors
    ///
    /// Returns the [`DeniedRequest`] if a rule denied the act.
    pub fn index(self) -> Result<u64, DeniedRequest> {
        match self {
            Self::Recorded { index } | Self::Proposed { index, .. } => Ok(index),
            Self::Denied(denied) => Err(denied),
        }
    }
}

/// A request that a rule denied.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DeniedRequest {
    /// The rule, what broke it, and a hint.
    pub denial: AccessDenial,
    /// The record of the denial; none where the request was only a query.
    pub record: Option<u64>,
}

impl fmt::Display for DeniedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.denial.fmt(f)?;
        match self.record {
            None => Ok(()),
            Some(index) => write!(f, " (record {index})"),
        }
    }
}

impl core::error::Error for DeniedRequest {}

impl<D: Into<AccessDenial>> From<D> for DeniedRequest {
    /// The denial of a query, which is not recorded.
    fn from(denial: D) -> Self {
        Self {
            denial: denial.into(),
            record: None,
        }
    }
}

/// Opens a ledger to write; while another process writes it, waits up to five seconds. Behind a mark only what was added
/// is verified. A ledger that does not begin with what was `seen` of it is refused.
///
/// # Errors
///
/// Returns [`LedgerClientError`] if the ledger stays busy, does not verify, or cannot be written.
pub fn open_to_write(
    path: &(impl AsFilePath + ?Sized),
    name: &Id,
    log_signer: &dyn Fn() -> Box<dyn LogSigner + Send>,
    marked: Option<&MarkedPart>,
    seen: Option<LedgerMark>,
) -> Result<Ledger, LedgerClientError> {
    let mark = marked.and_then(|marked| marked.read(&origin(name)));
    open_waiting(path, || {
        Ledger::open_after(path, name, log_signer(), mark, seen)
    })
}

/// As [`open_to_write`], for a ledger that this process has verified before.
///
/// # Errors
///
/// As [`open_to_write`].
pub fn open_known_to_write(
    path: &(impl AsFilePath + ?Sized),
    name: &Id,
    log_signer: &dyn Fn() -> Box<dyn LogSigner + Send>,
    known: &KnownLedger,
) -> Result<Ledger, LedgerClientError> {
    open_waiting(path, || {
        Ledger::open_known(path, name, log_signer(), known.clone())
    })
}

fn open_waiting(
    path: &(impl AsFilePath + ?Sized),
    mut open: impl FnMut() -> Result<Ledger, LedgerError>,
) -> Result<Ledger, LedgerClientError> {
    let mut attempt: u32 = 1;
    loop {
        // With a new signer for each attempt: a failed opening drops the one that it was given.
        match open() {
            Ok(ledger) => return Ok(ledger),
            // The file's lock belongs to the process, so a crash of its holder frees it at once: what
            // is busy is alive, and a bound keeps a hung process from hanging every other.
            Err(error) if error.is_busy() && attempt < OPEN_ATTEMPTS_MAX => {
                attempt = attempt.saturating_add(1);
                wait(BETWEEN_ATTEMPTS);
            }
            Err(error) => {
                let path = path.whole().display().to_string();
                return Err(if error.is_busy() {
                    LedgerClientError::Busy { path }
                } else {
                    LedgerClientError::Open {
                        path,
                        source: error,
                    }
                });
            }
        }
    }
}

/// This machine's clock, which shows `now`. Where the kernel does not vouch for it, a person may.
#[must_use]
pub fn machine_clock(now: UnixNanos, is_trusted: bool) -> MachineClock {
    let vouches = || kernel_clock().is_ok_and(|clock| clock.is_synchronized);
    MachineClock {
        now,
        is_trusted: is_trusted || vouches(),
    }
}

/// A ledger that is open to write in the name of one principal. Its lock is held until this is
/// dropped, so no other process appends between what is read here and what is recorded.
#[derive(Debug)]
pub struct LedgerClient<A = Box<LedgerActor>> {
    ledger: Ledger,
    actor: A,
    time: UnixNanos,
    /// The break-glass under which acts are done alone.
    emergency: Option<u64>,
    /// Where it is kept how much of the ledger was seen.
    seen: Option<LedgerSeen>,
}

impl<A: Deref<Target = LedgerActor>> LedgerClient<A> {
    /// Acts on an open ledger at the time of this clock, which was read after the ledger was opened: a time that
    /// lies long before another process's record would be refused as back-dated.
    ///
    /// # Errors
    ///
    /// Returns [`LedgerClientError::Append`] if the clock cannot be right.
    pub fn new(ledger: Ledger, actor: A, clock: MachineClock) -> Result<Self, LedgerClientError> {
        let time = ledger.time_of_act(clock);
        Ok(Self {
            time: time.map_err(LedgerClientError::Append)?,
            ledger,
            actor,
            emergency: None,
            seen: None,
        })
    }

    /// The same, with a file that keeps how much of the ledger was seen.
    #[must_use]
    pub fn with_seen(self, seen: Option<LedgerSeen>) -> Self {
        Self { seen, ..self }
    }

    /// The same, with every act done alone under this break-glass.
    #[must_use]
    pub fn under_emergency(self, opened: Option<u64>) -> Self {
        Self {
            emergency: opened,
            ..self
        }
    }

    /// The ledger's state after its last record.
    #[must_use]
    pub fn state(&self) -> &LedgerState {
        self.ledger.state()
    }

    /// The open ledger.
    #[must_use]
    pub const fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The open ledger, to change its signer.
    pub const fn ledger_mut(&mut self) -> &mut Ledger {
        &mut self.ledger
    }

    /// The principal who acts.
    pub fn actor(&self) -> &Id {
        &self.actor.id
    }

    /// The key that signs the acts.
    pub fn signing_key(&self) -> &(dyn Signer + Send) {
        self.actor.signing_key.as_ref()
    }

    /// The time of the acts.
    pub const fn time(&self) -> UnixNanos {
        self.time
    }

    /// Does the act, or proposes it where more than one member of a class must sign it. Done,
    /// proposed or denied, it is a durable record when this returns.
    ///
    /// # Errors
    ///
    /// Returns [`LedgerClientError::Append`] if nothing was recorded.
    pub fn act(&mut self, act: Act) -> Result<ActOutcome, LedgerClientError> {
        // Even an act that takes one signature goes under the glass if the caller asked for it: the retrospective
        // must show everything that was done in the emergency.
        if let Some(opened) = self.emergency {
            let act = Box::new(act);
            return self.record(Act::Emergency { opened, act });
        }
        // Asked under the ledger's lock: a class that is set to two signatures by another process either
        // counts here, or is recorded after this act.
        let Some(class) = self.state().proposed_to(&act) else {
            return self.record(act);
        };
        let outcome = self.record(Act::ChangePropose { act: Box::new(act) })?;
        Ok(match outcome {
            ActOutcome::Recorded { index } => ActOutcome::Proposed { index, class },
            other @ (ActOutcome::Proposed { .. } | ActOutcome::Denied(_)) => other,
        })
    }

    /// Records what the host denies before it asks the ledger: no denial goes without a record.
    ///
    /// # Errors
    ///
    /// Returns [`LedgerClientError::Append`] if nothing was recorded.
    pub fn refuse(
        &mut self,
        act: ActName,
        subject: impl Into<String>,
        denial: impl Into<AccessDenial>,
    ) -> Result<DeniedRequest, LedgerClientError> {
        let denial = denial.into();
        let refused = HostRefusal {
            act: act.as_str().to_owned(),
            subject: subject.into(),
            rule: denial.rule.code().to_owned(),
            why: denial.why.clone(),
        };
        Ok(match self.record(Act::Refused(refused))? {
            ActOutcome::Recorded { index } | ActOutcome::Proposed { index, .. } => DeniedRequest {
                denial,
                record: Some(index),
            },
            // A key that no longer counts may not even record a refusal: the ledger's own denial
            // comes first.
            ActOutcome::Denied(denied) => denied,
        })
    }

    fn record(&mut self, act: Act) -> Result<ActOutcome, LedgerClientError> {
        // One time for all acts of a client: the ledger refuses times that run backwards, and a clock may.
        let actor = &*self.actor;
        let signing_key = actor.signing_key.as_ref();
        let done = self.ledger.act(self.time, &actor.id, act, signing_key);
        if let Some(seen) = &self.seen {
            // The act stands all the same: it is in the ledger.
            let _best_effort = seen.keep(&self.ledger.known().mark());
        }
        match done {
            Ok(index) => Ok(ActOutcome::Recorded { index }),
            Err(LedgerError::Denied { denial, index }) => Ok(ActOutcome::Denied(DeniedRequest {
                denial: denial.into(),
                record: Some(index),
            })),
            Err(error) => Err(LedgerClientError::Append(error)),
        }
    }
}

//! Acting on the ledger: whose key signs, and what came of it.

use core::time::Duration;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use counterfoil_governance::act::{Act, Class, Refused};
use counterfoil_governance::id::Id;
use counterfoil_governance::ledger::{Ledger, LedgerError};
use counterfoil_governance::state::State;
use counterfoil_journal::public_key::PublicKey;
use counterfoil_journal::signer::{Ed25519Signer, Signer};
use counterfoil_os::clock::wait;
use counterfoil_runner::clock::now;
use counterfoil_runner::store::keys::PeopleKeys;
use counterfoil_trading::time::UnixNanos;

use super::refusal::Refusal;
use super::view;
use crate::output::{Misuse, note};
use crate::places::Places;

/// How often a ledger that another process writes is tried: an act takes milliseconds, but reads the
/// whole ledger first.
const TRIES_MAX: u32 = 100;
/// The time between two tries: five seconds in all.
const BETWEEN_TRIES: Duration = Duration::from_millis(50);

/// The ledger, opened to write by one who acts.
pub(crate) struct Desk {
    pub(crate) ledger: Ledger,
    pub(crate) actor: Id,
    pub(crate) hand: Box<dyn Signer + Send>,
    pub(crate) people: PeopleKeys,
    pub(crate) now: UnixNanos,
    /// The break-glass under which it is done alone.
    emergency: Option<u64>,
}

/// Who acts, as typed.
pub(crate) fn actor(places: &Places) -> Result<Id> {
    let name = places.actor.as_deref();
    let name = name
        .ok_or_else(|| Misuse::new("who acts? give --as NAME, or set COUNTERFOIL_AS".to_owned()))?;
    super::id("--as", name)
}

impl Desk {
    /// Opens the ledger for its one writer, in the name of who acts.
    pub(crate) fn open(places: &Places) -> Result<Self> {
        let actor = actor(places)?;
        let people = PeopleKeys::open(&places.keys, places.data.root())?;
        let (name, path) = view::find(places)?;
        // No new key is made beside a ledger: it would fit no checkpoint.
        let log = places.keys.signer()?;
        let ledger = open(&path, &name, &log)?;
        if ledger.cut_bytes() > 0 {
            note(&format!(
                "{} bytes that an act left unfinished were cut from the ledger: it never took effect",
                ledger.cut_bytes()
            ));
        }
        let now = now();
        let hand = hand(&people, ledger.state(), &actor, now)?;
        Ok(Self {
            ledger,
            actor,
            hand,
            people,
            now,
            emergency: places.emergency,
        })
    }

    pub(crate) const fn state(&self) -> &State {
        self.ledger.state()
    }

    /// Does the act, or proposes it where it takes more than one signature, or says which rule
    /// forbids it; each is a record by then.
    pub(crate) fn act(&mut self, act: Act) -> Result<Result<Done, Refusal>> {
        if let Some(opened) = self.emergency {
            let act = Box::new(act);
            return self.record(Act::Emergency { opened, act });
        }
        let Some(class) = self.signed_by_more(&act) else {
            return self.record(act);
        };
        let done = self.record(Act::ChangePropose { act: Box::new(act) })?;
        let proposed = |done: Done| Done {
            proposed: Some(class),
            ..done
        };
        Ok(done.map(proposed))
    }

    /// Records what the program itself refuses before it asks the ledger: no denial without a record.
    pub(crate) fn refuse(&mut self, refused: &Refused, way_on: &str) -> Result<Refusal> {
        let recorded = self.record(Act::Refused(refused.clone()))?;
        Ok(match recorded {
            Ok(done) => Refusal::of(refused, way_on, done.index),
            // Whoever may not even be refused, the ledger has an older objection to.
            Err(denied) => denied,
        })
    }

    fn record(&mut self, act: Act) -> Result<Result<Done, Refusal>> {
        let done = self
            .ledger
            .act(self.now, &self.actor, act, self.hand.as_ref());
        match done {
            Ok(index) => Ok(Ok(Done {
                index,
                proposed: None,
            })),
            Err(LedgerError::Denied { denial, index }) => {
                Ok(Err(Refusal::new(&denial, Some(index))))
            }
            Err(error) => Err(error).context("nothing was recorded"),
        }
    }

    /// The class of which more than one must sign such an act; none before the set-up has ended.
    fn signed_by_more(&self, act: &Act) -> Option<Class> {
        let state = self.state();
        let approval = matches!(act, Act::ComponentApprove { .. });
        let class = act
            .class()
            .filter(|_| !approval && state.setup_end().is_some())?;
        (state.class(class).approvals > 1).then_some(class)
    }
}

/// Opens the ledger to write; while another process does, it waits a moment for it to end.
fn open(path: &Path, name: &Id, log: &Ed25519Signer) -> Result<Ledger> {
    let mut tries: u32 = 1;
    loop {
        match Ledger::open(path, name, Box::new(log.clone())) {
            Ok(ledger) => return Ok(ledger),
            Err(error) if error.is_busy() && tries < TRIES_MAX => {
                tries = tries.saturating_add(1);
                wait(BETWEEN_TRIES);
            }
            Err(error) if error.is_busy() => bail!(
                "another process writes the ledger {}; try again",
                path.display()
            ),
            Err(error) => {
                let what = format!("the ledger {} cannot be written", path.display());
                return Err(error).context(what);
            }
        }
    }
}

/// What was recorded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Done {
    /// The record.
    pub(crate) index: u64,
    /// The class of which others must sign before it takes effect.
    pub(crate) proposed: Option<Class>,
}

/// The key that signs for `actor`: one that counts, the last that was added; without any the last
/// that once counted, and without that whichever lies there, so that the ledger can say no.
pub(crate) fn hand(
    people: &PeopleKeys,
    state: &State,
    actor: &Id,
    now: UnixNanos,
) -> Result<Box<dyn Signer + Send>> {
    let own = people
        .all()?
        .into_iter()
        .filter(|key| key.name == actor.as_str());
    let rank = |public: &[u8; 32]| {
        let known = state.keys().get(&PublicKey(*public));
        let known = known.filter(|key| key.owner == *actor);
        (
            known.is_some_and(|key| key.counts(now)),
            known.map(|key| key.added),
        )
    };
    let best = own.max_by_key(|key| rank(&key.public));
    let Some(best) = best else {
        bail!(
            "no key of {actor} in the key folder; make one with `counterfoil key new {actor}`, and \
             have an administrator add it"
        );
    };
    Ok(people.signer(&best.name, &best.public)?)
}

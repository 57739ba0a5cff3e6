//! Acting on the ledger: whose key signs, and what came of it.

use anyhow::{Context as _, Result, bail};
use counterfoil_governance::act::Act;
use counterfoil_governance::digest::PublicKey;
use counterfoil_governance::id::Id;
use counterfoil_governance::ledger::{Ledger, LedgerError};
use counterfoil_governance::state::State;
use counterfoil_journal::signer::Signer;
use counterfoil_runner::clock::now;
use counterfoil_runner::keys::PeopleKeys;
use counterfoil_trading::time::UnixNanos;

use super::refusal::Refusal;
use super::view;
use crate::output::note;
use crate::places::Places;

/// The ledger, opened to write by one who acts.
pub(crate) struct Desk {
    pub(crate) ledger: Ledger,
    pub(crate) actor: Id,
    pub(crate) hand: Box<dyn Signer + Send>,
    pub(crate) people: PeopleKeys,
    pub(crate) now: UnixNanos,
}

/// Who acts, as typed.
pub(crate) fn actor(places: &Places) -> Result<Id> {
    let name = places.actor.as_deref();
    let name = name.context("who acts? give --as NAME, or set COUNTERFOIL_AS")?;
    super::id("--as", name)
}

impl Desk {
    /// Opens the ledger for its one writer, in the name of who acts.
    pub(crate) fn open(places: &Places) -> Result<Self> {
        let actor = actor(places)?;
        let people = PeopleKeys::open(&places.keys, places.data.root())?;
        let (name, path) = view::find(places)?;
        // A missing key must be told as such: a new one would fit no checkpoint.
        places
            .keys
            .public_key()
            .context("the log's key is not there: give --key-dir")?;
        let log = Box::new(places.keys.signer()?);
        let ledger = Ledger::open(&path, &name, log)
            .with_context(|| format!("the ledger {} cannot be written", path.display()))?;
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
        })
    }

    pub(crate) const fn state(&self) -> &State {
        self.ledger.state()
    }

    /// Does the act, or says which rule forbids it; both are records by then.
    pub(crate) fn act(&mut self, act: Act) -> Result<Result<u64, Refusal>> {
        let done = self
            .ledger
            .act(self.now, &self.actor, act, self.hand.as_ref());
        match done {
            Ok(index) => Ok(Ok(index)),
            Err(LedgerError::Denied { denial, index }) => {
                Ok(Err(Refusal::new(&denial, Some(index))))
            }
            Err(error) => Err(error).context("nothing was recorded"),
        }
    }
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

//! A ledger with a principal for each role, in which a component walks to approved and starts are
//! authorized. It must never know what a test claims.

use std::path::PathBuf;

use counterfoil_approval::permit::terms_of;
use counterfoil_base::digest::Digest;
use counterfoil_base::gate::{Gate, GateOutcome};
use counterfoil_governance::act::{
    Act, DigestSet, GateVerdict, StartAuthorization, account_digest,
};
use counterfoil_governance::id::Id;
use counterfoil_governance::ledger::{self, Ledger, LedgerFounder};
use counterfoil_governance::role::Role;
use counterfoil_journal::public_key::PublicKey;
use counterfoil_journal::signer::{Ed25519Signer, Signer};
use counterfoil_runner::clock::now;
use counterfoil_trading::manifest::Manifest;
use counterfoil_trading::time::UnixNanos;

use crate::acts::{approval, digest, digest_set, evidence, id, principal, provenance, verdict};
use crate::world::{World, signer};

/// An hour, in nanoseconds.
const HOUR: i64 = 3_600_000_000_000;

/// Each principal with its role; its key's seed is its place, from 1.
const STAFF: [(&str, Option<Role>); 8] = [
    ("ada", Some(Role::Administrator)),
    ("bob", Some(Role::Author)),
    ("carol", Some(Role::Reviewer)),
    ("dan", Some(Role::Approver)),
    ("erin", Some(Role::Operator)),
    ("gus", Some(Role::Compliance)),
    ("amy", Some(Role::Administrator)),
    ("robot", None),
];

/// The ledger's place in a data directory.
#[derive(Clone, Debug)]
pub struct Desk {
    /// The file.
    pub path: PathBuf,
}

/// Signs for a principal of the desk; for a stranger, with a key that nobody knows.
pub fn hand(name: &str) -> Ed25519Signer {
    let place = STAFF.iter().position(|(staff_name, _)| *staff_name == name);
    let seed = place.map_or(0, |place| u8::try_from(place).unwrap() + 1);
    // Far from the seeds of the journals' keys.
    Ed25519Signer::from_seed(&[seed + 100; 32])
}

fn key(name: &str) -> PublicKey {
    PublicKey(hand(name).verifying_key())
}

impl Desk {
    /// A ledger in the world's directory in which this component is approved.
    pub fn with(world: &World, component: &Digest) -> Self {
        let folder = world.path().join("ledger");
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("test.ledger");
        let founder = LedgerFounder {
            administrator: id("ada"),
            log_holder: id("host"),
            time: now(),
        };
        drop(Ledger::begin(&path, &id("test"), signer(), founder, &hand("ada")).unwrap());
        let desk = Self { path };
        for (name, role) in STAFF.into_iter().skip(1) {
            desk.act("ada", principal(name, role.as_slice(), key(name)));
        }
        let bundle = digest("policy");
        desk.act("ada", Act::PolicySet { bundle });
        desk.act("ada", Act::SetupEnd {});
        desk.promote(*component);
        desk
    }

    /// The ledger, opened for its one writer.
    pub fn open(&self) -> Ledger {
        loop {
            match Ledger::open(&self.path, &id("test"), signer()) {
                // The runner writes its own acts at any time.
                Err(error) if error.is_busy() => std::thread::yield_now(),
                opened => return opened.unwrap(),
            }
        }
    }

    /// Does an act, and gives its entry.
    #[track_caller]
    pub fn act(&self, who: &str, act: Act) -> u64 {
        act_in(&mut self.open(), who, act)
    }

    fn passed(gate: Gate, subject: Digest, limits: Option<Digest>) -> Act {
        let verdict = verdict(gate, subject, GateOutcome::Pass);
        Act::Verdict(GateVerdict { limits, ..verdict })
    }

    /// Walks a component to approved.
    pub fn promote(&self, component: Digest) {
        let submit = Act::ComponentSubmit {
            component,
            strategy: id("cross"),
            provenance: provenance("counterfoil:strategy@0.1.0"),
        };
        self.act("bob", submit);
        let validate = Act::ComponentValidate {
            component,
            evidence: evidence(),
        };
        self.act("carol", validate);
        let set = digest_set(component, digest("limits"));
        Self::promote_in(&mut self.open(), set);
    }

    /// Brings a validated component into use under this set, if it is not yet.
    fn promote_in(ledger: &mut Ledger, set: DigestSet) {
        let found = ledger.state().registry().components().get(&set.component);
        let mut promoted = found
            .into_iter()
            .flat_map(|component| &component.promotions);
        if promoted.any(|promotion| promotion.set == set) {
            return;
        }
        let origin = ledger::origin(&id("test"));
        act_in(ledger, "dan", approval(&origin, set, &hand("dan")));
        let passed = Self::passed(Gate::Promotion, set.digest(), None);
        act_in(ledger, "carol", passed);
        act_in(ledger, "dan", Act::ComponentPromote { set });
    }

    /// Has an act of two done: proposed by erin, approved by dan and gus.
    pub fn change(&self, act: Act) {
        change_in(&mut self.open(), act);
    }

    /// Gives an account these limits.
    pub fn set_limits(&self, account: &Id, limits: Digest) {
        Self::set_limits_in(&mut self.open(), account, limits);
    }

    fn set_limits_in(ledger: &mut Ledger, account: &Id, limits: Digest) {
        let subject = account_digest(account);
        let passed = Self::passed(Gate::Limits, subject, Some(limits));
        let verdict = act_in(ledger, "robot", passed);
        let act = Act::LimitsSet {
            account: account.clone(),
            limits,
            verdict,
        };
        change_in(ledger, act);
    }

    /// Gives the manifest's account its limits, has the component approved under them, and
    /// authorizes the start, for an hour. The answer is the authorization's entry.
    pub fn authorize(&self, manifest: &Manifest) -> u64 {
        self.authorize_for(manifest, HOUR)
    }

    /// As [`Desk::authorize`], for so many nanoseconds from now on.
    pub fn authorize_for(&self, manifest: &Manifest, nanos: i64) -> u64 {
        Self::authorize_in(&mut self.open(), (manifest, nanos))
    }

    /// As [`Desk::authorize`], for many manifests.
    pub fn authorize_all(&self, manifests: &[Manifest]) -> Vec<u64> {
        let mut ledger = self.open();
        let each = manifests.iter();
        each.map(|manifest| Self::authorize_in(&mut ledger, (manifest, HOUR)))
            .collect()
    }

    fn authorize_in(ledger: &mut Ledger, (manifest, nanos): (&Manifest, i64)) -> u64 {
        let component = manifest.setup().unwrap().component;
        let set = digest_set(component, manifest.limits_digest().unwrap());
        Self::promote_in(ledger, set);
        let terms = terms_of(manifest, set).unwrap();
        if !ledger.state().limits().contains_key(&terms.account) {
            Self::set_limits_in(ledger, &terms.account, terms.limits);
        }
        let time = now();
        let asked = StartAuthorization {
            terms,
            not_before: time,
            not_after: UnixNanos(time.0 + nanos),
        };
        let subject = asked.digest();
        let authorized = act_in(ledger, "erin", Act::StartAuthorize(asked));
        act_in(ledger, "robot", Self::passed(Gate::Start, subject, None));
        authorized
    }
}

#[track_caller]
fn act_in(ledger: &mut Ledger, who: &str, act: Act) -> u64 {
    ledger.act(now(), &id(who), act, &hand(who)).unwrap()
}

fn change_in(ledger: &mut Ledger, act: Act) {
    let act = Box::new(act);
    let proposed = act_in(ledger, "erin", Act::ChangePropose { act });
    for name in ["dan", "gus"] {
        act_in(ledger, name, Act::ChangeApprove { proposed });
    }
}

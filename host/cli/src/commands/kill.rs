//! `kill`: stops a run, an account's runs or all of them, or lifts such a stop. Stopping must need
//! nothing but the folder: the ledger hears of it afterwards. Lifting needs the ledger first.

use anyhow::{Context as _, Result};
use counterfoil_base::digest::Digest;
use counterfoil_governance::act::{Act, Class, Refused, Scope};
use counterfoil_governance::id::Id;
use counterfoil_runner::orders::kill::{KillTarget, is_set, lift, set_switch};
use counterfoil_runner::store::data_dir::{DataDirError, Execution};
use counterfoil_trading::manifest::Manifest;
use serde_json::json;

use crate::args::Kill;
use crate::output::{Answer, note, say, say_json};
use crate::people::desk::Desk;
use crate::people::refusal::Refusal;
use crate::people::view;
use crate::people::{self, refusal};
use crate::places::Places;

/// What is recorded where nobody gave a reason; the ledger takes none that is empty.
const NO_REASON: &str = "no reason was given";

/// What is stopped.
struct Aim {
    target: KillTarget,
    /// The same in the ledger.
    scope: Scope,
    name: String,
}

pub(crate) fn run(places: &Places, args: &Kill) -> Result<Answer> {
    let aim = Aim::of(places, args)?;
    let reason = match args.reason.trim() {
        "" => NO_REASON,
        reason => reason,
    };
    if args.lift {
        return aim.lift(places, reason);
    }
    let set = set_switch(&places.data, &aim.target, &args.reason);
    let recorded = aim.record(places, reason);
    // Told last, so that the ledger hears of it even where no file can be made.
    set.with_context(|| format!("it is not certain that {} is stopped", aim.name))?;
    if !aim.is_known(places)? {
        note(&format!(
            "nothing is known of {}: no run, no limits; is that its name?",
            aim.name
        ));
    }
    let (record, why) = match recorded {
        Ok(record) => (Some(record), None),
        Err(why) => (None, Some(format!("{why:#}"))),
    };
    if places.json {
        say_json(&json!({
            "target": aim.name, "stopped": true, "changed": true, "record": record,
            "unrecorded": why,
        }));
        return Ok(Answer::Yes);
    }
    say(&format!(
        "{} is stopped: what runs ends before its next slice, and nothing starts; lift it with --lift",
        aim.name
    ));
    match (record, why) {
        (Some(record), _) => say(&format!("record {record}: who stopped it, and why")),
        (None, why) => note(&format!(
            "it stands in no record: {}",
            why.unwrap_or_default()
        )),
    }
    Ok(Answer::Yes)
}

impl Aim {
    fn of(places: &Places, args: &Kill) -> Result<Self> {
        if let Some(run) = &args.run {
            let execution = execution(places, run)?;
            let digest = people::digest(&execution.run).context("a run id is a digest")?;
            return Ok(Self {
                name: format!("run {}", execution.short()),
                target: KillTarget::Run(execution),
                scope: Scope::Run(digest),
            });
        }
        if let Some(account) = &args.account {
            let id = people::id("--account", account)?;
            return Ok(Self {
                name: format!("account {id}"),
                scope: Scope::Account(id.clone()),
                target: KillTarget::Account(id),
            });
        }
        Ok(Self {
            target: KillTarget::Installation,
            scope: Scope::Installation,
            name: "the installation".to_owned(),
        })
    }

    /// The record of the stop, in the name of who acts; or why there is none.
    fn record(&self, places: &Places, reason: &str) -> Result<u64> {
        let mut desk = Desk::open(places)?;
        let act = Act::Kill {
            scope: self.scope.clone(),
            reason: reason.to_owned(),
        };
        match desk.act(act)? {
            Ok(done) => Ok(done.index),
            Err(refusal) => Err(anyhow::Error::msg(refusal.line())),
        }
    }

    /// Whether anything of that name runs, ran or may run.
    fn is_known(&self, places: &Places) -> Result<bool> {
        let account = match &self.target {
            KillTarget::Installation => return Ok(true),
            KillTarget::Run(execution) => return Ok(execution.folder.exists()),
            KillTarget::Account(account) => account,
        };
        // What a broken ledger knows is not asked: this is a hint against slips of the pen.
        let limits = view::View::open(places).ok();
        if limits.is_some_and(|view| view.state().limits().contains_key(account)) {
            return Ok(true);
        }
        let is_its = |execution: &Execution| {
            let text = places.data.manifest_text(execution).ok()?;
            let name = Manifest::parse(&text).ok()?.account.name;
            (Id::parse(&name).ok()? == *account).then_some(())
        };
        Ok(places
            .data
            .executions()?
            .iter()
            .any(|one| is_its(one).is_some()))
    }

    /// Lifts the stop: in the ledger by whoever may, and only then the file.
    fn lift(&self, places: &Places, reason: &str) -> Result<Answer> {
        let was_set = is_set(&places.data, &self.target);
        if view::all(&view::folder(places))?.is_empty() {
            note(
                "there is no ledger here: whoever can write the folder lifts it, and it stands in no record",
            );
            return self.lifted(places, (was_set, None));
        }
        let mut desk = Desk::open(places)?;
        let kills = desk.state().kills().iter();
        let thrown = kills.filter(|(_, one)| one.lifted.is_none() && one.scope == self.scope);
        let thrown: Vec<u64> = thrown.map(|(index, _)| *index).collect();
        if thrown.is_empty() && was_set {
            if let Some(refusal) = self.not_theirs(&mut desk)? {
                return Ok(refusal.tell(places, &[]));
            }
            note("the ledger has no record of this stop, so there is none of its lifting");
        }
        let mut record = None;
        for killed in &thrown {
            let (killed, reason) = (*killed, reason.to_owned());
            let done = desk.act(Act::KillLift { killed, reason })?;
            match done {
                Ok(done) if done.proposed.is_none() => record = Some(done.index),
                // Denied, or others must sign first: the file stays.
                done => {
                    let what = format!("the stop of record {killed} is lifted");
                    let facts = json!({ "target": self.name, "stopped": true, "changed": false });
                    return Ok(refusal::tell(places, done, &what, facts));
                }
            }
        }
        self.lifted(places, (was_set || !thrown.is_empty(), record))
    }

    /// Why whoever acts may not lift a stop that the ledger does not know; it is a record.
    fn not_theirs(&self, desk: &mut Desk) -> Result<Option<Refusal>> {
        let (class, state) = (Class::Operations, desk.state());
        if !state.voices(class, &desk.actor, desk.now).is_empty() {
            return Ok(None);
        }
        let why = format!(
            "{} does not belong to the approval class {}",
            desk.actor,
            class.name()
        );
        let refused = Refused {
            act: "kill-lift".to_owned(),
            subject: self.name.clone(),
            rule: "role.missing".to_owned(),
            why,
        };
        let way =
            "have a member of the class operations lift it; counterfoil access-review names them";
        desk.refuse(&refused, way).map(Some)
    }

    /// Takes the file away, and tells whether anything was stopped.
    fn lifted(&self, places: &Places, (was_set, record): (bool, Option<u64>)) -> Result<Answer> {
        lift(&places.data, &self.target)?;
        if places.json {
            say_json(&json!({
                "target": self.name, "stopped": false, "changed": was_set, "record": record,
            }));
        } else if was_set {
            say(&format!("{} is no longer stopped", self.name));
            if let Some(record) = record {
                say(&format!("record {record}: who lifted it, and why"));
            }
        } else {
            say(&format!("{} was not stopped", self.name));
        }
        Ok(if was_set { Answer::Yes } else { Answer::No })
    }
}

/// The execution that was typed. One that is not here can be stopped by its whole id: it may come.
fn execution(places: &Places, name: &str) -> Result<Execution> {
    match places.data.find(name) {
        Ok(found) => Ok(found),
        Err(error @ DataDirError::NoRun { .. }) => {
            let Some(Digest(run)) = people::digest(name) else {
                return Err(error.into());
            };
            let run = hex::encode(run);
            let folder = places.data.root().join("runs").join(&run).join("1");
            Ok(Execution {
                run,
                number: 1,
                folder,
            })
        }
        Err(error) => Err(error.into()),
    }
}

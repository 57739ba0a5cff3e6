//! `kill`: stops a run, an account's runs or all of them, or lifts such a stop.

use anyhow::Result;
use counterfoil_governance::id::Id;
use counterfoil_runner::kill::{Target, kill, lift};
use serde_json::json;

use crate::args::Kill;
use crate::output::{Answer, say, say_json};
use crate::places::Places;

pub(crate) fn run(places: &Places, args: &Kill) -> Result<Answer> {
    let (target, name) = target(places, args)?;
    let was_set = if args.lift {
        lift(&places.data, &target)?
    } else {
        kill(&places.data, &target, &args.reason)?;
        true
    };
    if places.json {
        say_json(&json!({ "target": name, "stopped": !args.lift, "changed": was_set }));
    } else if !args.lift {
        say(&format!(
            "{name} is stopped: what runs ends before its next slice, and nothing starts; lift it with \
             --lift"
        ));
    } else if was_set {
        say(&format!("{name} is no longer stopped"));
    } else {
        say(&format!("{name} was not stopped"));
    }
    Ok(if was_set { Answer::Yes } else { Answer::No })
}

fn target(places: &Places, args: &Kill) -> Result<(Target, String)> {
    if let Some(run) = &args.run {
        let execution = places.data.find(run)?;
        let name = format!("run {}", execution.short());
        return Ok((Target::Run(execution), name));
    }
    if let Some(account) = &args.account {
        let id = Id::parse(account)?;
        let name = format!("account {id}");
        return Ok((Target::Account(id), name));
    }
    Ok((Target::Installation, "the installation".to_owned()))
}

//! `policy init|show|test|set`: a policy's folder.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use counterfoil_base::digest::Digest;
use counterfoil_governance::act::{Act, Refused};
use counterfoil_os::files::{make_folder, write_whole};
use counterfoil_policy::bundle::Bundle;
use counterfoil_policy::starter;
use counterfoil_policy::suite::TestSuite;
use counterfoil_runner::gates::Archive;
use serde_json::json;

use super::child::evaluator;
use crate::output::{Answer, pairs, say, say_json};
use crate::people::desk::Desk;
use crate::people::refusal::tell;
use crate::people::view::View;
use crate::places::Places;

pub(super) fn init(places: &Places, folder: &Path) -> Result<Answer> {
    if folder.exists() {
        bail!(
            "{} is there already; name a folder that is not",
            folder.display()
        );
    }
    make_folder(folder)?;
    for (name, text) in starter::FILES {
        write_whole(&folder.join(name), text.as_bytes())?;
    }
    let bundle = read(folder)?;
    if places.json {
        say_json(&json!({ "folder": folder, "digest": bundle.digest() }));
        return Ok(Answer::Yes);
    }
    let name = folder.display();
    say(&format!("wrote the starter policy {}", bundle.digest()));
    say("next: set its numbers to yours, and try it");
    say(&format!("  {name}/data.json"));
    say(&format!("  counterfoil policy test {name}"));
    say(&format!("  counterfoil policy set {name} --as YOU"));
    Ok(Answer::Yes)
}

pub(super) fn show(places: &Places, folder: Option<&Path>) -> Result<Answer> {
    let (place, bundle, since) = if let Some(folder) = folder {
        (folder.display().to_string(), read(folder)?, None)
    } else {
        let view = View::open(places)?;
        let bundle = super::in_force(places, view.state())??;
        let since = view.state().policies().last().map(|(_, deed)| deed.index);
        ("in force".to_owned(), bundle, since)
    };
    let files: Vec<(String, usize, Digest)> = bundle
        .files()
        .iter()
        .map(|(path, content)| (path.clone(), content.len(), Digest::of(content)))
        .collect();
    if places.json {
        let file = |(path, bytes, digest): &(String, usize, Digest)| json!({ "path": path, "bytes": bytes, "digest": digest.to_string() });
        say_json(&json!({
            "policy": place,
            "digest": bundle.digest(),
            "since-record": since,
            "files": files.iter().map(file).collect::<Vec<_>>(),
        }));
        return Ok(Answer::Yes);
    }
    let mut rows = vec![
        ("policy", place),
        ("digest", bundle.digest().to_string()),
        ("files", files.len().to_string()),
    ];
    if let Some(record) = since {
        rows.push(("since record", record.to_string()));
    }
    pairs(&rows);
    for (path, bytes, digest) in files {
        say(&format!("  {digest}  {bytes:>7}  {path}"));
    }
    Ok(Answer::Yes)
}

pub(super) fn test(places: &Places, folder: &Path) -> Result<Answer> {
    let suite = evaluator()?.test(&read(folder)?);
    if places.json {
        say_json(&serde_json::to_value(&suite)?);
    } else {
        told(&suite);
    }
    Ok(if suite.passes() {
        Answer::Yes
    } else {
        Answer::No
    })
}

fn told(suite: &TestSuite) {
    if let Some(reason) = &suite.refused {
        say(&format!("no test was run: {reason}"));
        return;
    }
    for case in &suite.cases {
        match &case.failure {
            None => say(&format!("pass  {}", case.rule)),
            Some(why) => say(&format!("FAIL  {}: {why}", case.rule)),
        }
    }
    for file in &suite.coverage {
        let lines: Vec<String> = file.not_covered.iter().map(ToString::to_string).collect();
        let missed = if lines.is_empty() {
            "every line was reached".to_owned()
        } else {
            format!("not reached: lines {}", lines.join(", "))
        };
        say(&format!("{}: {missed}", file.path));
    }
    let failed = suite.cases.iter().filter(|case| case.failure.is_some());
    let (failed, all) = (failed.count(), suite.cases.len());
    say(&format!("{all} tests, {failed} failed"));
}

/// Keeps the policy in the archive and puts it in force. Its own tests must pass: a policy that
/// contradicts them is a slip of somebody's hand.
pub(super) fn set(places: &Places, folder: &Path) -> Result<Answer> {
    let bundle = read(folder)?;
    let suite = evaluator()?.test(&bundle);
    if !suite.passes() {
        let failed = suite.cases.iter().filter(|case| case.failure.is_some());
        let mut reasons: Vec<String> = failed.map(|case| case.rule.clone()).collect();
        reasons.extend(suite.refused.iter().map(ToString::to_string));
        let refused = Refused {
            act: "policy-set".to_owned(),
            subject: bundle.digest().to_string(),
            rule: "policy.tests".to_owned(),
            why: "its own tests do not pass, or it has none".to_owned(),
        };
        let refusal = Desk::open(places)?.refuse(&refused, "see `counterfoil policy test`")?;
        return Ok(refusal.tell(places, &reasons));
    }
    let mut desk = Desk::open(places)?;
    let digest = Archive::new(&places.data).put(&bundle.encode())?;
    let done = desk.act(Act::PolicySet { bundle: digest })?;
    let what = format!("policy {digest} is in force");
    Ok(tell(
        places,
        done,
        &what,
        json!({ "policy": digest.to_string() }),
    ))
}

/// The policy in a folder.
pub(super) fn read(folder: &Path) -> Result<Bundle> {
    Bundle::read(folder).with_context(|| format!("the policy {}", folder.display()))
}

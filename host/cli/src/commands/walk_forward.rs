//! `walk-forward`: choose in one window, judge in the next.

use anyhow::{Context as _, Result, bail};
use counterfoil_runner::backtest::{selection_of, snapshot_store};
use counterfoil_runner::error::RunnerError;
use counterfoil_runner::files::{make_folder, write_whole};
use counterfoil_runner::sweep::{Done, Item, Split, Windows, over, splits, sweep_id};
use counterfoil_runner::times::parse_time;
use counterfoil_trading::manifest::{DataSource, Manifest};
use counterfoil_trading::record::CloseReason;
use counterfoil_trading::time::UnixNanos;
use counterfoil_trading::units::Money;
use serde_json::{Value, json};

use super::{backtest, sweep};
use crate::args::WalkForward;
use crate::output::{Answer, say, say_json, short, table};
use crate::places::Places;

/// One split with what was chosen and what became of it.
struct Walked {
    split: Split,
    values: Vec<String>,
    train: Money,
    test: Money,
    run: String,
}

pub(crate) fn run(places: &Places, args: &WalkForward) -> Result<Answer> {
    let base = backtest::manifest_of(places, &args.sweep.base)?;
    let (first, end) = range(places, &base)?;
    let windows = Windows {
        train_days: args.train,
        test_days: args.test,
        is_anchored: args.anchored,
    };
    let splits = splits(first, end, windows);
    if splits.is_empty() {
        bail!(
            "no split: the data is not longer than --train {} days, or a window has no days",
            args.train
        );
    }
    let (fields, _) = sweep::items_of(&base, &args.sweep)?;
    let mut trains = Vec::new();
    for split in &splits {
        trains.extend(sweep::items_of(&over(&base, &split.train), &args.sweep)?.1);
    }
    let done = sweep::execute(places, &args.sweep, &trains)?;
    let each = trains.len() / splits.len();
    let mut tests = Vec::new();
    let mut chosen = Vec::new();
    for (split, (items, done)) in splits
        .iter()
        .zip(trains.chunks(each).zip(done.chunks(each)))
    {
        let (item, profit) = best(items, done)?;
        tests.push(Item {
            values: item.values.clone(),
            manifest: over(&item.manifest, &split.test),
        });
        chosen.push(profit);
    }
    let judged = sweep::execute(places, &args.sweep, &tests)?;
    let mut walked = Vec::new();
    for (((split, item), train), done) in splits.into_iter().zip(&tests).zip(chosen).zip(judged) {
        let done = done?;
        walked.push(Walked {
            split,
            values: item.values.clone(),
            train,
            test: profit(item, &done)?,
            run: done.execution.run.clone(),
        });
    }
    trains.extend(tests);
    let id = hex::encode(sweep_id(&trains)?);
    let folder = places.data.root().join("sweeps").join(&id);
    make_folder(&folder)?;
    let whole = as_json(&id, &fields, &walked);
    let text = format!("{whole:#}\n");
    write_whole(&folder.join("walk-forward.json"), text.as_bytes())?;
    if places.json {
        say_json(&whole);
    } else {
        print(&fields, &walked);
        say(&format!("whole table: {}", folder.display()));
    }
    Ok(Answer::Yes)
}

/// The time that the manifest's bars cover.
fn range(places: &Places, base: &Manifest) -> Result<(UnixNanos, UnixNanos)> {
    let DataSource::Snapshot { id, from, to } = &base.data else {
        bail!("a walk forward needs a snapshot, not a feed");
    };
    selection_of(&places.data, base, &base.setup()?)?;
    let store = snapshot_store(&places.data)?;
    let snapshot = store.load(&store.resolve(id)?)?;
    let selected = |symbol: &str| base.instruments.iter().any(|one| one.symbol == symbol);
    let all = &snapshot.manifest().instruments;
    let all = || all.iter().filter(|one| selected(&one.symbol));
    let first = all().map(|one| one.first_open).min();
    let end = all().map(|one| one.last_close).max();
    let (first, end) = first.zip(end).context("the snapshot has no bars")?;
    let bound = |text: &Option<String>| text.as_deref().and_then(parse_time);
    Ok((
        bound(from).map_or(first, |from| from.max(first)),
        bound(to).map_or(end, |to| to.min(end)),
    ))
}

/// The item with the most profit; of equals the first. A run that ended by a fault is none.
fn best<'a>(items: &'a [Item], done: &[Result<Done, RunnerError>]) -> Result<(&'a Item, Money)> {
    let mut best: Option<(&Item, Money)> = None;
    for (item, done) in items.iter().zip(done) {
        let done = match done {
            Ok(done) => done,
            Err(error) => bail!("{}: {error}", item.values.join(" ")),
        };
        if done.close.reason == CloseReason::Fault {
            continue;
        }
        let profit = profit(item, done)?;
        if best.is_none_or(|(_, most)| profit.0 > most.0) {
            best = Some((item, profit));
        }
    }
    best.context("every run of a window ended by a fault")
}

fn profit(item: &Item, done: &Done) -> Result<Money> {
    let cash = item.manifest.setup()?.cash;
    Ok(Money(done.close.equity.0.saturating_sub(cash.0)))
}

fn total(walked: &[Walked]) -> Money {
    let sum = walked
        .iter()
        .fold(0_i128, |sum, one| sum.saturating_add(one.test.0));
    Money(sum)
}

fn as_json(id: &str, fields: &[String], walked: &[Walked]) -> Value {
    let splits = walked.iter().map(|one| {
        let values = fields.iter().zip(&one.values);
        let values: serde_json::Map<String, Value> = values
            .map(|(field, value)| (field.clone(), json!(value)))
            .collect();
        json!({
            "train": one.split.train,
            "test": one.split.test,
            "chosen": values,
            "train-profit": one.train.to_text(),
            "test-profit": one.test.to_text(),
            "test-run": one.run,
        })
    });
    json!({
        "sweep": format!("sha256:{id}"),
        "splits": splits.collect::<Vec<_>>(),
        "test-profit": total(walked).to_text(),
    })
}

fn print(fields: &[String], walked: &[Walked]) {
    let head = ["chosen in", "judged in"].map(str::to_owned).to_vec();
    let mut head: Vec<String> = head.into_iter().chain(fields.to_vec()).collect();
    head.extend(["profit there", "profit then", "run"].map(str::to_owned));
    let mut lines = vec![head];
    for one in walked {
        let mut line = vec![one.split.train.join(".."), one.split.test.join("..")];
        line.extend(one.values.clone());
        line.extend([one.train.to_text(), one.test.to_text(), short(&one.run)]);
        lines.push(line);
    }
    table(&lines);
    say("");
    say(&format!(
        "profit in windows that no choice was made in: {}, each begun with the starting cash",
        total(walked).to_text()
    ));
}

//! `walk-forward`: chooses parameters in-sample and tests them out-of-sample, window by window.

use anyhow::{Context as _, Result, bail};
use counterfoil_base::digest::Digest;
use counterfoil_report::{SweepRow, SweepTable};
use counterfoil_runner::run::execute::ExecuteError;
use counterfoil_runner::run::inputs::{selection_of, snapshot_store};
use counterfoil_runner::study::sweep::{
    SweepItem, SweepItemRun, WalkSplit, WalkWindows, walk_splits, with_window,
};
use counterfoil_runner::times::parse_time;
use counterfoil_trading::manifest::{DataSource, Manifest};
use counterfoil_trading::record::CloseReason;
use counterfoil_trading::time::UnixNanos;
use counterfoil_trading::units::Money;
use serde_json::{Map, Value, json};

use super::{backtest, sweep};
use crate::args::WalkForwardArgs;
use crate::cli_context::CliContext;
use crate::output::{CommandAnswer, counted, print_json, print_line, print_table, short_digest};

/// One split, the values chosen in-sample and their in-sample profit.
struct ChosenSplit {
    split: WalkSplit,
    values: Vec<String>,
    train_profit: Money,
    /// In-sample runs that a fault or a stop ended early: they were not compared.
    train_cut_short: usize,
}

/// The choice of one in-sample window.
struct ChosenItem<'a> {
    item: &'a SweepItem,
    profit: Money,
    cut_short: usize,
}

/// The table's columns beside the varied fields.
const WINDOWS: [&str; 4] = ["train-from", "train-to", "test-from", "test-to"];
const TRAIN_PROFIT: &str = "train-profit";

pub(crate) fn run(cli: &CliContext, args: &WalkForwardArgs) -> Result<CommandAnswer> {
    let base = backtest::manifest_of(cli, &args.sweep.base)?;
    let (first, end) = range(cli, &base)?;
    let windows = WalkWindows {
        train_days: args.train,
        test_days: args.test,
        is_anchored: args.anchored,
    };
    let splits = walk_splits(first, end, windows);
    if splits.is_empty() {
        bail!(
            "no split: the data is not longer than --train {} days, or a window is empty",
            args.train
        );
    }
    let (fields, _) = sweep::items_of(&base, &args.sweep)?;
    let mut trains = Vec::new();
    for split in &splits {
        trains.extend(sweep::items_of(&with_window(&base, &split.train), &args.sweep)?.1);
    }
    let (workers, backend) = (args.sweep.workers, args.sweep.base.backend.as_str());
    let done = sweep::execute(cli, workers, backend, &trains)?;
    // Every split has the same number of items, in the sequence of the splits.
    let each = trains.len() / splits.len();
    let mut tests = Vec::new();
    let mut chosen = Vec::new();
    for (split, (items, done)) in splits
        .iter()
        .zip(trains.chunks(each).zip(done.chunks(each)))
    {
        // The choice sees the in-sample window only. The manifest that is tested ends up with
        // another data range and nothing else, so no out-of-sample bar can influence it.
        let best = best(items, done)?;
        tests.push(SweepItem {
            values: best.item.values.clone(),
            manifest: with_window(&best.item.manifest, &split.test),
        });
        chosen.push((best.profit, best.cut_short));
    }
    let judged = sweep::execute(cli, workers, backend, &tests)?;
    let mut table = sweep::table_of(columns(&fields), &tests, &judged)?;
    // The total is over all windows. With a window missing it would flatter or punish the
    // strategy, so there is no total at all.
    if let Some(error) = judged.into_iter().find_map(Result::err) {
        return Err(error).context("an out-of-sample run failed");
    }
    let mut walked = Vec::new();
    for (((split, item), (train_profit, train_cut_short)), row) in splits
        .into_iter()
        .zip(&tests)
        .zip(chosen)
        .zip(&mut table.rows)
    {
        row.values = cells(&split, &item.values, train_profit);
        walked.push(ChosenSplit {
            split,
            values: item.values.clone(),
            train_profit,
            train_cut_short,
        });
    }
    trains.extend(tests);
    let (id, folder) = sweep::place_of(cli, &trains)?;
    let whole = as_json(&id, &fields, &walked, &table);
    sweep::write(&folder, &table, &whole)?;
    if cli.json {
        print_json(&whole);
    } else {
        print(&fields, &walked, &table);
        print_line(&format!("full table: {}", folder.display()));
    }
    let cut_short = train_cut_short(&walked).saturating_add(table.cut_short());
    Ok(CommandAnswer::yes_if(cut_short == 0))
}

/// The names of the table's own columns.
fn columns(fields: &[String]) -> Vec<String> {
    let windows = WINDOWS.into_iter().map(str::to_owned);
    let all = windows.chain(fields.iter().cloned());
    all.chain([TRAIN_PROFIT.to_owned()]).collect()
}

/// The cells of those columns.
fn cells(split: &WalkSplit, values: &[String], train: Money) -> Vec<String> {
    let windows = split.train.iter().chain(&split.test);
    let all = windows.chain(values).cloned();
    all.chain([train.to_text()]).collect()
}

/// The time that the manifest's bars cover.
fn range(cli: &CliContext, base: &Manifest) -> Result<(UnixNanos, UnixNanos)> {
    let DataSource::Snapshot { id, from, to } = &base.data else {
        bail!("the manifest is over a feed; walk-forward needs one over a snapshot");
    };
    selection_of(&cli.data, base, &base.setup()?)?;
    let store = snapshot_store(&cli.data)?;
    let snapshot = store.load(&store.resolve(id)?)?;
    let selected = |symbol: &str| base.instruments.iter().any(|entry| entry.symbol == symbol);
    let all = &snapshot.manifest().instruments;
    let all = || all.iter().filter(|entry| selected(&entry.symbol));
    let first = all().map(|entry| entry.first_open).min();
    let end = all().map(|entry| entry.last_close).max();
    let (first, end) = first.zip(end).context("the snapshot has no bars")?;
    let bound = |text: &Option<String>| text.as_deref().and_then(parse_time);
    Ok((
        bound(from).map_or(first, |from| from.max(first)),
        bound(to).map_or(end, |to| to.min(end)),
    ))
}

/// The item with the most profit, of equals the first. Runs that ended early do not count.
fn best<'a>(
    items: &'a [SweepItem],
    done: &[Result<SweepItemRun, ExecuteError>],
) -> Result<ChosenItem<'a>> {
    let mut best: Option<(&SweepItem, Money)> = None;
    let mut cut_short = 0_usize;
    for (item, done) in items.iter().zip(done) {
        let done = match done {
            Ok(done) => done,
            Err(error) => bail!("{}: {error}", item.values.join(" ")),
        };
        // A fault or a stop cuts a run short, and a short run can look profitable.
        if done.close.reason != CloseReason::EndOfData {
            cut_short = cut_short.saturating_add(1);
            continue;
        }
        let profit = profit(item, done)?;
        if best.is_none_or(|(_, most)| profit.0 > most.0) {
            best = Some((item, profit));
        }
    }
    let (item, profit) =
        best.context("every run of an in-sample window ended early, by a fault or a stop")?;
    Ok(ChosenItem {
        item,
        profit,
        cut_short,
    })
}

fn profit(item: &SweepItem, done: &SweepItemRun) -> Result<Money> {
    let cash = item.manifest.setup()?.cash;
    Ok(Money(done.close.equity.0.saturating_sub(cash.0)))
}

/// The sum of the out-of-sample profits; `None` where one is missing.
fn total(table: &SweepTable) -> Option<Money> {
    let mut profits = table.rows.iter().map(test_profit);
    // The total is over all windows: without the one whose run faulted it would be of another strategy.
    profits.try_fold(Money::ZERO, |sum, profit| sum.plus(profit?))
}

/// The profit of a window whose run went to its end.
fn test_profit(row: &SweepRow) -> Option<Money> {
    row.outcome.figures().map(|ended| ended.profit)
}

/// In-sample runs of all windows that were not compared.
fn train_cut_short(walked: &[ChosenSplit]) -> usize {
    walked.iter().map(|chosen| chosen.train_cut_short).sum()
}

fn as_json(id: &Digest, fields: &[String], walked: &[ChosenSplit], table: &SweepTable) -> Value {
    let rows = table.json();
    let rows = rows.as_array().cloned().unwrap_or_default();
    let splits = walked
        .iter()
        .zip(&table.rows)
        .zip(rows)
        .map(|((chosen, row), mut whole)| {
            let values: Map<String, Value> = fields
                .iter()
                .zip(&chosen.values)
                .map(|(field, value)| (field.clone(), json!(value)))
                .collect();
            let own = json!({
                "train": chosen.split.train,
                "test": chosen.split.test,
                "chosen": values,
                "train-profit": chosen.train_profit.to_text(),
                "train-runs-that-ended-early": chosen.train_cut_short,
                "test-profit": test_profit(row).map(Money::to_text),
                "test-run": row.run,
            });
            if let (Some(whole), Value::Object(own)) = (whole.as_object_mut(), own) {
                whole.remove("values");
                whole.extend(own);
            }
            whole
        });
    json!({
        "sweep": id,
        "splits": splits.collect::<Vec<_>>(),
        "test-profit": total(table).map(Money::to_text),
        "train-runs-that-ended-early": train_cut_short(walked),
        "test-runs-that-ended-early": table.cut_short(),
    })
}

fn print(fields: &[String], walked: &[ChosenSplit], whole: &SweepTable) {
    let head = ["in-sample", "out-of-sample"].map(str::to_owned).to_vec();
    let mut head: Vec<String> = head.into_iter().chain(fields.to_vec()).collect();
    head.extend(["profit in", "profit out", "sharpe out", "run", "cause"].map(str::to_owned));
    let mut lines = vec![head];
    for (chosen, row) in walked.iter().zip(&whole.rows) {
        let mut line = vec![chosen.split.train.join(".."), chosen.split.test.join("..")];
        line.extend(chosen.values.clone());
        let sharpe = row.outcome.figures();
        let sharpe = sharpe.and_then(|ended| ended.statistic("sharpe"));
        line.extend([
            chosen.train_profit.to_text(),
            test_profit(row).map(Money::to_text).unwrap_or_default(),
            sharpe.map_or(String::new(), |value| format!("{value:.2}")),
            short_digest(&row.run),
            row.outcome.cause().unwrap_or_default().to_owned(),
        ]);
        lines.push(line);
    }
    print_table(&lines);
    print_line("");
    print_line(&match total(whole) {
        Some(total) => format!(
            "out-of-sample profit: {}, each window starting with the full cash",
            total.to_text()
        ),
        None => format!(
            "no out-of-sample profit over all windows: {} of {} ended early, by a fault or a stop",
            whole.cut_short(),
            counted(whole.rows.len(), "run")
        ),
    });
    let cut_short = train_cut_short(walked);
    if cut_short > 0 {
        print_line(&format!(
            "{} ended early, by a fault or a stop, and not compared",
            counted(cut_short, "in-sample run")
        ));
    }
}

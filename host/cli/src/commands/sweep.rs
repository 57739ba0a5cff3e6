//! `sweep`: runs one manifest with many values of its fields.

use std::thread::available_parallelism;

use anyhow::{Context as _, Result, bail};
use counterfoil_base::digest::Digest;
use counterfoil_journal::salt::LogSigner;
use counterfoil_os::file_path::FilePath;
use counterfoil_os::files::{make_folder, read_whole, write_whole};
use counterfoil_report::{RowOutcome, SweepRow, SweepTable};
use counterfoil_runner::run::execute::ExecuteError;
use counterfoil_runner::store::data_dir::Execution;
use counterfoil_runner::study::sweep::{
    SweepAxis, SweepConfig, SweepItem, SweepItemRun, items_from_grid, items_from_rows, sweep,
    sweep_id,
};
use counterfoil_trading::manifest::Manifest;
use counterfoil_trading::record::CloseRecord;
use serde_json::{Value, json};

use super::backtest;
use crate::args::SweepArgs;
use crate::cli_context::CliContext;
use crate::output::{CommandAnswer, counted, print_json, print_line, print_table, short_digest};
use crate::progress::bar;
use crate::run_facts;

pub(crate) fn run(cli: &CliContext, args: &SweepArgs) -> Result<CommandAnswer> {
    let made = make(cli, args)?;
    if cli.json {
        print_json(&made.json());
    } else {
        made.print(args.top);
    }
    match made.failure {
        // As for one run: a strategy that crashed on some of the values must not look well to a script.
        None => Ok(CommandAnswer::yes_if(made.table.cut_short() == 0)),
        Some(error) => {
            let (failed, all) = (made.table.failed(), made.table.rows.len());
            Err(error).with_context(|| format!("{failed} of {all} runs failed, the first with"))
        }
    }
}

/// A finished sweep, with its table written.
pub(super) struct EndedSweep {
    id: Digest,
    folder: FilePath,
    table: SweepTable,
    reused: usize,
    failure: Option<ExecuteError>,
}

/// Runs a sweep and writes its table.
pub(super) fn make(cli: &CliContext, args: &SweepArgs) -> Result<EndedSweep> {
    let base = backtest::manifest_of(cli, &args.base)?;
    let (fields, items) = items_of(&base, args)?;
    // The sweep is named by its items before any of them runs. Interrupted and started again, it
    // finds its own runs and writes the same table.
    let (id, folder) = place_of(cli, &items)?;
    let done = execute(cli, args.workers, &args.base.backend, &items)?;
    let table = table_of(fields, &items, &done)?;
    let found = |outcome: &&Result<SweepItemRun, ExecuteError>| {
        outcome.as_ref().is_ok_and(|done| done.is_reused)
    };
    let made = EndedSweep {
        id,
        folder,
        table,
        reused: done.iter().filter(found).count(),
        failure: done.into_iter().find_map(Result::err),
    };
    write(&made.folder, &made.table, &made.json())?;
    Ok(made)
}

/// The table of items and their outcomes.
pub(super) fn table_of(
    fields: Vec<String>,
    items: &[SweepItem],
    done: &[Result<SweepItemRun, ExecuteError>],
) -> Result<SweepTable> {
    let rows = items
        .iter()
        .zip(done)
        .map(|(item, done)| table_row(item, done));
    Ok(SweepTable {
        fields,
        rows: rows.collect::<Result<_>>()?,
    })
}

/// Writes a table in each of its forms.
pub(super) fn write(folder: &FilePath, table: &SweepTable, json: &Value) -> Result<()> {
    make_folder(folder)?;
    // Each file replaces an older one whole. A crash between them leaves files of one sweep all the
    // same: its rows depend on nothing else.
    write_whole(&folder.join("table.csv"), table.csv().as_bytes())?;
    write_whole(&folder.join("table.arrow"), &table.arrow()?)?;
    write_whole(&folder.join("table.json"), format!("{json:#}\n").as_bytes())?;
    Ok(())
}

/// The id of the sweep of these items, and the directory of its table.
pub(super) fn place_of(cli: &CliContext, items: &[SweepItem]) -> Result<(Digest, FilePath)> {
    let id = sweep_id(items)?;
    let folder = cli.data.root().join("sweeps").join(id.hex());
    Ok((id, folder))
}

impl EndedSweep {
    pub(super) fn json(&self) -> Value {
        json!({ "sweep": self.id, "rows": self.table.json() })
    }

    /// Prints the best first, and runs that ended with a fault or an error last.
    pub(super) fn print(&self, top: usize) {
        let mut rows: Vec<&SweepRow> = self.table.rows.iter().collect();
        let profit = |row: &SweepRow| row.outcome.figures().map(|ended| ended.profit.0);
        // Runs without figures sort last: a fault after a lucky start is not a good result.
        rows.sort_by_key(|row| core::cmp::Reverse(profit(row)));
        let shown = [
            "run", "ended", "trades", "profit", "annual", "sharpe", "drawdown", "cause",
        ];
        let head = self.table.fields.iter().cloned();
        let mut lines = vec![head.chain(shown.map(str::to_owned)).collect::<Vec<_>>()];
        lines.extend(rows.into_iter().take(top).map(table_line));
        print_table(&lines);
        print_line("");
        print_line(&format!(
            "sweep {}: {}, {} of them reused; {}",
            short_digest(&self.id.hex()),
            counted(self.table.rows.len(), "run"),
            self.reused,
            without_figures(&self.table),
        ));
        print_line(&format!("full table: {}", self.folder.display()));
    }
}

/// How many runs of a table ended early or failed, and have no figures.
pub(super) fn without_figures(table: &SweepTable) -> String {
    let (cut, failed) = (table.cut_short(), table.failed());
    if cut.saturating_add(failed) == 0 {
        return "all reached the end of their data".to_owned();
    }
    format!("{cut} ended early by a fault or a stop and {failed} failed; these have no figures")
}

fn table_line(row: &SweepRow) -> Vec<String> {
    let mut line = row.values.clone();
    line.extend([short_digest(&row.run), row.ended().to_owned()]);
    // A failed run keeps its row, with the values that failed: a missing row would look like a
    // combination that was never tried.
    let Some(ended) = row.outcome.figures() else {
        // Five empty cells, so that the cause is in its own column.
        line.extend([const { String::new() }; 5]);
        line.extend(row.outcome.cause().map(str::to_owned));
        return line;
    };
    let [_, annual, _, sharpe, _, _, drawdown, _, _, trades, ..] = ended.statistics;
    let percent = |value: Option<f64>| value.map(|value| format!("{:.2} %", value * 100.0));
    let cells = [
        trades.map(|count| format!("{count:.0}")),
        Some(ended.profit.to_text()),
        percent(annual),
        sharpe.map(|value| format!("{value:.2}")),
        percent(drawdown),
    ];
    line.extend(cells.map(Option::unwrap_or_default));
    line
}

/// Runs all items on this many workers, or one per core.
pub(super) fn execute(
    cli: &CliContext,
    workers: Option<usize>,
    backend: &str,
    items: &[SweepItem],
) -> Result<Vec<Result<SweepItemRun, ExecuteError>>> {
    let cores = available_parallelism().map_or(1, usize::from);
    let workers = workers.unwrap_or(cores).max(1);
    // Each worker signs its own journals with the same key; a signer is cloned, never shared, so
    // that no worker waits for another's signature.
    let key = cli.keys.signer()?;
    let signer = || -> Box<dyn LogSigner + Send> { Box::new(key.clone()) };
    let bench = SweepConfig {
        data: &cli.data,
        engine: cli.engine(backend)?,
        signer: &signer,
    };
    let bar = bar("sweeping", u64::try_from(items.len())?);
    let done = sweep(&bench, items, workers, &mut |count| {
        bar.set_position(u64::try_from(count).unwrap_or(u64::MAX));
    });
    bar.finish_and_clear();
    Ok(done?)
}

/// The fields that are varied, and an item for each combination.
pub(super) fn items_of(base: &Manifest, args: &SweepArgs) -> Result<(Vec<String>, Vec<SweepItem>)> {
    let Some(path) = &args.list else {
        let axes = args
            .vary
            .iter()
            .map(|text| text.parse())
            .collect::<Result<Vec<SweepAxis>, _>>()
            .context("--vary")?;
        let fields = axes.iter().map(|axis| axis.field.clone()).collect();
        return Ok((fields, items_from_grid(base, &axes)?));
    };
    let text =
        String::from_utf8(read_whole(path)?).with_context(|| format!("{}", path.display()))?;
    let mut rows = text.lines().filter(|line| !line.trim().is_empty());
    let mut next = || rows.next().map(cells);
    let Some(fields) = next() else {
        bail!("{} has no header with the names of fields", path.display());
    };
    let rows: Vec<Vec<String>> = core::iter::from_fn(next).collect();
    let items = items_from_rows(base, &fields, rows);
    Ok((
        fields,
        items.with_context(|| format!("{}", path.display()))?,
    ))
}

/// The cells of a line. Names and values of fields hold no commas and no quotes.
fn cells(line: &str) -> Vec<String> {
    line.split(',').map(|cell| cell.trim().to_owned()).collect()
}

pub(super) fn table_row(
    item: &SweepItem,
    done: &Result<SweepItemRun, ExecuteError>,
) -> Result<SweepRow> {
    let outcome = match done {
        Err(error) => RowOutcome::Failed(error.to_string()),
        Ok(done) => outcome_of(&done.execution, done.close.clone())?,
    };
    Ok(SweepRow {
        values: item.values.clone(),
        run: item.manifest.run_id()?.hex(),
        outcome,
    })
}

/// The outcome of a run that verified and ended with `close`.
pub(super) fn outcome_of(execution: &Execution, close: CloseRecord) -> Result<RowOutcome> {
    let (facts, figures) = run_facts::figures(execution)?;
    RowOutcome::of_run(close, &facts, &figures).context("an amount of the run does not fit")
}

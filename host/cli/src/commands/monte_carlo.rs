//! `monte-carlo`: resamples a run's trades; its bars are resampled in `samples.rs`.

use anyhow::{Context as _, Result, bail};
use counterfoil_report::{PERCENTILES, SAMPLES_MAX, TradeDraw, TradeSimulation};
use counterfoil_trading::units::Money;
use serde_json::{Map, Value, json};

use super::{samples, verify};
use crate::args::MonteCarloArgs;
use crate::cli_context::CliContext;
use crate::output::{CommandAnswer, counted, print_json, print_line, print_table};
use crate::run_facts;

/// The default number of samples of trades.
const SAMPLES: u32 = 10_000;

pub(crate) fn run(cli: &CliContext, args: &MonteCarloArgs) -> Result<CommandAnswer> {
    let execution = cli.data.find(&args.run)?;
    let key = verify::public_key(cli, None)?;
    // Percentiles of an altered journal would look as trustworthy as any others, so it is verified
    // first.
    let verified = verify::verify(&execution.journal(), &key, None)?;
    if !verified.is_good() {
        bail!(
            "the journal of {} does not verify; `counterfoil verify {}` shows why",
            execution.short(),
            execution.short()
        );
    }
    if args.bars {
        return samples::run(cli, args, &execution, verified.closed);
    }
    let samples = args.samples.unwrap_or(SAMPLES);
    // The bound keeps memory small: every sample's path is held until the percentiles are known.
    if samples == 0 || samples > SAMPLES_MAX {
        bail!("--samples {samples}: expected 1 to {SAMPLES_MAX}");
    }
    let (facts, _) = run_facts::figures(&execution)?;
    if let Some(cause) = facts.early_end() {
        return Err(samples::ended_early(&execution, &cause));
    }
    let draw = if args.shuffle {
        TradeDraw::Shuffle
    } else {
        TradeDraw::Bootstrap
    };
    let drawn = TradeSimulation::from_facts(&facts, draw, samples, args.seed)
        .context("the run has no closed trades to resample")?;
    if cli.json {
        print_json(&as_json(&drawn, args));
    } else {
        print(&drawn, args);
    }
    Ok(CommandAnswer::Yes)
}

fn as_json(drawn: &TradeSimulation, args: &MonteCarloArgs) -> Value {
    let named = |values: [Money; PERCENTILES.len()]| {
        let names = PERCENTILES.map(|percent| format!("p{percent}"));
        let pairs = names
            .into_iter()
            .zip(values.map(|amount| json!(amount.to_text())));
        pairs.collect::<Map<String, Value>>()
    };
    json!({
        "draw": if args.shuffle { "shuffle" } else { "bootstrap" },
        "seed": args.seed,
        "samples": drawn.samples.len(),
        "trades": drawn.trades,
        "actual": {
            "profit": drawn.actual.profit.to_text(),
            "drawdown": drawn.actual.drawdown.to_text(),
        },
        "profit": named(drawn.profits()),
        "drawdown": named(drawn.drawdowns()),
        "samples-that-lost": drawn.losses(),
    })
}

fn print(drawn: &TradeSimulation, args: &MonteCarloArgs) {
    let how = if args.shuffle {
        "permuted"
    } else {
        "drawn with replacement"
    };
    print_line(&format!(
        "{} {how}, {}, seed {}",
        counted(drawn.trades, "closed trade"),
        counted(drawn.samples.len(), "sample"),
        args.seed
    ));
    let mut rows = vec![
        ["percentile", "profit", "max drawdown"]
            .map(String::from)
            .to_vec(),
    ];
    let values = drawn.profits().into_iter().zip(drawn.drawdowns());
    for (percent, (profit, drawdown)) in PERCENTILES.into_iter().zip(values) {
        rows.push(vec![
            percent.to_string(),
            profit.to_text(),
            drawdown.to_text(),
        ]);
    }
    rows.push(vec![
        "actual".to_owned(),
        drawn.actual.profit.to_text(),
        drawn.actual.drawdown.to_text(),
    ]);
    print_table(&rows);
    print_line(&format!(
        "{} of {} lost money",
        drawn.losses(),
        counted(drawn.samples.len(), "sample")
    ));
}

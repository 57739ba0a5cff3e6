//! `monte-carlo`: a run's trades, drawn again; its bars are in `samples.rs`.

use anyhow::{Context as _, Result, bail};
use counterfoil_report::{PERCENTILES, SAMPLES_MAX, TradeDraw, TradeSimulation};
use counterfoil_trading::units::Money;
use serde_json::{Map, Value, json};

use super::{report, samples, verify};
use crate::args::MonteCarlo as Args;
use crate::output::{Answer, say, say_json, table};
use crate::places::Places;

/// Samples of trades that are drawn if no number is asked for.
const SAMPLES: u32 = 10_000;

pub(crate) fn run(places: &Places, args: &Args) -> Result<Answer> {
    let execution = places.data.find(&args.run)?;
    let key = verify::public_key(places, None)?;
    let verified = verify::verify(&execution.journal(), &key)?;
    if !verified.is_good() {
        bail!(
            "the journal of {} does not verify: see `counterfoil verify {}`",
            execution.short(),
            execution.short()
        );
    }
    if args.bars {
        return samples::run(places, args, &execution, verified.closed);
    }
    let samples = args.samples.unwrap_or(SAMPLES);
    if samples == 0 || samples > SAMPLES_MAX {
        bail!("--samples {samples}: from 1 to {SAMPLES_MAX}");
    }
    let (facts, _) = report::figures(&execution)?;
    let draw = if args.shuffle {
        TradeDraw::Shuffle
    } else {
        TradeDraw::Bootstrap
    };
    let drawn = TradeSimulation::from_facts(&facts, draw, samples, args.seed)
        .context("the run has no closed trades to draw from")?;
    if places.json {
        say_json(&as_json(&drawn, args));
    } else {
        print(&drawn, args);
    }
    Ok(Answer::Yes)
}

fn as_json(drawn: &TradeSimulation, args: &Args) -> Value {
    let named = |values: [Money; PERCENTILES.len()]| {
        let names = PERCENTILES.map(|percent| format!("p{percent}"));
        let pairs = names
            .into_iter()
            .zip(values.map(|one| json!(one.to_text())));
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

fn print(drawn: &TradeSimulation, args: &Args) {
    let how = if args.shuffle {
        "in another sequence"
    } else {
        "drawn with replacement"
    };
    say(&format!(
        "{} closed trades {how}, {} samples, seed {}",
        drawn.trades,
        drawn.samples.len(),
        args.seed
    ));
    let mut rows = vec![
        ["percentile", "profit", "deepest fall"]
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
        "as made".to_owned(),
        drawn.actual.profit.to_text(),
        drawn.actual.drawdown.to_text(),
    ]);
    table(&rows);
    say(&format!(
        "{} of {} samples lost money",
        drawn.losses(),
        drawn.samples.len()
    ));
}

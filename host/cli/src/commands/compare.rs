//! `run compare`: prints the differences of two runs.

use anyhow::Result;
use counterfoil_runner::study::compare::{DifferingBar, ProfitBreakdown, RunComparison, compare};
use counterfoil_trading::instrument::Instrument;
use counterfoil_trading::manifest::Manifest;
use counterfoil_trading::record::RunRecord;
use counterfoil_trading::units::Money;
use counterfoil_verify::describe::RecordDescriber;
use serde_json::{Value, json};

use crate::args::CompareArgs;
use crate::cli_context::CliContext;
use crate::output::{CommandAnswer, print_json, print_line, print_table};

pub(crate) fn run(cli: &CliContext, args: &CompareArgs) -> Result<CommandAnswer> {
    let first = cli.data.find(&args.first)?;
    let second = cli.data.find(&args.second)?;
    let found = compare(&cli.data, [&first, &second])?;
    // Each side is described with its own instruments: scales may differ, and a price printed at
    // the other run's scale would be wrong by a power of ten.
    let mut instruments = [Vec::new(), Vec::new()];
    for (execution, out) in [&first, &second].into_iter().zip(&mut instruments) {
        let manifest = Manifest::parse(&cli.data.manifest_text(execution)?)?;
        *out = manifest.setup()?.instruments;
    }
    if cli.json {
        print_json(&as_json(&found, &instruments));
    } else {
        print(&found, &instruments, [&first.short(), &second.short()]);
    }
    // Manifests may differ in ways that change no decision, such as the owner. Only decisions and
    // accounts decide the answer.
    let same = found.decision.is_none() && found.account.is_none();
    Ok(CommandAnswer::yes_if(same))
}

/// Each run's decision at a site, as text.
fn sides(site: &DifferingBar, instruments: &[Vec<Instrument>; 2]) -> [Option<String>; 2] {
    [0, 1].map(|side: usize| {
        let (_, decision) = site.decisions.get(side)?.as_ref()?;
        let describe = RecordDescriber::new(instruments.get(side)?);
        Some(describe.record(&RunRecord::Decision((**decision).clone())))
    })
}

fn as_json(found: &RunComparison, instruments: &[Vec<Instrument>; 2]) -> Value {
    let site = |site: &Option<DifferingBar>| {
        site.as_ref().map(|site| {
            let entry = |side: usize| site.decisions.get(side)?.as_ref().map(|(index, _)| *index);
            let [first, second] = sides(site, instruments);
            json!({
                "differs-in": site.aspect.name(),
                "close-time": site.close_time.date_or_time(),
                "instrument": site.symbol,
                "first": { "entry": entry(0), "decision": first },
                "second": { "entry": entry(1), "decision": second },
            })
        })
    };
    let profit = |breakdown: &ProfitBreakdown| {
        json!({
            "total": breakdown.total.to_text(),
            "price": breakdown.price.to_text(),
            "fees": breakdown.fees.to_text(),
            "slippage": breakdown.slippage.to_text(),
            "borrow": breakdown.borrow.to_text(),
            "dividends": breakdown.dividends.to_text(),
        })
    };
    json!({
        "manifest": found.fields.iter().map(|field| json!({
            "field": field.field, "first": field.values[0], "second": field.values[1],
        })).collect::<Vec<_>>(),
        "decisions": found.decisions,
        "first-differing-decision": site(&found.decision),
        "first-differing-account": site(&found.account),
        "profit": found.profit.as_ref().map(|both| json!({
            "first": profit(&both[0]), "second": profit(&both[1]),
        })),
    })
}

fn print(found: &RunComparison, instruments: &[Vec<Instrument>; 2], names: [&str; 2]) {
    if found.fields.is_empty() {
        print_line("manifests: identical");
    } else {
        let mut rows = vec![["manifest", names[0], names[1]].map(String::from).to_vec()];
        for field in &found.fields {
            let [first, second] = field.values.clone().map(Option::unwrap_or_default);
            rows.push(vec![field.field.clone(), first, second]);
        }
        print_table(&rows);
    }
    print_line("");
    for (what, site) in [("decision", &found.decision), ("account", &found.account)] {
        let Some(site) = site else {
            print_line(&format!("first different {what}: none"));
            continue;
        };
        print_line(&format!(
            "first different {what}: {}, on the bar of {} closing at {}",
            site.aspect.name(),
            site.symbol,
            site.close_time.date_or_time()
        ));
        for (name, side) in names.iter().zip(sides(site, instruments)) {
            print_line(&format!(
                "  {name}: {}",
                side.unwrap_or_else(|| "no such bar".to_owned())
            ));
        }
    }
    print_line("");
    // An open journal has no final equity. A profit up to its last bar would look like that of the
    // whole run.
    let Some([first, second]) = &found.profit else {
        print_line("profit: unknown, because a journal is not closed");
        return;
    };
    let mut rows = vec![
        ["profit", names[0], names[1], "difference"]
            .map(String::from)
            .to_vec(),
    ];
    let lines: [(&str, Money, Money); 6] = [
        ("from prices", first.price, second.price),
        ("dividends", first.dividends, second.dividends),
        ("fees", less(first.fees), less(second.fees)),
        ("slippage", less(first.slippage), less(second.slippage)),
        ("borrow", less(first.borrow), less(second.borrow)),
        ("total", first.total, second.total),
    ];
    for (name, first_value, other) in lines {
        let difference = Money(other.0.saturating_sub(first_value.0));
        rows.push(vec![
            name.to_owned(),
            first_value.to_text(),
            other.to_text(),
            difference.to_text(),
        ]);
    }
    print_table(&rows);
}

/// A cost's contribution to the profit.
fn less(cost: Money) -> Money {
    Money(cost.0.saturating_neg())
}

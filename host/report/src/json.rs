//! `report.json`: every fact and figure. Money and prices are exact decimal texts, statistics are
//! numbers, and what is not defined is null. It must never round.

use counterfoil_trading::time::UnixNanos;
use counterfoil_trading::units::Money;
use serde_json::{Map, Value, json};

use crate::drawdown::Fall;
use crate::facts::Facts;
use crate::figures::Figures;
use crate::report::{Render, RenderError};

/// The format of the file.
const FORMAT: &str = "counterfoil-report/1";

pub(crate) fn report(render: &Render<'_>) -> Result<Vec<u8>, RenderError> {
    let mut bytes = serde_json::to_vec_pretty(&value(render)?)?;
    bytes.push(b'\n');
    Ok(bytes)
}

pub(crate) fn value(render: &Render<'_>) -> Result<Value, RenderError> {
    let (subject, facts, figures) = (render.subject, render.facts, render.figures);
    let data = subject.data.as_ref().map(|data| {
        let finding = |one: &crate::DataFinding| {
            json!({ "code": one.code, "count": one.count, "message": one.message })
        };
        data.iter().map(finding).collect::<Vec<Value>>()
    });
    Ok(json!({
        "format": FORMAT,
        "run-id": format!("sha256:{}", subject.run),
        "execution": subject.execution,
        "component": render.manifest.component,
        "decision-digest": subject.decision_digest.as_ref().map(|hex| format!("sha256:{hex}")),
        "host": facts.host,
        "manifest": serde_json::to_value(render.manifest)?,
        "verification": { "good": subject.verdict.good, "text": subject.verdict.text },
        "data-findings": data,
        "ended": facts.ending.name(),
        "fault": fault(facts),
        "bars": facts.decisions(),
        "slices": facts.slices.len(),
        "first-close": facts.ends().map(|ends| ends.0.rfc3339()),
        "last-close": facts.ends().map(|ends| ends.1.rfc3339()),
        "account": {
            "currency": render.manifest.account.currency,
            "starting-cash": facts.starting_cash.to_text(),
            "final-cash": facts.final_cash().to_text(),
            "final-equity": facts.final_equity().to_text(),
        },
        "costs": {
            "fees": facts.costs.fees.to_text(),
            "slippage": facts.costs.slippage.to_text(),
            "borrow": facts.costs.borrow.to_text(),
        },
        "dividends": facts.costs.dividends.to_text(),
        "orders": orders(facts),
        "refused-inputs": facts.refused_inputs,
        "statistics": statistics(figures),
        "trades": trades(facts, figures),
        "months": months(figures),
        "years": years(figures),
        "instruments": instruments(facts),
        "fuel-per-bar": figures.fuel.map(|fuel| json!({
            "median": fuel.median, "p99": fuel.p99, "max": fuel.most,
        })),
    }))
}

fn fault(facts: &Facts) -> Value {
    let fault = facts.fault.as_ref().map(|fault| {
        json!({
            "name": fault.name,
            "callback": fault.callback,
            "time": fault.time.date_or_time(),
            "message": fault.message,
            "trace": fault.trace,
        })
    });
    json!(fault)
}

fn orders(facts: &Facts) -> Value {
    let orders = &facts.orders;
    let event = |((status, code), count): (&(&str, &str), &u64)| json!({ "status": status, "code": code, "count": count });
    json!({
        "approved": orders.approved,
        "refused": orders.refused.values().sum::<u64>(),
        "refused-by-code": orders.refused,
        "events": orders.events.iter().map(event).collect::<Vec<Value>>(),
        "margin-calls": orders.margin_calls,
        "fills": orders.fills,
        "fills-clamped": orders.clamped,
        "traded": facts.traded.to_text(),
    })
}

fn statistics(figures: &Figures) -> Value {
    let returns = &figures.returns;
    let falls = &figures.falls;
    json!({
        "periods-per-year": figures.periods.number(),
        "periods-per-year-because": figures.periods.reason(),
        "periods": figures.days.len(),
        "total-return": returns.total,
        "annual-return": returns.annual,
        "volatility": returns.volatility,
        "sharpe": returns.sharpe,
        "sortino": returns.sortino,
        "calmar": figures.calmar,
        "best-period": returns.best,
        "worst-period": returns.worst,
        "positive-periods": returns.positive,
        "max-drawdown": falls.deepest.map_or(0.0, |fall| fall.depth),
        "deepest-drawdown": falls.deepest.map(|one| fall(&one)),
        "longest-drawdown": falls.longest.map(|one| fall(&one)),
        "longest-drawdown-days": falls.longest_days,
        "time-in-market": figures.exposure.time,
        "exposure-average": figures.exposure.average,
        "exposure-max": figures.exposure.most,
        "turnover": figures.turnover,
    })
}

fn fall(fall: &Fall) -> Value {
    json!({
        "depth": fall.depth,
        "peak": fall.peak.map(UnixNanos::rfc3339),
        "trough": fall.trough.rfc3339(),
        "recovered": fall.recovered.map(UnixNanos::rfc3339),
    })
}

fn trades(facts: &Facts, figures: &Figures) -> Value {
    let text = |amount: Option<Money>| amount.map(Money::to_text);
    let trades = &figures.trades;
    json!({
        "all": facts.trades.len(),
        "closed": trades.closed,
        "open": trades.open,
        "long": trades.long,
        "short": trades.closed.saturating_sub(trades.long),
        "won": trades.won,
        "lost": trades.lost,
        "hit-rate": trades.hit_rate,
        "profit": trades.profit.to_text(),
        "loss": trades.loss.to_text(),
        "profit-factor": trades.profit_factor,
        "average": text(trades.average),
        "average-won": text(trades.average_won),
        "average-lost": text(trades.average_lost),
        "best": text(trades.best),
        "worst": text(trades.worst),
        "average-bars": trades.average_bars,
    })
}

fn months(figures: &Figures) -> Value {
    let month = |one: &crate::figures::Month| {
        let name = format!("{:04}-{:02}", one.year, one.number);
        json!({ "month": name, "return": one.change })
    };
    figures.months.iter().map(month).collect()
}

fn years(figures: &Figures) -> Value {
    let year = |one: &(i16, Option<f64>)| json!({ "year": one.0, "return": one.1 });
    figures.years.iter().map(year).collect()
}

fn instruments(facts: &Facts) -> Value {
    let rows = facts.instruments.iter().zip(&facts.lines);
    let row = |(instrument, lines): (
        &counterfoil_trading::instrument::Instrument,
        &crate::facts::Lines,
    )| {
        let mut row = Map::new();
        row.insert("symbol".to_owned(), json!(instrument.symbol()));
        row.insert("bars".to_owned(), json!(lines.bars));
        row.insert("fills".to_owned(), json!(lines.marks.len()));
        row.insert("traded".to_owned(), json!(lines.traded.to_text()));
        Value::Object(row)
    };
    rows.map(row).collect()
}

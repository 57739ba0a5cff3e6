//! `report.json`: every fact and figure. Money and prices are exact decimal texts, statistics are
//! numbers, and an undefined value is null. It must never round.

use counterfoil_trading::time::UnixNanos;
use counterfoil_trading::units::Money;
use serde_json::{Map, Value, json};

use crate::drawdown::Drawdown;
use crate::facts::RunFacts;
use crate::figures::ReportFigures;
use crate::render::{ReportError, RunReport};
use crate::sentences;

/// The format of the file.
const FORMAT: &str = "counterfoil-report/1";

pub(crate) fn report(render: &RunReport<'_>) -> Result<Vec<u8>, ReportError> {
    // Pretty, for people who open it; the keys are sorted, so the bytes are the same each time.
    let mut bytes = serde_json::to_vec_pretty(&value(render)?)?;
    bytes.push(b'\n');
    Ok(bytes)
}

pub(crate) fn value(render: &RunReport<'_>) -> Result<Value, ReportError> {
    let (subject, facts, figures) = (render.subject, render.facts, render.figures);
    let data = subject.data.as_ref().map(|data| {
        data.iter()
            .map(|finding| {
                json!({
                    "code": finding.code,
                    "count": finding.count,
                    "message": finding.message,
                })
            })
            .collect::<Vec<Value>>()
    });
    // Amounts are texts: a reader that takes JSON numbers as floats would round them at 2^53.
    Ok(json!({
        "format": FORMAT,
        "run-id": subject.run,
        "execution": subject.execution,
        "component": render.manifest.component,
        "strategy": strategy(render),
        "decision-digest": subject.decision_digest,
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
        "orders": facts.orders_json(),
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

fn strategy(render: &RunReport<'_>) -> Value {
    let strategy = render.subject.strategy.as_ref().map(|strategy| {
        let parameters = strategy.parameters.iter().map(|parameter| {
            json!({
                "name": parameter.name,
                "value": parameter.value,
                "default": parameter.is_default,
            })
        });
        json!({
            "name": strategy.name,
            "version": strategy.version,
            "parameters": parameters.collect::<Vec<_>>(),
        })
    });
    json!(strategy)
}

fn fault(facts: &RunFacts) -> Value {
    let fault = facts.fault.as_ref().map(|fault| {
        json!({
            "name": fault.name,
            "callback": fault.callback,
            "time": fault.slice_close.map(UnixNanos::date_or_time),
            "message": fault.message,
            "trace": fault.trace,
        })
    });
    json!(fault)
}

/// The figures of the account, by name.
pub(crate) fn statistics(figures: &ReportFigures) -> Value {
    let returns = &figures.returns;
    let falls = &figures.falls;
    json!({
        "years": figures.basis.years,
        "periods-per-year": figures.basis.periods.number(),
        "periods-per-year-source": figures.basis.periods.source(),
        "periods": figures.periods,
        "total-return": returns.total,
        "no-returns": sentences::no_returns(figures),
        "annual-return": returns.annual,
        "volatility": returns.volatility,
        "sharpe": returns.sharpe,
        "sortino": returns.sortino,
        "calmar": figures.calmar,
        "best-period": returns.best,
        "worst-period": returns.worst,
        "positive-periods": returns.positive,
        // A number and not null: a run that never fell has a drawdown of zero.
        "max-drawdown": falls.deepest.map_or(0.0, |fall| fall.depth),
        "deepest-drawdown": falls.deepest.map(|deepest| fall(&deepest)),
        "longest-drawdown": falls.longest.map(|longest| fall(&longest)),
        "longest-drawdown-days": falls.longest_days,
        "time-in-market": figures.exposure.time,
        "exposure-average": figures.exposure.average,
        "exposure-max": figures.exposure.most,
        "turnover": figures.turnover,
    })
}

fn fall(fall: &Drawdown) -> Value {
    json!({
        "depth": fall.depth,
        "peak": fall.peak.map(UnixNanos::rfc3339),
        "trough": fall.trough.rfc3339(),
        "recovered": fall.recovered.map(UnixNanos::rfc3339),
    })
}

fn trades(facts: &RunFacts, figures: &ReportFigures) -> Value {
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

fn months(figures: &ReportFigures) -> Value {
    figures
        .months
        .iter()
        .map(|month| {
            let name = format!("{:04}-{:02}", month.year, month.number);
            json!({ "month": name, "return": month.change })
        })
        .collect()
}

fn years(figures: &ReportFigures) -> Value {
    figures
        .years
        .iter()
        .map(|(year, change)| json!({ "year": year, "return": change }))
        .collect()
}

fn instruments(facts: &RunFacts) -> Value {
    facts
        .instruments
        .iter()
        .zip(&facts.lines)
        .zip(&facts.tickers)
        .map(|((instrument, lines), tickers)| {
            let mut row = Map::new();
            row.insert("symbol".to_owned(), json!(instrument.symbol()));
            let tickers = tickers
                .iter()
                .map(|(from, ticker)| json!({ "ticker": ticker, "from": from.date_or_time() }));
            row.insert("ticker-changes".to_owned(), tickers.collect());
            row.insert("bars".to_owned(), json!(lines.bars));
            row.insert("fills".to_owned(), json!(lines.marks.len()));
            row.insert("traded".to_owned(), json!(lines.traded.to_text()));
            Value::Object(row)
        })
        .collect()
}

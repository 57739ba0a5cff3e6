//! Figures in words. It must never compute one.

use counterfoil_trading::manifest::{DataSource, Manifest};
use counterfoil_trading::time::{DAY_NANOS, Timeframe};
use counterfoil_trading::units::Money;

use crate::calendar::PeriodsPerYear;
use crate::figures::ReportFigures;
use crate::moment;
use crate::number::{count_text, float_text, money_text, percent_text, signed_percent_text};
use crate::render::RunReport;

/// The text for an undefined figure.
pub(crate) const NOTHING: &str = "\u{2013}";

/// Whether a figure is good news.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum FigureTone {
    Plain,
    Gain,
    Loss,
}

/// A figure with its name and a line below it.
#[derive(Clone, Debug)]
pub(crate) struct HeadlineTile {
    pub(crate) name: &'static str,
    pub(crate) value: String,
    pub(crate) below: String,
    pub(crate) tone: FigureTone,
}

pub(crate) fn tone_of(value: Option<f64>) -> FigureTone {
    match value {
        // NaN is neither, and gets no colour.
        Some(value) if value > 0.0 => FigureTone::Gain,
        Some(value) if value < 0.0 => FigureTone::Loss,
        _ => FigureTone::Plain,
    }
}

pub(crate) fn tone_of_money(amount: Money) -> FigureTone {
    match amount.cmp(&Money::ZERO) {
        core::cmp::Ordering::Less => FigureTone::Loss,
        core::cmp::Ordering::Equal => FigureTone::Plain,
        core::cmp::Ordering::Greater => FigureTone::Gain,
    }
}

pub(crate) fn percent(value: Option<f64>) -> String {
    value.map_or(NOTHING.to_owned(), |value| percent_text(value, 2))
}

pub(crate) fn signed_percent(value: Option<f64>) -> String {
    value.map_or(NOTHING.to_owned(), |value| signed_percent_text(value, 2))
}

pub(crate) fn ratio(value: Option<f64>) -> String {
    value.map_or(NOTHING.to_owned(), |value| float_text(value, 2))
}

pub(crate) fn amount(value: Option<Money>) -> String {
    value.map_or(NOTHING.to_owned(), money_text)
}

/// One word or another, by number.
pub(crate) const fn plural(count: u64, one: &'static str, many: &'static str) -> &'static str {
    if count == 1 { one } else { many }
}

/// The figures that come first.
pub(crate) fn headline(render: &RunReport<'_>) -> Vec<HeadlineTile> {
    let (facts, figures) = (render.facts, render.figures);
    let returns = &figures.returns;
    let currency = &render.manifest.account.currency;
    let fall = figures.falls.deepest;
    // A run that never fell has a drawdown of zero, and no figure is missing.
    let depth = fall.map_or(0.0, |fall| fall.depth);
    let longest = float_text(figures.falls.longest_days, 0);
    let trades = &figures.trades;
    let cash = money_text(facts.starting_cash);
    let tile = |name, value, below, tone| HeadlineTile {
        name,
        value,
        below,
        tone,
    };
    vec![
        tile(
            "Total return",
            signed_percent(returns.total),
            no_returns(figures).map_or_else(
                || format!("{} a year", signed_percent(returns.annual)),
                str::to_owned,
            ),
            tone_of(returns.total),
        ),
        tile(
            "Final equity",
            money_text(facts.final_equity()),
            format!("{currency}, from {cash}"),
            FigureTone::Plain,
        ),
        tile(
            "Max drawdown",
            percent(Some(depth)),
            fall.map_or("never below its peak".to_owned(), |_| {
                format!("longest {longest} days")
            }),
            if fall.is_some() {
                FigureTone::Loss
            } else {
                FigureTone::Plain
            },
        ),
        tile(
            "Sharpe ratio",
            ratio(returns.sharpe),
            format!("volatility {}", percent(returns.volatility)),
            FigureTone::Plain,
        ),
        tile(
            "Closed trades",
            count_text(trades.closed),
            match trades.hit_rate {
                Some(rate) => format!("{} won", percent_text(rate, 1)),
                None => format!("{} still open", count_text(trades.open)),
            },
            FigureTone::Plain,
        ),
        tile(
            "Time in market",
            figures
                .exposure
                .time
                .map_or(NOTHING.to_owned(), |share| percent_text(share, 1)),
            format!(
                "gross exposure {} on average",
                percent(figures.exposure.average)
            ),
            FigureTone::Plain,
        ),
    ]
}

/// Why there are no returns, where there should be some.
pub(crate) fn no_returns(figures: &ReportFigures) -> Option<&'static str> {
    let is_missing = figures.periods > 0 && figures.returns.total.is_none();
    is_missing.then_some("equity was zero or below, from where no return means anything")
}

/// The run in one line: how many instruments, which bars, from when to when.
pub(crate) fn subject(render: &RunReport<'_>) -> String {
    let manifest = render.manifest;
    let count = u64::try_from(manifest.instruments.len()).unwrap_or(u64::MAX);
    let names: Vec<&str> = manifest
        .instruments
        .iter()
        .take(6)
        .map(|instrument| instrument.symbol.as_str())
        .collect();
    let more = manifest.instruments.len().saturating_sub(names.len());
    let mut names = names.join(", ");
    if more > 0 {
        names = format!("{names} and {more} more");
    }
    // Six names and the number of the others: a universe of 500 would fill the page.
    let what = plural(count, "instrument", "instruments");
    let range = match render.facts.ends() {
        Some((first, last)) => format!(
            "{} to {}",
            moment::date_of_day(moment::day_of_close(first)),
            moment::date_of_day(moment::day_of_close(last)),
        ),
        None => "no bars".to_owned(),
    };
    format!(
        "{count} {what} ({names}), bars of {}, {range}",
        manifest.timeframe
    )
}

/// The heading: backtest or live run.
pub(crate) const fn kind(source: &DataSource) -> &'static str {
    match source {
        DataSource::Snapshot { .. } => "Backtest",
        DataSource::Feed { .. } => "Live run",
    }
}

/// Whether the manifest's costs are all zero.
pub(crate) fn charges_nothing(manifest: &Manifest) -> bool {
    let costs = &manifest.costs;
    let rates = [
        &costs.fee_bps,
        &costs.maker_fee_bps,
        &costs.fee_per_share,
        &costs.fee_fixed,
        &costs.fee_min,
        &costs.slippage_bps,
        &costs.slippage_volume_bps,
        &costs.borrow_bps,
    ];
    let is_zero = |text: &&String| text.bytes().all(|byte| b"0.".contains(&byte));
    costs.slippage_ticks == 0 && rates.iter().all(is_zero)
}

/// Whether returns are of days. A bar longer than a day has a return of its own.
pub(crate) const fn is_daily(timeframe: Timeframe) -> bool {
    match timeframe {
        Timeframe::Fixed(nanos) => nanos <= DAY_NANOS,
        Timeframe::Months(_) => false,
    }
}

/// How annual figures are made.
pub(crate) fn method(render: &RunReport<'_>) -> String {
    let figures = render.figures;
    let returns = u64::try_from(figures.periods).unwrap_or(u64::MAX);
    let count = count_text(returns);
    let word = plural(returns, "return", "returns");
    let years = float_text(figures.basis.years, 2);
    let each = if is_daily(render.facts.timeframe) {
        "one for each UTC day with a bar of a traded instrument"
    } else {
        "one for each bar of a traded instrument"
    };
    match figures.basis.periods {
        PeriodsPerYear::Counted(number) => format!(
            "From the first close to the last there are {years} years and {count} {word}, {each}: annual \
             figures use {} returns a year.",
            float_text(number, 2),
        ),
        PeriodsPerYear::Given(number) => format!(
            "From the first close to the last there are {years} years and {count} {word}, {each}; annual \
             figures use {} returns a year, as given.",
            float_text(number, 2),
        ),
        PeriodsPerYear::Unknown => {
            "There are no annual figures: the run has no two closes at different times.".to_owned()
        }
    }
}

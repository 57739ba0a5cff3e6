//! Every figure of a report, from the facts. It must never know how a figure is shown.

use counterfoil_trading::decimal::divide_half_even;
use counterfoil_trading::time::UnixNanos;
use counterfoil_trading::units::Money;

use crate::calendar::YearBasis;
use crate::drawdown::{self, DrawdownSummary};
use crate::facts::{RunFacts, SliceFacts};
use crate::moment;
use crate::number;
use crate::returns::{ReturnFigures, sum};
use crate::trade::{RoundTrip, TradeDirection};

/// Equity at the end of one UTC day that had a slice that counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct DayEquity {
    /// The day, counted from 1970-01-01.
    pub(crate) day: i64,
    /// Equity after its last slice.
    pub(crate) equity: f64,
}

/// The return of one calendar month (UTC).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct MonthReturn {
    /// The year.
    pub(crate) year: i16,
    /// The month, from 1.
    pub(crate) number: i8,
    /// Equity at its end over equity at the end of the month before, less one.
    pub(crate) change: Option<f64>,
}

/// The share of the equity that was at risk.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct ExposureFigures {
    /// The share of slices after which some position was open.
    pub(crate) time: Option<f64>,
    /// The mean of gross exposure over equity.
    pub(crate) average: Option<f64>,
    /// The highest gross exposure over equity.
    pub(crate) most: Option<f64>,
}

/// Figures of round trips. Only closed ones count, and profit is after fees.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct TradeFigures {
    /// Closed trades.
    pub(crate) closed: u64,
    /// Trades still open at the end.
    pub(crate) open: u64,
    /// Long ones among the closed.
    pub(crate) long: u64,
    /// Closed trades that made money.
    pub(crate) won: u64,
    /// Closed trades that lost money.
    pub(crate) lost: u64,
    /// Won over closed.
    pub(crate) hit_rate: Option<f64>,
    /// The profit of the winning ones.
    pub(crate) profit: Money,
    /// The loss of the losing ones, zero or below.
    pub(crate) loss: Money,
    /// Profit over loss.
    pub(crate) profit_factor: Option<f64>,
    /// The mean of all, rounded half to even.
    pub(crate) average: Option<Money>,
    /// The mean of the winning ones.
    pub(crate) average_won: Option<Money>,
    /// The mean of the losing ones.
    pub(crate) average_lost: Option<Money>,
    /// The best.
    pub(crate) best: Option<Money>,
    /// The worst.
    pub(crate) worst: Option<Money>,
    /// The mean number of bars from opening to closing fill.
    pub(crate) average_bars: Option<f64>,
}

/// Fuel of decisions, by nearest rank.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct FuelFigures {
    /// Half of all bars took no more.
    pub(crate) median: u64,
    /// 99 of 100 bars took no more.
    pub p99: u64,
    /// No bar took more.
    pub(crate) most: u64,
}

/// Every figure of a report.
#[derive(Clone, Debug, PartialEq)]
pub struct ReportFigures {
    /// The run's years, and how many returns make one.
    pub(crate) basis: YearBasis,
    /// How many returns there are.
    pub(crate) periods: usize,
    /// Figures of the daily returns.
    pub(crate) returns: ReturnFigures,
    /// Equity over its running peak, less one, for each slice.
    pub(crate) drawdowns: Vec<f64>,
    /// The deepest and the longest fall.
    pub(crate) falls: DrawdownSummary,
    /// Annual return over the depth of the deepest fall.
    pub(crate) calmar: Option<f64>,
    /// Returns by month.
    pub(crate) months: Vec<MonthReturn>,
    /// Returns by year.
    pub(crate) years: Vec<(i16, Option<f64>)>,
    /// Exposure.
    pub(crate) exposure: ExposureFigures,
    /// Notional bought and sold in a year over mean equity.
    pub(crate) turnover: Option<f64>,
    /// Round trips.
    pub(crate) trades: TradeFigures,
    /// Fuel; `None` without decisions.
    pub(crate) fuel: Option<FuelFigures>,
}

impl ReportFigures {
    /// The figures of a run. `periods_per_year` replaces the number that is counted in the data; `None`
    /// when an amount does not fit.
    #[must_use]
    pub fn from_facts(facts: &RunFacts, periods_per_year: Option<f64>) -> Option<Self> {
        let start = number::money(facts.starting_cash);
        let series = CountedSeries::of(facts);
        let (times, equity) = (&series.times, &series.equity);
        let days = by_day(times, equity);
        let closes: Vec<f64> = days.iter().map(|day| day.equity).collect();
        let closes = closes.get(series.unfilled(start)..).unwrap_or_default();
        let ends = times.first().zip(times.last());
        let basis = ends.map_or(YearBasis::NONE, |(first, last)| {
            YearBasis::counted(*first, *last, closes.len())
        });
        let basis = basis.with_given(periods_per_year);
        let returns = ReturnFigures::from_equity(start, closes, basis);
        let falls = drawdown::falls(times, &drawdown::series(start, equity));
        let mean = sum(equity.iter().copied()) / number::length(equity.len());
        let turnover = number::money(facts.traded) / mean / basis.years;
        Some(Self {
            calmar: falls
                .deepest
                .and_then(|fall| Some(returns.annual? / -fall.depth)),
            months: by_month(start, &days),
            years: by_year(start, &days),
            exposure: exposure(&facts.slices, equity),
            // Without bars this is 0 / 0, with an equity around zero anything: a dash is clearer.
            turnover: (mean > 0.0 && turnover.is_finite()).then_some(turnover),
            trades: trades(&facts.trades)?,
            fuel: fuel(&facts.fuel),
            basis,
            periods: closes.len(),
            returns,
            drawdowns: drawdowns(facts),
            falls,
        })
    }
}

/// Close time and equity of each slice that counts.
struct CountedSeries {
    times: Vec<UnixNanos>,
    equity: Vec<f64>,
}

impl CountedSeries {
    fn of(facts: &RunFacts) -> Self {
        let counted = || facts.slices.iter().filter(|slice| slice.counts);
        let mut series = Self {
            times: counted().map(|slice| slice.time).collect(),
            equity: counted().map(|slice| number::money(slice.equity)).collect(),
        };
        // A borrow fee can come with a later slice that does not count. The returns must compound to the
        // final equity all the same.
        if let Some(last) = series.equity.last_mut() {
            *last = number::money(facts.final_equity());
        }
        series
    }

    /// How many periods at the start have no return: one if only the first close is in it. No order can
    /// fill before that close, and years are counted from it.
    fn unfilled(&self, start: f64) -> usize {
        let day = |place: usize| self.times.get(place).copied().map(moment::day_of_close);
        let is_alone = self.times.len() > 1 && day(0) != day(1);
        let is_start = self
            .equity
            .first()
            .is_some_and(|equity| equity.to_bits() == start.to_bits());
        usize::from(is_alone && is_start)
    }
}

/// Equity over its running peak, less one, for every slice.
fn drawdowns(facts: &RunFacts) -> Vec<f64> {
    let equity = facts.slices.iter().map(|slice| number::money(slice.equity));
    let equity: Vec<f64> = equity.collect();
    drawdown::series(number::money(facts.starting_cash), &equity)
}

/// The last equity of each UTC day.
fn by_day(times: &[UnixNanos], equity: &[f64]) -> Vec<DayEquity> {
    let mut days: Vec<DayEquity> = Vec::new();
    for (time, equity) in times.iter().zip(equity.iter().copied()) {
        let day = moment::day_of_close(*time);
        match days.last_mut() {
            // The last slice of a day counts: returns are from evening to evening, however many bars
            // a day has.
            Some(last) if last.day == day => last.equity = equity,
            _ => days.push(DayEquity { day, equity }),
        }
    }
    days
}

fn by_month(start: f64, days: &[DayEquity]) -> Vec<MonthReturn> {
    let changes = changes(start, days, |date| (date.year(), date.month()));
    changes
        .into_iter()
        .map(|((year, number), change)| MonthReturn {
            year,
            number,
            change,
        })
        .collect()
}

fn by_year(start: f64, days: &[DayEquity]) -> Vec<(i16, Option<f64>)> {
    changes(start, days, jiff::civil::Date::year)
}

/// The change of equity from the end of one span to the end of the next.
fn changes<S: Copy + Eq>(
    start: f64,
    days: &[DayEquity],
    span: impl Fn(jiff::civil::Date) -> S,
) -> Vec<(S, Option<f64>)> {
    let mut ends: Vec<(S, f64)> = Vec::new();
    for day in days {
        let span = span(moment::date_of_day(day.day));
        match ends.last_mut() {
            Some(last) if last.0 == span => last.1 = day.equity,
            _ => ends.push((span, day.equity)),
        }
    }
    let mut before = start;
    let change = |(span, equity): (S, f64)| {
        // After a loss of everything no return means anything.
        let change = (before > 0.0).then_some(equity / before - 1.0);
        before = equity;
        (span, change)
    };
    ends.into_iter().map(change).collect()
}

/// The exposure of the slices that count, whose equity is given.
fn exposure(slices: &[SliceFacts], equity: &[f64]) -> ExposureFigures {
    if equity.is_empty() {
        return ExposureFigures::default();
    }
    let counted = || slices.iter().filter(|slice| slice.counts);
    let open = counted().filter(|slice| slice.exposure != Money::ZERO);
    let shares: Vec<f64> = counted()
        .zip(equity)
        .filter(|(_, equity)| **equity > 0.0)
        .map(|(slice, equity)| number::money(slice.exposure) / equity)
        .collect();
    let mean = sum(shares.iter().copied()) / number::length(shares.len());
    ExposureFigures {
        time: Some(number::length(open.count()) / number::length(equity.len())),
        average: (!shares.is_empty()).then_some(mean),
        most: shares.iter().copied().reduce(f64::max),
    }
}

fn trades(all: &[RoundTrip]) -> Option<TradeFigures> {
    let mut figures = TradeFigures::default();
    let mut total = Money::ZERO;
    let mut bars = 0_u64;
    for trade in all {
        // An open trade has no result yet, and would change every ratio with the last close.
        let Some(held) = trade.bars() else {
            figures.open += 1;
            continue;
        };
        // After fees and borrow: a trade that only wins before costs has lost.
        let net = trade.net()?;
        figures.closed += 1;
        figures.long += u64::from(trade.direction == TradeDirection::Long);
        bars = bars.checked_add(held)?;
        total = total.plus(net)?;
        if net > Money::ZERO {
            figures.won += 1;
            figures.profit = figures.profit.plus(net)?;
        } else if net < Money::ZERO {
            figures.lost += 1;
            figures.loss = figures.loss.plus(net)?;
        }
        figures.best = figures.best.max(Some(net));
        figures.worst = Some(figures.worst.map_or(net, |worst| worst.min(net)));
    }
    let closed = number::count(figures.closed);
    if figures.closed > 0 {
        figures.hit_rate = Some(number::count(figures.won) / closed);
        figures.average_bars = Some(number::count(bars) / closed);
    }
    // Without a loss the factor would be infinite; JSON has no such number.
    if figures.loss < Money::ZERO {
        let factor = number::money(figures.profit) / -number::money(figures.loss);
        figures.profit_factor = Some(factor);
    }
    figures.average = mean(total, figures.closed);
    figures.average_won = mean(figures.profit, figures.won);
    figures.average_lost = mean(figures.loss, figures.lost);
    Some(figures)
}

fn mean(total: Money, count: u64) -> Option<Money> {
    divide_half_even(total.0, i128::from(count)).map(Money)
}

/// The value at a nearest rank: the smallest that so many of a hundred do not exceed.
fn fuel(sorted: &[u64]) -> Option<FuelFigures> {
    let rank = |percent: usize| {
        // By nearest rank the value is one that occurred; a value between two of them is fuel that no bar
        // took.
        let rank = sorted.len().saturating_mul(percent).div_ceil(100);
        sorted.get(rank.saturating_sub(1)).copied()
    };
    Some(FuelFigures {
        median: rank(50)?,
        p99: rank(99)?,
        most: rank(100)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fuel_is_told_by_nearest_rank() {
        let table: [(&[u64], _); 4] = [
            (&[], None),
            (&[7], Some((7, 7, 7))),
            (&[1, 2, 3, 4], Some((2, 4, 4))),
            (&[1, 1, 1, 1, 9], Some((1, 9, 9))),
        ];
        for (sorted, expect) in table {
            let got = fuel(sorted).map(|fuel| (fuel.median, fuel.p99, fuel.most));
            assert_eq!(got, expect, "{sorted:?}");
        }
    }

    #[test]
    fn a_month_is_measured_from_the_end_of_the_month_before() {
        let day = |day, equity| DayEquity { day, equity };
        // 1970-01-30, 1970-01-31, 1970-02-01, 1970-04-01: March has no slice.
        let days = [day(29, 110.0), day(30, 120.0), day(31, 60.0), day(90, 90.0)];
        let months: Vec<String> = by_month(100.0, &days)
            .iter()
            .map(|month| {
                format!(
                    "{}-{} {:.2}",
                    month.year,
                    month.number,
                    month.change.unwrap()
                )
            })
            .collect();
        assert_eq!(months, ["1970-1 0.20", "1970-2 -0.50", "1970-4 0.50"]);
        assert_eq!(by_year(0.0, &days), [(1970, None)]);
    }
}

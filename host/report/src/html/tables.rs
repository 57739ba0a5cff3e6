//! The tables of the page. It must never show more rows than a person reads: a table that is cut names
//! where all of it is.

use counterfoil_trading::decimal;
use counterfoil_trading::instrument::Instrument;
use counterfoil_trading::manifest::DataSource;
use counterfoil_trading::units::Money;

use super::HtmlPage;
use crate::figures::MonthReturn;
use crate::moment;
use crate::number::{
    self, count_text, float_text, grouped, money_text, percent_text, signed_money_text,
};
use crate::render::{ReportError, RunReport};
use crate::sentences::{
    self, FigureTone, amount, percent, ratio, signed_percent, tone_of, tone_of_money,
};
use crate::trade::RoundTrip;

/// Trades shown at each end of the list.
const TRADES_SHOWN_AT_EACH_END: usize = 30;

/// A number with the colour of its sign.
fn toned(page: &mut HtmlPage, text: &str, tone: FigureTone) {
    page.raw(match tone {
        FigureTone::Plain => "<td class=\"n\">",
        FigureTone::Gain => "<td class=\"n gain\">",
        FigureTone::Loss => "<td class=\"n loss\">",
    });
    page.element("", text, "</td>");
}

fn row(page: &mut HtmlPage, name: &str, value: &str) {
    page.element("<tr><th>", name, "</th>");
    page.element("<td class=\"n\">", value, "</td></tr>\n");
}

pub(super) fn months(page: &mut HtmlPage, render: &RunReport<'_>) {
    let figures = render.figures;
    // The table of one month would repeat the total.
    if figures.months.len() < 2 {
        return;
    }
    page.raw("<h2>Returns by month</h2>\n<div class=\"scroll\"><table class=\"heat\"><thead><tr>");
    page.raw("<th>%</th>");
    for month in 1..=12 {
        page.element("<th>", moment::month_name(month), "</th>");
    }
    page.raw("<th>Year</th></tr></thead><tbody>\n");
    for (year, total) in &figures.years {
        page.element("<tr><th>", &year.to_string(), "</th>");
        for month in 1..=12 {
            let month = figures
                .months
                .iter()
                .find(|candidate| candidate.year == *year && candidate.number == month);
            heat(page, month);
        }
        toned(page, &hundredths(*total), tone_of(*total));
        page.raw("</tr>\n");
    }
    page.raw("</tbody></table></div>\n<p class=\"note\">Equity at the end of the month over ");
    page.raw("equity at the end of the one before, in per cent. Shades change at 2, 5 and 10.");
    page.raw("</p>\n");
}

fn heat(page: &mut HtmlPage, month: Option<&MonthReturn>) {
    let change = month.and_then(|month| month.change);
    // Five steps and no scale of colours: they can be distinguished on paper and by colour-blind eyes.
    page.raw(match change {
        Some(change) if change > 0.10 => "<td class=\"g4\">",
        Some(change) if change > 0.05 => "<td class=\"g3\">",
        Some(change) if change > 0.02 => "<td class=\"g2\">",
        Some(change) if change > 0.0 => "<td class=\"g1\">",
        Some(change) if change < -0.10 => "<td class=\"l4\">",
        Some(change) if change < -0.05 => "<td class=\"l3\">",
        Some(change) if change < -0.02 => "<td class=\"l2\">",
        Some(change) if change < 0.0 => "<td class=\"l1\">",
        _ => "<td>",
    });
    if month.is_some() {
        page.text(&hundredths(change));
    }
    page.raw("</td>");
}

fn hundredths(change: Option<f64>) -> String {
    change.map_or(sentences::NOTHING.to_owned(), |change| {
        float_text(change * 100.0, 1)
    })
}

pub(super) fn figures(page: &mut HtmlPage, render: &RunReport<'_>) {
    let (figures, currency) = (render.figures, &render.manifest.account.currency);
    let (returns, trades) = (&figures.returns, &figures.trades);
    page.raw("<h2>All figures</h2>\n<div class=\"pairs\">\n<table><tbody>\n");
    let fall = figures.falls.deepest;
    let when = |time| moment::date_of_day(moment::day_of_close(time)).to_string();
    let trough = fall.map_or(sentences::NOTHING.to_owned(), |fall| when(fall.trough));
    let longest = format!("{} days", float_text(figures.falls.longest_days, 0));
    let recovered = match figures.falls.longest {
        None => sentences::NOTHING.to_owned(),
        Some(fall) => fall.recovered.map_or("not by the end".to_owned(), when),
    };
    let turnover = ratio(figures.turnover);
    let [best, worst, up] = if sentences::is_daily(render.facts.timeframe) {
        ["Best day", "Worst day", "Days up, of days that moved"]
    } else {
        ["Best bar", "Worst bar", "Bars up, of bars that moved"]
    };
    for (name, value) in [
        ("Total return", signed_percent(returns.total)),
        ("Annual return", signed_percent(returns.annual)),
        ("Volatility, annual", percent(returns.volatility)),
        ("Sharpe ratio", ratio(returns.sharpe)),
        ("Sortino ratio", ratio(returns.sortino)),
        ("Calmar ratio", ratio(figures.calmar)),
        (best, signed_percent(returns.best)),
        (worst, signed_percent(returns.worst)),
        (up, percent(returns.positive)),
        (
            "Max drawdown",
            percent(Some(fall.map_or(0.0, |fall| fall.depth))),
        ),
        ("Lowest on", trough),
        ("Longest drawdown", longest),
        ("Recovered from it on", recovered),
    ] {
        row(page, name, &value);
    }
    page.raw("</tbody></table>\n<table><tbody>\n");
    let shorts = trades.closed.saturating_sub(trades.long);
    for (name, value) in [
        ("Time in market", percent(figures.exposure.time)),
        ("Gross exposure, average", percent(figures.exposure.average)),
        ("Gross exposure, highest", percent(figures.exposure.most)),
        ("Turnover, times equity a year", turnover),
        ("Closed trades", count_text(trades.closed)),
        (
            "Long, short",
            format!("{}, {}", count_text(trades.long), count_text(shorts)),
        ),
        ("Hit rate", percent(trades.hit_rate)),
        ("Profit factor", ratio(trades.profit_factor)),
        ("Average trade", amount(trades.average)),
        ("Average winner", amount(trades.average_won)),
        ("Average loser", amount(trades.average_lost)),
        (
            "Best, worst",
            format!("{}, {}", amount(trades.best), amount(trades.worst)),
        ),
        ("Bars held, average", ratio(trades.average_bars)),
    ] {
        row(page, name, &value);
    }
    page.raw("</tbody></table>\n</div>\n");
    page.element("<p class=\"note\">", &sentences::method(render), " ");
    page.element("Amounts are in ", currency, ", after fees. ");
    page.raw(
        "Ratios take a risk-free rate of zero. Every formula is in docs/reference/REPORT.md.</p>\n",
    );
}

pub(super) fn trades(page: &mut HtmlPage, render: &RunReport<'_>) -> Result<(), ReportError> {
    let all = &render.facts.trades;
    page.raw("<h2>Trades</h2>\n");
    if all.is_empty() {
        page.raw("<p class=\"note\">No trades.</p>\n");
        return Ok(());
    }
    page.raw("<div class=\"scroll\"><table class=\"trades\"><thead><tr><th class=\"n\">#</th>");
    page.raw("<th>Instrument</th><th>Side</th><th>Opened</th><th>Closed</th>");
    page.raw("<th class=\"n\">Quantity</th><th class=\"n\">In at</th><th class=\"n\">Out at</th>");
    page.raw("<th class=\"n\">Net</th><th class=\"n\">Return</th><th class=\"n\">Entry</th><th>Reason</th>");
    page.raw("</tr></thead><tbody>\n");
    let ends = TRADES_SHOWN_AT_EACH_END;
    // Both ends, because a strategy may have changed in between; all rows are in the files beside
    // the page.
    let cut = all.len() > 2 * ends;
    for (place, trade) in all.iter().enumerate() {
        if cut && place == ends {
            page.raw("<tr><td></td><td colspan=\"11\" class=\"note\">\u{2026}</td></tr>\n");
        }
        if !cut || place < ends || place >= all.len().saturating_sub(ends) {
            trade_row(page, render, place, trade)?;
        }
    }
    page.raw("</tbody></table></div>\n<p class=\"note\">");
    if cut {
        page.raw("The first and the last ");
        page.number(ends);
        page.raw(" of ");
        page.text(&count_text(u64::try_from(all.len()).unwrap_or(u64::MAX)));
        page.raw(" trades; all rows are in trades.csv and trades.arrow. ");
    }
    page.raw("A trade runs from flat to flat, or to the other side. Net is after fees and borrow, with dividends; slippage ");
    page.raw("is in the prices. The entry is the journal index of the decision that requested ");
    page.raw("the trade. Times are the closes of bars: that of a daily bar is the midnight after ");
    page.raw("its day.</p>\n");
    Ok(())
}

fn trade_row(
    page: &mut HtmlPage,
    render: &RunReport<'_>,
    place: usize,
    trade: &RoundTrip,
) -> Result<(), ReportError> {
    let instrument = render
        .facts
        .instruments
        .get(trade.instrument.index())
        .ok_or(ReportError::Overflow)?;
    let net = trade.net().ok_or(ReportError::Overflow)?;
    let (entry, exit) = trade.average_prices(instrument);
    page.raw("<tr><td class=\"n\">");
    page.number(place.saturating_add(1));
    let ticker = render.facts.ticker(trade.instrument, trade.opened.time);
    page.element("</td><td class=\"sym\">", ticker, "</td>");
    page.element("<td>", trade.direction.name(), "</td>");
    let opened = trade.opened.time.date_or_time();
    page.element("<td class=\"nowrap\">", &opened, "</td>");
    let closed = trade
        .closed
        .as_ref()
        .map_or("open".to_owned(), |end| end.time.date_or_time());
    page.element("<td class=\"nowrap\">", &closed, "</td>");
    let quantity = grouped(&instrument.quantity_text(trade.entered));
    page.element("<td class=\"n\">", &quantity, "</td>");
    page.element("<td class=\"n\">", &price(instrument, entry), "</td>");
    page.element("<td class=\"n\">", &price(instrument, exit), "</td>");
    toned(page, &signed_money_text(net), tone_of_money(net));
    let share = trade.return_on_entry();
    toned(page, &signed_percent(share), tone_of(share));
    let entry = trade.opened.entry.map(|entry| entry.to_string());
    page.element("<td class=\"n\">", &entry.unwrap_or_default(), "</td>");
    let reason = trade.opened.reason.as_deref().unwrap_or_default();
    page.element("<td class=\"why\">", reason, "");
    page.raw("</td></tr>\n");
    Ok(())
}

/// An average price with the instrument's decimals, two at least and nine at most.
fn price(instrument: &Instrument, price: Option<i128>) -> String {
    let Some(price) = price else {
        return sentences::NOTHING.to_owned();
    };
    // An average has more decimals than a price; those of the instrument are what a reader compares.
    let scale = instrument.price_scale().clamp(2, 9);
    let finer = decimal::power_of_ten(9_u8.saturating_sub(scale)).unwrap_or(1);
    let rounded = decimal::divide_half_even(price, finer).unwrap_or(0);
    grouped(&decimal::format(rounded, scale))
}

pub(super) fn costs(page: &mut HtmlPage, render: &RunReport<'_>) -> Result<(), ReportError> {
    let facts = render.facts;
    let costs = &facts.costs;
    page.raw("<h2>Trading costs</h2>\n");
    if sentences::charges_nothing(render.manifest) && facts.costs.is_zero() {
        page.raw(
            "<p>The manifest charges no fee, slippage or borrow: a real account pays them.</p>\n",
        );
        traded(page, render);
        return Ok(());
    }
    page.raw("<div class=\"scroll\"><table><thead><tr><th>Kind</th>");
    page.element(
        "<th class=\"n\">",
        &render.manifest.account.currency,
        "</th>",
    );
    page.raw("<th class=\"n\">of turnover, bps</th><th>How it is charged</th></tr></thead><tbody>");
    let turnover = number::money(facts.traded);
    let mut total = Money::ZERO;
    for (name, cost, how) in [
        ("Fees", costs.fees, "on top of the price, for each fill"),
        (
            "Slippage",
            costs.slippage,
            "in the price of each fill: against its reference price",
        ),
        ("Borrow", costs.borrow, "for short positions, by time"),
    ] {
        total = total.plus(cost).ok_or(ReportError::Overflow)?;
        cost_row(page, name, cost, turnover, how);
    }
    cost_row(page, "Total", total, turnover, "");
    page.raw("</tbody></table></div>\n");
    traded(page, render);
    let before = facts
        .final_equity()
        .minus(facts.starting_cash)
        .and_then(|gain| gain.plus(total))
        .ok_or(ReportError::Overflow)?;
    let before = signed_money_text(before);
    page.element(
        "<p class=\"note\">Profit and loss before these costs: ",
        &before,
        ".</p>\n",
    );
    Ok(())
}

/// What was bought and sold, and the dividends.
fn traded(page: &mut HtmlPage, render: &RunReport<'_>) {
    let facts = render.facts;
    let traded = money_text(facts.traded);
    page.element("<p class=\"note\">Bought and sold: ", &traded, " ");
    page.element("", &render.manifest.account.currency, " in total.");
    if facts.costs.dividends != Money::ZERO {
        let dividends = signed_money_text(facts.costs.dividends);
        page.element(" Dividends received less those paid: ", &dividends, ".");
    }
    page.raw("</p>\n");
}

fn cost_row(page: &mut HtmlPage, name: &str, cost: Money, turnover: f64, how: &'static str) {
    // Without any fill this is 0 / 0, which is shown as a dash.
    let bps = number::money(cost) / turnover * 10_000.0;
    page.element("<tr><th>", name, "</th>");
    page.element("<td class=\"n\">", &money_text(cost), "</td>");
    page.element("<td class=\"n\">", &float_text(bps, 2), "</td>");
    page.element("<td class=\"why\">", how, "</td></tr>\n");
}

pub(super) fn fuel(page: &mut HtmlPage, render: &RunReport<'_>) {
    let Some(fuel) = render.figures.fuel else {
        return;
    };
    let limit = render.manifest.limits.fuel_per_callback;
    // The most expensive bar decides whether a run comes near its limit; an average would hide it.
    let share = number::count(fuel.most) / number::count(limit);
    page.raw("<h2>Fuel</h2>\n<p>Half of all bars used at most ");
    page.element(
        "<strong>",
        &count_text(fuel.median),
        "</strong> units of fuel, ",
    );
    page.element(
        "99 of 100 at most <strong>",
        &count_text(fuel.p99),
        "</strong>, ",
    );
    page.element(
        "and the most expensive <strong>",
        &count_text(fuel.most),
        "</strong>: ",
    );
    page.element("", &percent_text(share, 2), " of the limit of ");
    page.element("", &count_text(limit), ".</p>\n");
}

pub(super) fn data(page: &mut HtmlPage, render: &RunReport<'_>) {
    page.raw("<h2>Data quality</h2>\n");
    if let DataSource::Feed { .. } = &render.manifest.data {
        page.raw("<p class=\"note\">The bars came from a feed. Invalid inputs were refused and ");
        page.raw("recorded; the journal holds what the strategy saw.</p>\n");
        return;
    }
    // Unknown is not the same as clean, and the page says which.
    let Some(findings) = &render.subject.data else {
        page.raw("<p class=\"note\">The snapshot is not available, so its quality is ");
        page.raw("unknown. The journal still holds what the strategy saw.</p>\n");
        return;
    };
    if findings.is_empty() {
        page.raw("<p>Ingestion found nothing to note in the data.</p>\n");
        return;
    }
    page.raw("<div class=\"scroll\"><table><thead><tr><th>Finding</th>");
    page.raw("<th class=\"n\">Count</th><th>What it means</th></tr></thead><tbody>\n");
    for finding in findings {
        page.element("<tr><td class=\"nowrap\">", &finding.code, "</td>");
        page.element("<td class=\"n\">", &count_text(finding.count), "</td>");
        page.element("<td class=\"why\">", &finding.message, "</td></tr>\n");
    }
    page.raw("</tbody></table></div>\n");
}

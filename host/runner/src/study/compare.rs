//! Two runs side by side: what their manifests say differently, the first decision that differs,
//! and where the difference in profit comes from. It must never know which of them is right.

use core::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use counterfoil_trading::manifest::{Manifest, RunSetup};
use counterfoil_trading::record::{
    CloseRecord, DecisionRecord, KIND_CLOSE, KIND_DECISION, record_kind,
};
use counterfoil_trading::time::UnixNanos;
use counterfoil_trading::units::Money;
use serde_json::Value;

use crate::error::RunnerError;
use crate::run::journal::{JournalReader, ReadJournalError};
use crate::store::data_dir::{DataDir, Execution};

/// What two runs have apart.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// Fields of the manifests that differ, by name.
    pub fields: Vec<FieldDifference>,
    /// How many decisions stand in each journal.
    pub decisions: [u64; 2],
    /// The first bar that only one run saw, that differs, or on which the strategies asked for
    /// other things or the gates said otherwise.
    pub decision: Option<Site>,
    /// The first bar after which the accounts differ.
    pub account: Option<Site>,
    /// What became of the starting cash, if both journals were closed.
    pub profit: Option<[Profit; 2]>,
}

/// One field of the manifest with both values.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FieldDifference {
    /// Its place, such as `costs.fee-bps`.
    pub field: String,
    /// Its value in each manifest, where it has one.
    pub values: [Option<String>; 2],
}

/// What differs at a bar.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Aspect {
    /// Only the first run has a decision on it.
    OnlyInFirst,
    /// Only the second run has.
    OnlyInSecond,
    /// The bar's own values.
    Bar,
    /// What the strategy asked for.
    Requests,
    /// What the risk gate said.
    Verdicts,
    /// Cash, equity or position.
    Account,
}

impl Aspect {
    /// Its stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::OnlyInFirst => "only-in-first",
            Self::OnlyInSecond => "only-in-second",
            Self::Bar => "bar",
            Self::Requests => "requests",
            Self::Verdicts => "verdicts",
            Self::Account => "account",
        }
    }
}

/// A bar at which two runs differ.
#[derive(Clone, Debug)]
pub struct Site {
    /// In what.
    pub aspect: Aspect,
    /// The bar's close time.
    pub close_time: UnixNanos,
    /// The instrument's symbol.
    pub symbol: String,
    /// Entry index and decision of each run, where it has one.
    pub decisions: [Option<(u64, Box<DecisionRecord>)>; 2],
}

/// What became of a run's starting cash. `price` and dividends less the costs is `total`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Profit {
    /// Equity at the end less starting cash.
    pub total: Money,
    /// What prices alone brought, before every cost.
    pub price: Money,
    /// Fees paid.
    pub fees: Money,
    /// What slippage cost.
    pub slippage: Money,
    /// Borrow fees paid.
    pub borrow: Money,
    /// Dividends received less those paid.
    pub dividends: Money,
}

/// Compares two executions.
///
/// # Errors
///
/// Returns [`RunnerError`] if a journal or manifest cannot be read.
pub fn compare(data: &DataDir, pair: [&Execution; 2]) -> Result<Comparison, RunnerError> {
    let manifests = [manifest_of(data, pair[0])?, manifest_of(data, pair[1])?];
    let setups = [manifests[0].setup()?, manifests[1].setup()?];
    let mut sides = [
        Side::open(pair[0], &setups[0])?,
        Side::open(pair[1], &setups[1])?,
    ];
    let (mut decision, mut account) = (None, None);
    while decision.is_none() || account.is_none() {
        let Some(found) = next_pair(&mut sides)? else {
            break;
        };
        for (aspect, slot) in [
            (found.decision_aspect(), &mut decision),
            (found.account_aspect(), &mut account),
        ] {
            if let Some(aspect) = aspect.filter(|_| slot.is_none()) {
                *slot = Some(found.site(aspect));
            }
        }
    }
    for side in &mut sides {
        while side.advance()? {}
    }
    let [first, second] = &sides;
    let profit = first.profit(&setups[0]).zip(second.profit(&setups[1]));
    Ok(Comparison {
        fields: fields(&manifests)?,
        decisions: [first.count, second.count],
        decision,
        account,
        profit: profit.map(|(first, second)| [first, second]),
    })
}

fn manifest_of(data: &DataDir, execution: &Execution) -> Result<Manifest, RunnerError> {
    Ok(Manifest::parse(&data.manifest_text(execution)?)?)
}

/// One run's decisions, front to back.
pub(crate) struct Side {
    reader: JournalReader,
    symbols: Vec<String>,
    head: Option<(u64, DecisionRecord)>,
    count: u64,
    close: Option<CloseRecord>,
}

impl Side {
    pub(crate) fn open(execution: &Execution, setup: &RunSetup) -> Result<Self, ReadJournalError> {
        let symbols = setup.instruments.iter().map(|one| one.symbol().to_owned());
        let mut side = Self {
            reader: JournalReader::open(&execution.journal())?,
            symbols: symbols.collect(),
            head: None,
            count: 0,
            close: None,
        };
        side.advance()?;
        Ok(side)
    }

    /// Reads the next decision into the head; false at the end.
    fn advance(&mut self) -> Result<bool, ReadJournalError> {
        self.head = None;
        loop {
            let index = self.reader.index();
            let Some(body) = self.reader.next_body()? else {
                return Ok(false);
            };
            match record_kind(body)? {
                KIND_DECISION => {
                    self.head = Some((index, DecisionRecord::decode(body)?));
                    self.count = self.count.saturating_add(1);
                    return Ok(true);
                }
                KIND_CLOSE => self.close = Some(CloseRecord::decode(body)?),
                _ => {}
            }
        }
    }

    /// What the head is sorted by in every journal: close time, then symbol.
    fn key(&self) -> Option<(UnixNanos, &str)> {
        let (_, decision) = self.head.as_ref()?;
        let bar = decision.bar.get();
        let symbol = self.symbols.get(bar.instrument.index());
        Some((bar.close_time, symbol.map_or("", String::as_str)))
    }

    fn profit(&self, setup: &RunSetup) -> Option<Profit> {
        let close = self.close.as_ref()?;
        let total = close.equity.0.checked_sub(setup.cash.0)?;
        let price = total
            .checked_add(close.fees.0)?
            .checked_add(close.slippage.0)?
            .checked_add(close.borrow.0)?
            .checked_sub(close.dividends.0)?;
        Some(Profit {
            total: Money(total),
            price: Money(price),
            fees: close.fees,
            slippage: close.slippage,
            borrow: close.borrow,
            dividends: close.dividends,
        })
    }
}

/// The decisions of both runs on one bar; one of them where only one run saw it.
pub(crate) struct Pair {
    pub(crate) close_time: UnixNanos,
    pub(crate) symbol: String,
    pub(crate) sides: [Option<(u64, DecisionRecord)>; 2],
}

pub(crate) fn next_pair(sides: &mut [Side; 2]) -> Result<Option<Pair>, ReadJournalError> {
    let [first, second] = sides;
    let order = match (first.key(), second.key()) {
        (None, None) => return Ok(None),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (Some(one), Some(other)) => one.cmp(&other),
    };
    let ahead = if order == Ordering::Greater {
        &*second
    } else {
        &*first
    };
    let Some((close_time, symbol)) = ahead.key() else {
        return Ok(None);
    };
    let symbol = symbol.to_owned();
    let take = |side: &mut Side, taken: bool| {
        let head = side.head.take_if(|_| taken);
        if taken {
            side.advance()?;
        }
        Ok::<_, ReadJournalError>(head)
    };
    let sides = [
        take(first, order != Ordering::Greater)?,
        take(second, order != Ordering::Less)?,
    ];
    Ok(Some(Pair {
        close_time,
        symbol,
        sides,
    }))
}

impl Pair {
    pub(crate) fn decision_aspect(&self) -> Option<Aspect> {
        let (first, second) = match &self.sides {
            [Some((_, first)), Some((_, second))] => (first, second),
            [Some(_), None] => return Some(Aspect::OnlyInFirst),
            [None, _] => return Some(Aspect::OnlyInSecond),
        };
        let values = |one: &DecisionRecord| {
            let bar = *one.bar.get();
            let prices = [bar.open, bar.high, bar.low, bar.close];
            (bar.open_time, prices, bar.volume)
        };
        if values(first) != values(second) {
            Some(Aspect::Bar)
        } else if first.requests != second.requests {
            Some(Aspect::Requests)
        } else if first.verdicts != second.verdicts {
            Some(Aspect::Verdicts)
        } else {
            None
        }
    }

    pub(crate) fn account_aspect(&self) -> Option<Aspect> {
        let [Some((_, first)), Some((_, second))] = &self.sides else {
            return None;
        };
        let values = |one: &DecisionRecord| (one.cash, one.equity, one.position);
        (values(first) != values(second)).then_some(Aspect::Account)
    }

    pub(crate) fn site(&self, aspect: Aspect) -> Site {
        let boxed = |side: &Option<(u64, DecisionRecord)>| {
            let (index, decision) = side.as_ref()?;
            Some((*index, Box::new(decision.clone())))
        };
        Site {
            aspect,
            close_time: self.close_time,
            symbol: self.symbol.clone(),
            decisions: [boxed(&self.sides[0]), boxed(&self.sides[1])],
        }
    }
}

/// The fields in which two manifests differ, by name.
fn fields(manifests: &[Manifest; 2]) -> Result<Vec<FieldDifference>, RunnerError> {
    let mut flat = [BTreeMap::new(), BTreeMap::new()];
    for (manifest, flat) in manifests.iter().zip(&mut flat) {
        let json: Value = serde_json::from_str(&manifest.canonical()?).unwrap_or_default();
        flatten("", &json, flat);
    }
    let [first, second] = &flat;
    let names: BTreeSet<&String> = first.keys().chain(second.keys()).collect();
    let differing = names.into_iter().filter_map(|name| {
        let values = [first.get(name).cloned(), second.get(name).cloned()];
        (values[0] != values[1]).then(|| FieldDifference {
            field: name.clone(),
            values,
        })
    });
    Ok(differing.collect())
}

fn flatten(place: &str, value: &Value, out: &mut BTreeMap<String, String>) {
    let below = |name: &str| {
        if place.is_empty() {
            name.to_owned()
        } else {
            format!("{place}.{name}")
        }
    };
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                flatten(&below(name), value, out);
            }
        }
        Value::Array(values) => {
            for (index, value) in values.iter().enumerate() {
                // Instruments are known by name: their places differ where one run has more.
                let symbol = value.get("symbol").and_then(Value::as_str);
                let name = symbol.map_or_else(|| index.to_string(), str::to_owned);
                flatten(&below(&name), value, out);
            }
        }
        Value::String(text) => {
            out.insert(place.to_owned(), text.clone());
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {
            out.insert(place.to_owned(), value.to_string());
        }
    }
}

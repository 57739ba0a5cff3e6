//! Two runs side by side: fields of their manifests that differ, the first decision that differs, and where the
//! difference in profit comes from. It must never decide which of them is right.

use core::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use counterfoil_trading::manifest::{Manifest, ManifestError, RunSetup};
use counterfoil_trading::record::{
    CloseRecord, DecidedBar, DecisionRecord, KIND_CLOSE, KIND_DECISION, record_kind,
};
use counterfoil_trading::time::UnixNanos;
use counterfoil_trading::units::Money;
use serde_json::Value;

use crate::run::journal::{JournalReader, ReadJournalError};
use crate::store::data_dir::{DataDir, DataDirError, Execution};

/// Why two runs could not be compared.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompareError {
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    #[error(transparent)]
    Journal(#[from] ReadJournalError),
}

/// How two runs differ.
#[derive(Clone, Debug)]
pub struct RunComparison {
    /// Fields of the manifests that differ, by name.
    pub fields: Vec<FieldDifference>,
    /// Decisions in each journal.
    pub decisions: [u64; 2],
    /// The first bar that only one run has, that differs, or on which requests or risk verdicts differ.
    pub decision: Option<DifferingBar>,
    /// The first bar after which the accounts differ.
    pub account: Option<DifferingBar>,
    /// Profit of each run, if both journals are closed.
    pub profit: Option<[ProfitBreakdown; 2]>,
}

/// One field of the manifest with both values.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FieldDifference {
    /// The path of the field, such as `costs.fee-bps`.
    pub field: String,
    /// The value in each manifest; `None` where it has no such field.
    pub values: [Option<String>; 2],
}

/// In what two runs differ at a bar.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum DifferenceAspect {
    /// Only the first run has a decision on it.
    OnlyInFirst,
    /// Only the second run has a decision on it.
    OnlyInSecond,
    /// The bar's own values.
    Bar,
    /// The strategy's requests.
    Requests,
    /// The risk gate's verdicts.
    Verdicts,
    /// Cash, equity or position.
    Account,
}

impl DifferenceAspect {
    /// The stable name in reports.
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
pub struct DifferingBar {
    pub aspect: DifferenceAspect,
    pub close_time: UnixNanos,
    /// The instrument's symbol.
    pub symbol: String,
    /// Entry index and decision of each run; `None` where a run has none.
    pub decisions: [Option<(u64, Box<DecisionRecord>)>; 2],
}

/// The profit of a run: `total` is `price` plus dividends less costs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ProfitBreakdown {
    /// Equity at the end less starting cash.
    pub total: Money,
    /// Profit from prices alone, before all costs.
    pub price: Money,
    pub fees: Money,
    pub slippage: Money,
    pub borrow: Money,
    /// Dividends received less those paid.
    pub dividends: Money,
}

/// Compares two executions.
///
/// # Errors
///
/// Returns [`CompareError`] if a journal or manifest cannot be read.
pub fn compare(data: &DataDir, pair: [&Execution; 2]) -> Result<RunComparison, CompareError> {
    let manifests = [manifest_of(data, pair[0])?, manifest_of(data, pair[1])?];
    let setups = [manifests[0].setup()?, manifests[1].setup()?];
    let mut sides = [
        DecisionReader::open(pair[0], &setups[0])?,
        DecisionReader::open(pair[1], &setups[1])?,
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
    Ok(RunComparison {
        fields: fields(&manifests)?,
        decisions: [first.count, second.count],
        decision,
        account,
        profit: profit.map(|(first, second)| [first, second]),
    })
}

fn manifest_of(data: &DataDir, execution: &Execution) -> Result<Manifest, CompareError> {
    Ok(Manifest::parse(&data.manifest_text(execution)?)?)
}

/// Reads one run's decisions, front to back.
pub(crate) struct DecisionReader {
    reader: JournalReader,
    symbols: Vec<String>,
    head: Option<(u64, DecisionRecord)>,
    count: u64,
    close: Option<CloseRecord>,
}

impl DecisionReader {
    pub(crate) fn open(execution: &Execution, setup: &RunSetup) -> Result<Self, ReadJournalError> {
        let symbols = setup
            .instruments
            .iter()
            .map(|instrument| instrument.symbol().to_owned());
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
                    let decision = DecisionRecord::decode(body)?;
                    self.count = self.count.saturating_add(1);
                    self.head = Some((index, self.rest_of(decision)?));
                    return Ok(true);
                }
                KIND_CLOSE => self.close = Some(CloseRecord::decode(body)?),
                _ => {}
            }
        }
    }

    /// The decision with the records that continue it.
    fn rest_of(
        &mut self,
        mut decision: DecisionRecord,
    ) -> Result<DecisionRecord, ReadJournalError> {
        let bar = decision.decided_bar();
        while let Some(body) = self.reader.peek_body()? {
            if record_kind(body)? != KIND_DECISION || DecidedBar::of(body)? != bar {
                break;
            }
            decision.append(DecisionRecord::decode(body)?);
            self.reader.pass();
        }
        Ok(decision)
    }

    /// The sort key of the head, the same in every journal: close time, then symbol.
    fn key(&self) -> Option<(UnixNanos, &str)> {
        let (_, decision) = self.head.as_ref()?;
        let bar = decision.bar.get();
        let symbol = self.symbols.get(bar.instrument.index());
        Some((bar.close_time, symbol.map_or("", String::as_str)))
    }

    fn profit(&self, setup: &RunSetup) -> Option<ProfitBreakdown> {
        let close = self.close.as_ref()?;
        let total = close.equity.0.checked_sub(setup.cash.0)?;
        let price = total
            .checked_add(close.fees.0)?
            .checked_add(close.slippage.0)?
            .checked_add(close.borrow.0)?
            .checked_sub(close.dividends.0)?;
        Some(ProfitBreakdown {
            total: Money(total),
            price: Money(price),
            fees: close.fees,
            slippage: close.slippage,
            borrow: close.borrow,
            dividends: close.dividends,
        })
    }
}

/// The decisions of both runs on one bar, or of the only run that has it.
pub(crate) struct DecisionPair {
    pub(crate) close_time: UnixNanos,
    pub(crate) symbol: String,
    pub(crate) sides: [Option<(u64, DecisionRecord)>; 2],
}

pub(crate) fn next_pair(
    sides: &mut [DecisionReader; 2],
) -> Result<Option<DecisionPair>, ReadJournalError> {
    // A merge of two sorted journals, with one decision of each in memory: a run of years compares like one of a day.
    let [first, second] = sides;
    let order = match (first.key(), second.key()) {
        (None, None) => return Ok(None),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (Some(left), Some(right)) => left.cmp(&right),
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
    let take = |side: &mut DecisionReader, taken: bool| {
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
    Ok(Some(DecisionPair {
        close_time,
        symbol,
        sides,
    }))
}

impl DecisionPair {
    pub(crate) fn decision_aspect(&self) -> Option<DifferenceAspect> {
        let (first, second) = match &self.sides {
            [Some((_, first)), Some((_, second))] => (first, second),
            [Some(_), None] => return Some(DifferenceAspect::OnlyInFirst),
            [None, _] => return Some(DifferenceAspect::OnlyInSecond),
        };
        let values = |decision: &DecisionRecord| {
            let bar = *decision.bar.get();
            let prices = [bar.open, bar.high, bar.low, bar.close];
            (bar.open_time, prices, bar.volume)
        };
        // In causal order: a different bar explains different requests, and these explain different verdicts.
        if values(first) != values(second) {
            Some(DifferenceAspect::Bar)
        } else if first.requests != second.requests {
            Some(DifferenceAspect::Requests)
        } else if first.verdicts != second.verdicts {
            Some(DifferenceAspect::Verdicts)
        } else {
            None
        }
    }

    pub(crate) fn account_aspect(&self) -> Option<DifferenceAspect> {
        let [Some((_, first)), Some((_, second))] = &self.sides else {
            return None;
        };
        let values =
            |decision: &DecisionRecord| (decision.cash, decision.equity, decision.position);
        (values(first) != values(second)).then_some(DifferenceAspect::Account)
    }

    pub(crate) fn site(&self, aspect: DifferenceAspect) -> DifferingBar {
        let boxed = |side: &Option<(u64, DecisionRecord)>| {
            let (index, decision) = side.as_ref()?;
            Some((*index, Box::new(decision.clone())))
        };
        DifferingBar {
            aspect,
            close_time: self.close_time,
            symbol: self.symbol.clone(),
            decisions: [boxed(&self.sides[0]), boxed(&self.sides[1])],
        }
    }
}

/// The fields in which two manifests differ, by path.
fn fields(manifests: &[Manifest; 2]) -> Result<Vec<FieldDifference>, ManifestError> {
    let mut flat = [BTreeMap::new(), BTreeMap::new()];
    for (manifest, flat) in manifests.iter().zip(&mut flat) {
        let json: Value =
            serde_json::from_str(&manifest.canonical()?).map_err(|error| ManifestError::Json {
                message: error.to_string(),
            })?;
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
                // Instruments are matched by symbol. By position, one more instrument in a run would make all the
                // following ones differ.
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

//! Corporate actions from columns of the bars' files: given to instruments, kept beside the bars, and held against
//! the file of actions. It must never choose between two that contradict each other.

use std::collections::BTreeMap;

use counterfoil_trading::corporate::CorporateActionKind;
use counterfoil_trading::time::{DAY_NANOS, UnixNanos};
use counterfoil_trading::units::Money;

use crate::error::IngestError;
use crate::layout::ACTIONS;
use crate::quality::actions::{SymbolAction, format_actions};
use crate::source::row_actions::RowAction;
use crate::source::times::date;
use crate::spool::staging::StagingDir;
use crate::store::lists::write_list;
use crate::store::manifest::LayerList;

/// The actions of a row.
pub(crate) fn symbol_actions(
    instrument: &str,
    ex_time: UnixNanos,
    action: RowAction,
) -> impl Iterator<Item = SymbolAction> {
    let split = action.split.map(|ratio| CorporateActionKind::Split {
        new: ratio.new,
        old: ratio.old,
    });
    let dividend = action
        .dividend
        .map(|per_unit| CorporateActionKind::Dividend {
            per_unit,
            special: false,
        });
    let instrument = instrument.to_owned();
    split
        .into_iter()
        .chain(dividend)
        .map(move |kind| SymbolAction {
            ex_time,
            instrument: instrument.clone(),
            kind,
        })
}

/// Writes the actions of a layer beside its bars.
pub(crate) fn write_actions(
    staging: &StagingDir,
    actions: &[SymbolAction],
) -> Result<Option<LayerList>, IngestError> {
    if actions.is_empty() {
        return Ok(None);
    }
    let text = format_actions(actions);
    write_list(staging, ACTIONS.to_owned(), actions.len(), &text).map(Some)
}

/// The actions of several files of bars; where two have one of an instrument and time, the later file's counts, as
/// its bars do.
#[derive(Debug, Default)]
pub(crate) struct ColumnActions {
    all: BTreeMap<(UnixNanos, String, u8), SymbolAction>,
}

impl ColumnActions {
    pub(crate) fn add(&mut self, actions: Vec<SymbolAction>) {
        for action in actions {
            let key = (
                action.ex_time,
                action.instrument.clone(),
                kind_number(&action.kind),
            );
            self.all.insert(key, action);
        }
    }

    /// These actions and those of the file of actions, sorted.
    ///
    /// # Errors
    ///
    /// Returns [`IngestError::ActionContradiction`] if both have one of an instrument and day that differ.
    pub(crate) fn join(self, stated: Vec<SymbolAction>) -> Result<Vec<SymbolAction>, IngestError> {
        let mut all = Vec::new();
        for ((ex_time, instrument, number), action) in self.all {
            // A file of actions has dates, and a bar of that date may open hours before or after midnight UTC.
            let same: Vec<&SymbolAction> = stated
                .iter()
                .filter(|other| {
                    let apart = other.ex_time.0.abs_diff(ex_time.0);
                    other.instrument == instrument
                        && kind_number(&other.kind) == number
                        && apart < DAY_NANOS.unsigned_abs()
                })
                .collect();
            if same.is_empty() {
                all.push(action);
            } else if !agree(&action.kind, &same) {
                let list = |actions: &[SymbolAction]| {
                    let text = format_actions(actions);
                    let lines: Vec<&str> = text.lines().skip(1).collect();
                    lines.join("; ")
                };
                let same: Vec<SymbolAction> = same.into_iter().cloned().collect();
                return Err(IngestError::ActionContradiction {
                    instrument,
                    date: date(ex_time),
                    column: list(core::slice::from_ref(&action)),
                    stated: list(&same),
                });
            }
        }
        all.extend(stated);
        all.sort_by(|a, b| a.key().cmp(&b.key()));
        Ok(all)
    }
}

/// Which actions can be the same: columns do not tell special dividends from others.
fn kind_number(kind: &CorporateActionKind) -> u8 {
    match kind {
        CorporateActionKind::Split { .. } => 0,
        CorporateActionKind::Dividend { .. } => 1,
        CorporateActionKind::SymbolChange { .. } => 2,
        CorporateActionKind::Delisting { .. } => 3,
        CorporateActionKind::Halt { .. } => 4,
        CorporateActionKind::SessionEnd => 5,
    }
}

/// Whether stated actions are what a column has: one split, or dividends of the same sum.
fn agree(column: &CorporateActionKind, stated: &[&SymbolAction]) -> bool {
    let CorporateActionKind::Dividend { per_unit, .. } = column else {
        return stated.iter().all(|action| action.kind == *column);
    };
    let mut sum = Money::ZERO;
    for action in stated {
        if let CorporateActionKind::Dividend { per_unit, .. } = &action.kind {
            let Some(next) = sum.0.checked_add(per_unit.0) else {
                return false;
            };
            sum = Money(next);
        }
    }
    sum == *per_unit
}

//! What differs between the journal and the rules, and at which record.

use counterfoil_trading::record::RunRecord;

use super::Rerunner;
use crate::describe::kind_name;
use crate::differ::first_difference;
use crate::finding::{Finding, FindingCause};

impl Rerunner {
    /// The record at a place of the slice, or the index after the last.
    pub(super) fn site(&self, at: usize) -> (u64, Option<&[u8]>) {
        if let Some((index, body)) = self.bodies.get(at) {
            return (index, Some(body));
        }
        // Behind the last record of the slice: the finding names the index where the missing record belongs.
        let last = at.checked_sub(1).and_then(|last| self.bodies.get(last));
        (last.map_or(0, |(last, _)| last.saturating_add(1)), None)
    }

    /// The finding that the rules give another record at a place of the slice, or none.
    pub(super) fn differs(&self, at: usize, produced: Option<&[u8]>) -> Box<Finding> {
        let describe = self.names.describe();
        let (index, body) = self.site(at);
        let journal = body.and_then(|body| RunRecord::decode(body).ok());
        let rules = produced.and_then(|body| RunRecord::decode(body).ok());
        let field = match (&journal, &rules) {
            (Some(journal), Some(rules)) => first_difference(journal, rules),
            _ => "whether there is a record".to_owned(),
        };
        let text = |record: &Option<RunRecord>| {
            record.as_ref().map_or_else(
                || "no record here".to_owned(),
                |record| format!("{}: {}", kind_name(record), describe.record(record)),
            )
        };
        let cause = FindingCause::Differs {
            field,
            journal: text(&journal),
            rules: text(&rules),
        };
        let named = body.or(produced);
        self.names.finding(index, named, cause)
    }
}

//! Which findings a person accepts. It must never accept more than was named.

use crate::quality::findings::QualityFinding;
use crate::store::acceptance::FindingAcceptance;

/// All acceptances that count for a snapshot.
#[derive(Clone, Debug, Default)]
pub(crate) struct AcceptanceList(pub(crate) Vec<FindingAcceptance>);

impl AcceptanceList {
    /// The person who accepted a finding, if one did.
    pub(crate) fn by(&self, finding: &QualityFinding) -> Option<String> {
        self.0
            .iter()
            .find(|acceptance| acceptance.covers(finding))
            .map(|acceptance| acceptance.by.clone())
    }
}

impl FindingAcceptance {
    /// Whether a finding is one of those accepted.
    pub(crate) fn covers(&self, finding: &QualityFinding) -> bool {
        // A field left out covers every finding of the rule; a stated one must match exactly, so
        // that an acceptance never reaches further than its author wrote.
        let same =
            |asked: &Option<String>, there: &Option<String>| asked.is_none() || asked == there;
        self.rule == finding.rule
            && same(&self.instrument, &finding.instrument)
            && same(&self.date, &finding.date)
            && same(&self.file, &finding.file)
            && (self.line.is_none() || self.line == finding.line)
    }
}

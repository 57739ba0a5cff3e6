//! Why a decision came out otherwise. It must never read a journal.

use crate::study::compare::DifferenceAspect;

/// Why the first differing decision differs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ParityCause {
    /// The bar is another one, or only one of the two has it.
    DataRevised,
    /// The live run was sent the bar after its slice had ended, and refused it; or decided it so
    /// long after its close that the gate refused its orders.
    LateBar,
    /// Bar and requests are the same, the account is not: something was filled otherwise.
    FillDiffered,
    /// Bar, account and requests are the same, and the risk gate said otherwise.
    LimitChanged,
    /// Bar and account are the same, and the component asked for something else.
    DecisionDiffered,
}

impl ParityCause {
    /// Every cause.
    pub const ALL: [Self; 5] = [
        Self::DataRevised,
        Self::LateBar,
        Self::FillDiffered,
        Self::LimitChanged,
        Self::DecisionDiffered,
    ];

    /// Its stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::DataRevised => "data-revised",
            Self::LateBar => "late-bar",
            Self::FillDiffered => "fill-differed",
            Self::LimitChanged => "limit-changed",
            Self::DecisionDiffered => "decision-differed",
        }
    }

    /// What it means, in a sentence.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::DataRevised => "the bar is not the one that was decided live",
            Self::LateBar => {
                "live, the bar came after its slice had ended, or was decided too late for its orders"
            }
            Self::FillDiffered => "an order was filled otherwise",
            Self::LimitChanged => "the risk gate said otherwise to the same request",
            Self::DecisionDiffered => {
                "the component asked for something else on the same bar and account"
            }
        }
    }

    /// The cause of a difference in `aspect`; whether the accounts differ as well, and whether the
    /// live run had the bar too late.
    pub(super) const fn of(aspect: DifferenceAspect, account_differs: bool, late: bool) -> Self {
        match aspect {
            DifferenceAspect::OnlyInSecond if late => Self::LateBar,
            DifferenceAspect::OnlyInFirst
            | DifferenceAspect::OnlyInSecond
            | DifferenceAspect::Bar => Self::DataRevised,
            // What was filled in this slice stands in its account: it came before the question.
            _ if account_differs => Self::FillDiffered,
            DifferenceAspect::Verdicts if late => Self::LateBar,
            DifferenceAspect::Verdicts => Self::LimitChanged,
            DifferenceAspect::Requests | DifferenceAspect::Account => Self::DecisionDiffered,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_difference_has_one_cause() {
        let table = [
            (
                DifferenceAspect::OnlyInFirst,
                false,
                false,
                ParityCause::DataRevised,
            ),
            (
                DifferenceAspect::OnlyInFirst,
                false,
                true,
                ParityCause::DataRevised,
            ),
            (
                DifferenceAspect::OnlyInSecond,
                false,
                false,
                ParityCause::DataRevised,
            ),
            (
                DifferenceAspect::OnlyInSecond,
                false,
                true,
                ParityCause::LateBar,
            ),
            (DifferenceAspect::Bar, true, true, ParityCause::DataRevised),
            (
                DifferenceAspect::Account,
                true,
                false,
                ParityCause::FillDiffered,
            ),
            (
                DifferenceAspect::Requests,
                true,
                false,
                ParityCause::FillDiffered,
            ),
            (
                DifferenceAspect::Verdicts,
                true,
                false,
                ParityCause::FillDiffered,
            ),
            (
                DifferenceAspect::Requests,
                false,
                false,
                ParityCause::DecisionDiffered,
            ),
            (
                DifferenceAspect::Verdicts,
                false,
                false,
                ParityCause::LimitChanged,
            ),
            (
                DifferenceAspect::Verdicts,
                false,
                true,
                ParityCause::LateBar,
            ),
        ];
        for (aspect, account, late, cause) in table {
            assert_eq!(ParityCause::of(aspect, account, late), cause, "{aspect:?}");
        }
    }
}

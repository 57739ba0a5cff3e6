//! Why a decision differs. It must never read a journal.

use crate::study::compare::DifferenceAspect;

/// Why the first differing decision differs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ParityCause {
    /// The bar has other values, or only one of the two runs has it.
    DataRevised,
    /// The live run received the bar after its slice had ended and refused it, or decided it so long after its close that
    /// the risk gate refused the orders.
    LateBar,
    /// Bar and requests are equal, the account is not: a fill differed.
    FillDiffered,
    /// Bar, account and requests are equal, the risk verdicts are not.
    LimitChanged,
    /// Bar and account are equal, the component's requests are not.
    DecisionDiffered,
}

impl ParityCause {
    pub const ALL: [Self; 5] = [
        Self::DataRevised,
        Self::LateBar,
        Self::FillDiffered,
        Self::LimitChanged,
        Self::DecisionDiffered,
    ];

    /// The stable name in statements.
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

    /// The sentence in statements.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::DataRevised => "the live run decided on another bar",
            Self::LateBar => {
                "the live run received the bar after its slice had ended, or decided it too late for its orders"
            }
            Self::FillDiffered => "a fill differs",
            Self::LimitChanged => "the risk gate gave another verdict on the same request",
            Self::DecisionDiffered => {
                "the component made other requests on the same bar and account"
            }
        }
    }

    /// The cause of a difference in `aspect`, by whether the accounts differ as well, and whether the live run had the bar
    /// too late.
    pub(super) const fn from_difference(
        aspect: DifferenceAspect,
        account_differs: bool,
        late: bool,
    ) -> Self {
        match aspect {
            DifferenceAspect::OnlyInSecond if late => Self::LateBar,
            DifferenceAspect::OnlyInFirst
            | DifferenceAspect::OnlyInSecond
            | DifferenceAspect::Bar => Self::DataRevised,
            // Fills of a slice come before the strategy is called, so a differing account explains differing requests.
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
            assert_eq!(
                ParityCause::from_difference(aspect, account, late),
                cause,
                "{aspect:?}"
            );
        }
    }
}

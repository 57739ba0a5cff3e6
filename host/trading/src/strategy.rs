//! The interface to a strategy: the callbacks that a run makes, and every fault of the guest behind
//! them. It must never know wasm.

use alloc::string::String;
use alloc::vec::Vec;

use crate::account::Account;
use crate::bar::ClosedBar;
use crate::corporate::CorporateAction;
use crate::execution::{Fill, OrderEvent};
use crate::instrument::InstrumentId;
use crate::order::{ClientOrderId, OrderType, Request, Side};
use crate::time::UnixNanos;
use crate::units::Quantity;

/// One bar as a strategy sees it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct BarView {
    /// The bar.
    pub bar: ClosedBar,
    /// 0 for the instrument's first bar of the run, then 1, 2 … without a gap.
    pub index: u64,
    /// How many bars share its close time.
    pub bars_in_slice: u32,
    /// Whether it is the last bar of its slice.
    pub last_in_slice: bool,
    /// Whether orders are still refused because the warm-up is not over.
    pub warming_up: bool,
}

/// An order that can still fill, as the account sees it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct WorkingOrder {
    /// What is to be traded.
    pub instrument: InstrumentId,
    /// The order's name.
    pub client_order_id: ClientOrderId,
    /// Buy or sell.
    pub side: Side,
    /// What is left to fill.
    pub leaves_quantity: Quantity,
    /// At which price.
    pub order_type: OrderType,
}

/// The account as of the call: what a strategy may read.
#[derive(Clone, Copy, Debug)]
pub struct AccountView<'a> {
    /// Cash and positions.
    pub account: &'a Account,
    /// Orders that can still fill, in the sequence in which they were sent.
    pub working: &'a [WorkingOrder],
    /// Changes whenever anything in the view may have changed, so that a copy can be kept.
    pub revision: u64,
}

/// The guest's fault, one of a closed list. The instance is dead after any of them.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Fault {
    /// `init` or `on-bar` answered with an error; its sentence goes with it.
    StrategyError,
    /// The fuel of one callback ran out; the message names the limits that gave it.
    OutOfFuel,
    /// Linear memory beyond the limit.
    MemoryLimit,
    /// Table elements beyond the limit.
    TableLimit,
    /// More instances, memories or tables than the limit.
    InstanceLimit,
    /// The stack overflowed before the fuel ended: not portable between back ends.
    StackOverflow,
    /// `unreachable`: what a panic ends in; the message is the panic's text.
    Unreachable,
    /// A load or store outside linear memory.
    MemoryOutOfBounds,
    /// A table access out of bounds, or an indirect call to nothing or to another signature.
    BadIndirectCall,
    /// Integer overflow, division by zero, or a conversion that has no result.
    BadArithmetic,
    /// A value that the canonical ABI does not allow.
    InvalidAnswer,
    /// An answer larger than the limit.
    AnswerTooLarge,
    /// Any other trap.
    OtherTrap,
}

impl Fault {
    /// Every fault, in the sequence of its number in the record format: append only.
    pub const ALL: [Self; 13] = [
        Self::StrategyError,
        Self::OutOfFuel,
        Self::MemoryLimit,
        Self::TableLimit,
        Self::InstanceLimit,
        Self::StackOverflow,
        Self::Unreachable,
        Self::MemoryOutOfBounds,
        Self::BadIndirectCall,
        Self::BadArithmetic,
        Self::InvalidAnswer,
        Self::AnswerTooLarge,
        Self::OtherTrap,
    ];

    /// Its stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::StrategyError => "strategy-error",
            Self::OutOfFuel => "out-of-fuel",
            Self::MemoryLimit => "memory-limit",
            Self::TableLimit => "table-limit",
            Self::InstanceLimit => "instance-limit",
            Self::StackOverflow => "stack-overflow",
            Self::Unreachable => "unreachable",
            Self::MemoryOutOfBounds => "memory-out-of-bounds",
            Self::BadIndirectCall => "bad-indirect-call",
            Self::BadArithmetic => "bad-arithmetic",
            Self::InvalidAnswer => "invalid-answer",
            Self::AnswerTooLarge => "answer-too-large",
            Self::OtherTrap => "other-trap",
        }
    }
}

/// A fault with its messages.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StrategyFault {
    pub fault: Fault,
    /// The strategy's own sentence, the text of its panic, or the limit to raise; it goes into the
    /// decision digest.
    pub message: String,
    /// The trap's text from the engine (function names, addresses): for people, outside the digest.
    pub trace: String,
}

impl StrategyFault {
    /// A fault without messages.
    #[must_use]
    pub fn new(fault: Fault) -> Self {
        Self {
            fault,
            message: String::new(),
            trace: String::new(),
        }
    }
}

/// Why a callback failed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum CallbackError {
    /// The guest is at fault: journaled, and final for it.
    Fault(StrategyFault),
    /// The host failed: no verdict on the strategy, and the run ends without a closing record.
    Host(String),
}

impl From<Fault> for CallbackError {
    fn from(fault: Fault) -> Self {
        Self::Fault(StrategyFault::new(fault))
    }
}

/// The callbacks that a run makes. After an error it makes no further one.
pub trait Strategy {
    /// Decides on one closed bar: pushes its requests into the empty list `requests`.
    ///
    /// # Errors
    ///
    /// Returns [`CallbackError`] if the guest or the host failed.
    fn on_bar(
        &mut self,
        bar: &BarView,
        account: &AccountView<'_>,
        requests: &mut Vec<Request>,
    ) -> Result<(), CallbackError>;

    /// Reports a fill.
    ///
    /// # Errors
    ///
    /// As [`Strategy::on_bar`].
    fn on_fill(&mut self, fill: &Fill, account: &AccountView<'_>) -> Result<(), CallbackError>;

    /// Reports a change of an order's status, other than a fill; `time` is the slice's close time.
    ///
    /// # Errors
    ///
    /// As [`Strategy::on_bar`].
    fn on_order_event(
        &mut self,
        event: &OrderEvent,
        time: UnixNanos,
        account: &AccountView<'_>,
    ) -> Result<(), CallbackError>;

    /// Reports a corporate action, before the first bar of its ex-date. The account has it already.
    ///
    /// # Errors
    ///
    /// As [`Strategy::on_bar`].
    fn on_corporate_action(
        &mut self,
        action: &CorporateAction,
        account: &AccountView<'_>,
    ) -> Result<(), CallbackError>;

    /// Fuel used by all callbacks since the last call of this function. A circumstance, never
    /// part of a decision.
    fn take_fuel(&mut self) -> u64;
}

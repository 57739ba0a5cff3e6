//! What a strategy holds while it decides on one bar: its account and the orders it sends.

use crate::account::Account;
use crate::bindings::counterfoil::strategy::types::{
    CancelRequest, Instrument, OrderRequest, OrderType, ReplaceRequest, Request, Side,
    StopLimitPrices, TimeInForce,
};

/// The account as of this bar, the instruments, and the orders that the strategy sends.
#[derive(Debug)]
pub struct Context<'a> {
    instruments: &'a [Instrument],
    next_client_order_id: &'a mut u64,
    requests: Vec<Request>,
}

impl<'a> Context<'a> {
    pub(crate) fn new(instruments: &'a [Instrument], next_client_order_id: &'a mut u64) -> Self {
        Self {
            instruments,
            next_client_order_id,
            requests: Vec::new(),
        }
    }

    pub(crate) fn into_requests(self) -> Vec<Request> {
        self.requests
    }

    /// The account: fills of this slice are booked, positions are marked to the last close.
    #[must_use]
    #[allow(
        clippy::unused_self,
        reason = "an account exists only while a bar is decided"
    )]
    pub fn account(&self) -> Account {
        Account::new()
    }

    /// The signed quantity held of an instrument, at its quantity scale.
    #[must_use]
    pub fn position(&self, instrument: u32) -> i64 {
        self.account().position(instrument).quantity
    }

    /// All instruments of the run.
    #[must_use]
    pub fn instruments(&self) -> &'a [Instrument] {
        self.instruments
    }

    /// One instrument of the run.
    #[must_use]
    pub fn instrument(&self, id: u32) -> Option<&'a Instrument> {
        self.instruments.get(usize::try_from(id).ok()?)
    }

    /// An order at the next bar's open. Quantities and prices are at the instrument's scales.
    pub fn market(&mut self, instrument: u32, side: Side, quantity: i64) -> OrderBuilder<'_, 'a> {
        self.order(instrument, side, quantity, OrderType::Market)
    }

    /// An order at `price` or better.
    pub fn limit(
        &mut self,
        instrument: u32,
        side: Side,
        quantity: i64,
        price: i64,
    ) -> OrderBuilder<'_, 'a> {
        self.order(instrument, side, quantity, OrderType::Limit(price))
    }

    /// A market order once `price` is reached.
    pub fn stop(
        &mut self,
        instrument: u32,
        side: Side,
        quantity: i64,
        price: i64,
    ) -> OrderBuilder<'_, 'a> {
        self.order(instrument, side, quantity, OrderType::Stop(price))
    }

    /// A limit order once the stop price is reached.
    pub fn stop_limit(
        &mut self,
        instrument: u32,
        side: Side,
        quantity: i64,
        prices: StopLimitPrices,
    ) -> OrderBuilder<'_, 'a> {
        self.order(instrument, side, quantity, OrderType::StopLimit(prices))
    }

    /// The market order that takes the position to `target`; none where it is there already.
    /// It looks at the position alone: orders that still work are not counted.
    pub fn to_target(&mut self, instrument: u32, target: i64) -> Option<OrderBuilder<'_, 'a>> {
        let difference = target.checked_sub(self.position(instrument))?;
        let side = if difference > 0 {
            Side::Buy
        } else {
            Side::Sell
        };
        match difference.checked_abs()? {
            0 => None,
            quantity => Some(self.market(instrument, side, quantity)),
        }
    }

    /// Cancels a working order.
    pub fn cancel(&mut self, client_order_id: u64) {
        self.requests.push(Request::Cancel(CancelRequest {
            client_order_id,
            reason: None,
        }));
    }

    /// Cancels a working order, with a reason for the journal.
    pub fn cancel_because(&mut self, client_order_id: u64, reason: &str) {
        let reason = Some(reason.to_owned());
        self.requests.push(Request::Cancel(CancelRequest {
            client_order_id,
            reason,
        }));
    }

    fn order(
        &mut self,
        instrument: u32,
        side: Side,
        quantity: i64,
        order_type: OrderType,
    ) -> OrderBuilder<'_, 'a> {
        let request = OrderRequest {
            instrument,
            client_order_id: *self.next_client_order_id,
            side,
            quantity,
            order_type,
            time_in_force: TimeInForce::Gtc,
            reason: None,
        };
        OrderBuilder {
            ctx: self,
            request,
            replaces: None,
        }
    }
}

/// An order that is being written. It leaves with [`OrderBuilder::send`]; good till cancelled
/// unless [`OrderBuilder::time_in_force`] changes it.
#[derive(Debug)]
#[must_use = "an order leaves with `send`"]
pub struct OrderBuilder<'c, 'a> {
    ctx: &'c mut Context<'a>,
    request: OrderRequest,
    replaces: Option<u64>,
}

impl OrderBuilder<'_, '_> {
    /// Adds a reason, a few words for the journal.
    pub fn reason(mut self, reason: &str) -> Self {
        self.request.reason = Some(reason.to_owned());
        self
    }

    /// How long the order may rest.
    pub fn time_in_force(mut self, time_in_force: TimeInForce) -> Self {
        self.request.time_in_force = time_in_force;
        self
    }

    /// A client order id of the strategy's own choice, unique in the run. Later orders that are
    /// not named are counted on from the highest id so far.
    pub fn id(mut self, client_order_id: u64) -> Self {
        self.request.client_order_id = client_order_id;
        self
    }

    /// Puts this order in the place of a working one: both or neither.
    pub fn replacing(mut self, client_order_id: u64) -> Self {
        self.replaces = Some(client_order_id);
        self
    }

    /// Sends the order with this bar's answer; the result is its client order id.
    #[allow(
        clippy::must_use_candidate,
        reason = "many strategies have no use for the id"
    )]
    pub fn send(self) -> u64 {
        let id = self.request.client_order_id;
        let next = id.saturating_add(1).max(*self.ctx.next_client_order_id);
        *self.ctx.next_client_order_id = next;
        self.ctx.requests.push(match self.replaces {
            None => Request::Submit(self.request),
            Some(replaces) => Request::Replace(ReplaceRequest {
                replaces,
                with: self.request,
            }),
        });
        id
    }
}

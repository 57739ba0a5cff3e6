//! Runs a strategy natively over a table of bars: for `cargo test`, without a host. It fills an
//! order only when the test asks for it; it must never be mistaken for a simulation of a venue.

use core::cell::RefCell;
use std::collections::BTreeMap;

use crate::bindings::counterfoil::strategy::types::{
    Argument, Bar, CorporateAction, Fill, Instrument, LogLevel, Money, OrderEvent, OrderRequest,
    OrderStatus, ParameterType, ParameterValue, Position, Request, Setup, Side, WorkingOrder,
};
use crate::{Decimal, Parameters as _, Run, Strategy};

/// What the strategy reads while it decides.
#[derive(Debug, Default)]
struct State {
    cash_nanos: i128,
    positions: BTreeMap<u32, Position>,
    closes: BTreeMap<u32, i64>,
    working: Vec<OrderRequest>,
    log: Vec<(LogLevel, String)>,
    instruments: Vec<Instrument>,
}

thread_local! {
    static STATE: RefCell<State> = RefCell::default();
}

impl State {
    /// Value of a quantity at a price, in billionths of the currency.
    fn notional_nanos(&self, instrument: u32, quantity: i64, price: i64) -> i128 {
        let Some(of) = self
            .instruments
            .get(usize::try_from(instrument).unwrap_or(usize::MAX))
        else {
            return 0;
        };
        let scale = u32::from(of.price_scale) + u32::from(of.quantity_scale);
        // 128 bits: two values of 64 bits each cannot overflow the product, so a test never panics here
        // for large prices.
        let product = i128::from(quantity) * i128::from(price);
        match 9_u32.checked_sub(scale) {
            Some(more) => product * 10_i128.pow(more),
            // Cut, where the host rounds: the harness shows what a strategy sees, it settles no account.
            None => product / 10_i128.pow(scale - 9),
        }
    }
}

/// The imports of the contract, answered from the harness.
pub(crate) mod host {
    use super::{LogLevel, Money, OrderRequest, Position, STATE, WorkingOrder};

    pub(crate) fn cash() -> Money {
        STATE.with_borrow(|state| Money::from_nanos(state.cash_nanos).unwrap_or(Money::ZERO))
    }

    pub(crate) fn equity() -> Money {
        STATE.with_borrow(|state| {
            let value = |(id, position): (&u32, &Position)| {
                let close = state.closes.get(id).copied().unwrap_or_default();
                state.notional_nanos(*id, position.quantity, close)
            };
            let nanos = state.cash_nanos + state.positions.iter().map(value).sum::<i128>();
            Money::from_nanos(nanos).unwrap_or(Money::ZERO)
        })
    }

    pub(crate) fn position_of(instrument: u32) -> Position {
        // An instrument that was never traded is flat, as it is for a component under the host.
        let flat = Position {
            quantity: 0,
            cost: Money::ZERO,
        };
        STATE.with_borrow(|state| state.positions.get(&instrument).copied().unwrap_or(flat))
    }

    pub(crate) fn working_orders() -> Vec<WorkingOrder> {
        // `work` lowers the quantity of a partly filled order, so its quantity is what is left to fill.
        let view = |order: &OrderRequest| WorkingOrder {
            instrument: order.instrument,
            client_order_id: order.client_order_id,
            side: order.side,
            leaves_quantity: order.quantity,
            order_type: order.order_type,
        };
        STATE.with_borrow(|state| state.working.iter().map(view).collect())
    }

    pub(crate) fn write(level: LogLevel, message: &str) {
        STATE.with_borrow_mut(|state| state.log.push((level, message.to_owned())));
    }
}

/// A strategy on a table of bars. One at a time in a thread.
///
/// Cash starts at zero and may go below it. Every mistake in a test is a panic with a sentence.
#[derive(Debug)]
pub struct Harness<S> {
    setup: Setup,
    run: Option<Run<S>>,
    next_index: BTreeMap<u32, u64>,
    time: i64,
    requests: Vec<Request>,
}

/// Nanoseconds in the day that separates two slices of the harness.
const DAY: i64 = 86_400_000_000_000;

impl<S: Strategy> Default for Harness<S> {
    fn default() -> Self {
        Self::new()
    }
}

impl<S: Strategy> Harness<S> {
    /// A harness with one instrument, `TEST`, of two price decimals, whole units and lot one,
    /// and with every parameter at its default.
    #[must_use]
    pub fn new() -> Self {
        // The state is one for the thread, as the imports of a component have no receiver. A test runner
        // reuses its threads, so a test must not start with the account of another.
        STATE.set(State::default());
        let arguments = S::Params::declare()
            .into_iter()
            .map(|parameter| Argument {
                name: parameter.name,
                value: parameter.default,
            })
            .collect();
        let setup = Setup {
            instruments: vec![instrument(0, "TEST")],
            arguments,
            seed: 0,
        };
        Self {
            setup,
            run: None,
            next_index: BTreeMap::new(),
            time: 0,
            requests: Vec::new(),
        }
    }

    /// Takes these instruments in place of `TEST`. Their ids become 0, 1, 2 …
    #[must_use]
    pub fn instruments(mut self, symbols: &[&str]) -> Self {
        self.setup.instruments = (0_u32..)
            // In the sequence of the names, as the ids of a manifest follow its list.
            .zip(symbols)
            .map(|(i, s)| instrument(i, s))
            .collect();
        self
    }

    /// Changes one instrument, such as its lot size.
    ///
    /// # Panics
    ///
    /// If the run has no such instrument.
    #[must_use]
    pub fn with_instrument(mut self, id: u32, change: impl FnOnce(&mut Instrument)) -> Self {
        let index = usize::try_from(id).unwrap_or(usize::MAX);
        let of = self.setup.instruments.get_mut(index);
        assert!(of.is_some(), "there is no instrument {id}");
        if let Some(of) = of {
            change(of);
        }
        self
    }

    /// Gives a parameter a value, written as in a manifest: `10`, `2.5`, `true`, `long`.
    ///
    /// # Panics
    ///
    /// If the strategy has no such parameter, or the value does not fit its type or range.
    #[must_use]
    pub fn param(mut self, name: &str, value: &str) -> Self {
        let declared = S::Params::declare()
            .into_iter()
            .find(|parameter| parameter.name == name);
        // Looked up in the declaration and not in the arguments: type and range are checked as the host
        // checks them.
        let parsed = declared.map(|parameter| parse(&parameter.of, value));
        assert!(parsed.is_some(), "there is no parameter {name}");
        let parsed = parsed.flatten();
        assert!(
            parsed.is_some(),
            "{value} is not a value of the parameter {name}"
        );
        for argument in &mut self.setup.arguments {
            if let (true, Some(value)) = (argument.name == name, parsed) {
                argument.value = value;
            }
        }
        self
    }

    /// Cash at the start, in whole units.
    #[must_use]
    pub fn cash(self, units: i64) -> Self {
        STATE.with_borrow_mut(|state| state.cash_nanos = i128::from(units) * 1_000_000_000);
        self
    }

    /// Runs `init`.
    ///
    /// # Errors
    ///
    /// The strategy's error.
    pub fn init(&mut self) -> Result<(), String> {
        // Before `init`: a strategy may ask for the account there.
        STATE.with_borrow_mut(|state| state.instruments.clone_from(&self.setup.instruments));
        self.run = Some(Run::init(self.setup.clone())?);
        Ok(())
    }

    /// Feeds bars of instrument 0 by their closes, a day apart; the result is every request.
    pub fn closes(&mut self, closes: &[i64]) -> Vec<Request> {
        let feed = |close: &i64| self.bar(&[[*close; 4]]);
        closes.iter().flat_map(feed).collect()
    }

    /// Feeds one slice: open, high, low and close for each instrument from 0 up.
    ///
    /// # Panics
    ///
    /// If `init` or the strategy returns an error.
    pub fn bar(&mut self, slice: &[[i64; 4]]) -> Vec<Request> {
        let result = self.try_bar(slice);
        assert!(
            result.is_ok(),
            "the strategy returned an error: {}",
            result.err().unwrap_or_default()
        );
        result.unwrap_or_default()
    }

    /// As [`Harness::bar`], for a strategy that is expected to return an error.
    ///
    /// # Errors
    ///
    /// The strategy's error.
    pub fn try_bar(&mut self, slice: &[[i64; 4]]) -> Result<Vec<Request>, String> {
        // Most tests do not care about `init`. One that does calls it first and sees its error.
        if self.run.is_none() {
            self.init()?;
        }
        // A slice a day: times only grow, as a strategy may expect.
        let open_time = self.time;
        self.time += DAY;
        let bars_in_slice = u32::try_from(slice.len()).unwrap_or(u32::MAX);
        STATE.with_borrow_mut(|state| {
            state
                .closes
                // All closes before the first call: under the host every instrument of a slice is marked
                // before the first decision.
                .extend((0_u32..).zip(slice.iter().map(|prices| prices[3])));
        });
        let mut all = Vec::new();
        for (instrument, [open, high, low, close]) in (0_u32..).zip(slice.iter().copied()) {
            let index = self.next_index.entry(instrument).or_default();
            let bar = Bar {
                instrument,
                index: *index,
                open_time,
                close_time: self.time,
                open,
                high,
                low,
                close,
                volume: 1_000,
                bars_in_slice,
                last_in_slice: instrument + 1 == bars_in_slice,
                warming_up: *index < u64::from(S::WARM_UP),
            };
            *index += 1;
            // Set by `init` above.
            let Some(run) = &mut self.run else { continue };
            let requests = run.on_bar(&bar)?;
            // Booked at once, so that the next bar of the slice sees the orders of this one, as under the
            // host.
            requests.iter().for_each(book);
            all.extend(requests);
        }
        self.requests.extend_from_slice(&all);
        Ok(all)
    }

    /// Fills a working order whole at a price, books it and calls `on_fill`.
    ///
    /// # Panics
    ///
    /// If no such order is working.
    pub fn fill(&mut self, client_order_id: u64, price: i64) {
        self.fill_part(client_order_id, i64::MAX, price);
    }

    /// Fills a working order at a price up to a quantity; the rest keeps working.
    ///
    /// # Panics
    ///
    /// If no such order is working, or the quantity is not above zero.
    pub fn fill_part(&mut self, client_order_id: u64, quantity: i64, price: i64) {
        assert!(quantity > 0, "a fill of {quantity}");
        let order = work(client_order_id, quantity);
        assert!(order.is_some(), "no order {client_order_id} is working");
        let (Some((order, leaves_quantity)), Some(run)) = (order, &mut self.run) else {
            return;
        };
        let signed = if order.side == Side::Buy {
            order.quantity
        } else {
            -order.quantity
        };
        STATE.with_borrow_mut(|state| {
            let nanos = state.notional_nanos(order.instrument, signed, price);
            state.cash_nanos -= nanos;
            let flat = Position {
                quantity: 0,
                cost: Money::ZERO,
            };
            let position = state.positions.entry(order.instrument).or_insert(flat);
            position.quantity += signed;
            let cost = position.cost.to_nanos() + nanos;
            position.cost = Money::from_nanos(cost).unwrap_or(Money::ZERO);
        });
        // After the booking: under the host the account has a fill when the strategy is called for it. No
        // borrow of the state is held here, or reading the account inside the callback would panic.
        run.strategy().on_fill(&Fill {
            instrument: order.instrument,
            client_order_id,
            side: order.side,
            quantity: order.quantity,
            leaves_quantity,
            price,
            fee: Money::ZERO,
            time: self.time,
        });
    }

    /// Fills every working market order at a price.
    pub fn fill_market_orders(&mut self, price: i64) {
        use crate::OrderType::Market;
        let is_market = |order: &&OrderRequest| order.order_type == Market;
        // The ids first: a callback may read the working orders while they are filled.
        let ids: Vec<u64> = STATE.with_borrow(|state| {
            state
                .working
                .iter()
                .filter(is_market)
                .map(|order| order.client_order_id)
                .collect()
        });
        for id in ids {
            self.fill(id, price);
        }
    }

    /// Ends a working order without a fill and calls `on_order_event`.
    ///
    /// # Panics
    ///
    /// If no such order is working.
    pub fn end_order(&mut self, client_order_id: u64, status: OrderStatus, code: &str) {
        let order = take(client_order_id);
        assert!(order.is_some(), "no order {client_order_id} is working");
        let (Some(order), Some(run)) = (order, &mut self.run) else {
            return;
        };
        run.strategy().on_order_event(&OrderEvent {
            instrument: order.instrument,
            client_order_id,
            status,
            code: code.to_owned(),
            leaves_quantity: order.quantity,
            time: self.time,
        });
    }

    /// Calls `on_corporate_action`. The account is left as it is.
    pub fn corporate_action(&mut self, action: &CorporateAction) {
        if let Some(run) = &mut self.run {
            run.strategy().on_corporate_action(action);
        }
    }

    /// Every request since the start.
    #[must_use]
    pub fn requests(&self) -> &[Request] {
        &self.requests
    }

    /// The signed position in an instrument.
    #[must_use]
    pub fn position(&self, instrument: u32) -> i64 {
        host::position_of(instrument).quantity
    }

    /// The client order ids of the orders that can still fill.
    #[must_use]
    pub fn working(&self) -> Vec<u64> {
        STATE.with_borrow(|state| state.working.iter().map(|o| o.client_order_id).collect())
    }

    /// The lines that the strategy wrote.
    #[must_use]
    pub fn log(&self) -> Vec<(LogLevel, String)> {
        STATE.with_borrow(|state| state.log.clone())
    }
}

/// Requests as short lines, for assertions: `buy 100 TEST-id 0 market`.
#[must_use]
pub fn lines(requests: &[Request]) -> Vec<String> {
    requests.iter().map(line).collect()
}

fn line(request: &Request) -> String {
    use crate::OrderType::{Limit, Market, Stop, StopLimit};
    let order = |order: &OrderRequest| {
        let side = if order.side == Side::Buy {
            "buy"
        } else {
            "sell"
        };
        let at = match order.order_type {
            Market => "market".to_owned(),
            Limit(price) => format!("limit {price}"),
            Stop(price) => format!("stop {price}"),
            StopLimit(prices) => format!("stop {} limit {}", prices.stop, prices.limit),
        };
        let (id, quantity, instrument) = (order.client_order_id, order.quantity, order.instrument);
        format!("#{id} {side} {quantity} of {instrument} {at}")
    };
    match request {
        Request::Submit(request) => order(request),
        Request::Cancel(request) => format!("cancel #{}", request.client_order_id),
        Request::Replace(request) => {
            format!("replace #{} by {}", request.replaces, order(&request.with))
        }
    }
}

fn instrument(id: u32, symbol: &str) -> Instrument {
    Instrument {
        id,
        symbol: symbol.to_owned(),
        price_scale: 2,
        tick_size: 1,
        quantity_scale: 0,
        lot_size: 1,
        volume_scale: 0,
    }
}

fn parse(of: &ParameterType, text: &str) -> Option<ParameterValue> {
    match of {
        ParameterType::Number(range) => {
            let value = Decimal::parse(text)?.at_scale(range.scale)?;
            let number = Decimal::new(value, range.scale).into();
            // Out of range is not a value: the host refuses such a manifest before `init`.
            (range.min..=range.max)
                .contains(&value)
                .then_some(ParameterValue::Number(number))
        }
        ParameterType::Boolean => text.parse().ok().map(ParameterValue::Boolean),
        ParameterType::Choice(names) => {
            let index = names.iter().position(|name| name == text)?;
            Some(ParameterValue::Choice(u32::try_from(index).ok()?))
        }
    }
}

/// Applies a request to the list of working orders, as a venue would that accepts everything.
fn book(request: &Request) {
    match request {
        Request::Submit(order) => {
            STATE.with_borrow_mut(|state| state.working.push(order.clone()));
        }
        Request::Cancel(cancel) => drop(take(cancel.client_order_id)),
        Request::Replace(replace) => {
            // Both or neither, as the contract has it: a replacement of an order that is gone sends
            // nothing.
            if take(replace.replaces).is_some() {
                STATE.with_borrow_mut(|state| state.working.push(replace.with.clone()));
            }
        }
    }
}

/// Takes at most this quantity out of a working order. Returns the part that was taken, as an order,
/// and the quantity that is left.
fn work(client_order_id: u64, quantity: i64) -> Option<(OrderRequest, i64)> {
    STATE.with_borrow_mut(|state| {
        let is_it = |order: &OrderRequest| order.client_order_id == client_order_id;
        let index = state.working.iter().position(is_it)?;
        let order = state.working.get_mut(index)?;
        let mut done = order.clone();
        done.quantity = quantity.min(order.quantity);
        order.quantity -= done.quantity;
        let leaves = order.quantity;
        // A filled order works no longer; left in the list, a strategy would try to cancel it.
        if leaves == 0 {
            state.working.remove(index);
        }
        Some((done, leaves))
    })
}

fn take(client_order_id: u64) -> Option<OrderRequest> {
    STATE.with_borrow_mut(|state| {
        let is_it = |order: &OrderRequest| order.client_order_id == client_order_id;
        let index = state.working.iter().position(is_it)?;
        Some(state.working.remove(index))
    })
}

//! The host's side of the imports `account` and `log`. It must never change anything but the log.

use wasmtime::component::Linker;
use wasmtime::{Error, Result, StoreContextMut, Trap};

use counterfoil_trading::instrument::InstrumentId;

use crate::convert;
use crate::state::{GuestState, LogLevel};
use crate::wit::counterfoil::strategy::types as wit;

/// The interface of the account.
pub(crate) const ACCOUNT: &str = "counterfoil:strategy/account@0.1.0";
/// The interface of the log.
pub(crate) const LOG: &str = "counterfoil:strategy/log@0.1.0";

/// Fuel for a call of the host, on top of what the guest spends: about what it takes in time.
pub(crate) const FUEL_PER_CALL: u64 = 20;
/// Bytes of a log line for one unit of fuel: copying and checking them takes about as long. The log has no
/// end of its own, so that the fuel must end a guest that logs in a loop.
pub(crate) const LOG_BYTES_PER_FUEL: u64 = 64;
/// Fuel for each working order that is copied into the guest: a guest that asks in a loop for a
/// long list would else spend the host's time and not its own fuel.
pub(crate) const FUEL_PER_ORDER: u64 = 20;

type Store<'a> = StoreContextMut<'a, GuestState>;

/// A linker that knows all that a strategy may import.
pub(crate) fn linker(engine: &wasmtime::Engine) -> Result<Linker<GuestState>> {
    let mut linker = Linker::new(engine);
    let mut account = linker.instance(ACCOUNT)?;
    account.func_wrap("cash", |mut store: Store<'_>, (): ()| {
        charge(&mut store, FUEL_PER_CALL)?;
        money(store.data().view.cash)
    })?;
    account.func_wrap("equity", |mut store: Store<'_>, (): ()| {
        charge(&mut store, FUEL_PER_CALL)?;
        money(store.data().view.equity)
    })?;
    account.func_wrap("position-of", |mut store: Store<'_>, (id,): (u32,)| {
        charge(&mut store, FUEL_PER_CALL)?;
        position_of(store.data(), InstrumentId(id))
    })?;
    account.func_wrap("working-orders", |mut store: Store<'_>, (): ()| {
        let count = u64::try_from(store.data().view.working.len()).unwrap_or(u64::MAX);
        let cost = FUEL_PER_ORDER.saturating_mul(count);
        charge(&mut store, FUEL_PER_CALL.saturating_add(cost))?;
        let orders = store.data().view.working.iter();
        Ok((orders.map(convert::working_order).collect::<Vec<_>>(),))
    })?;
    let mut log = linker.instance(LOG)?;
    log.func_wrap(
        "write",
        |store: Store<'_>, (level, text): (wit::LogLevel, String)| write(store, level, text),
    )?;
    Ok(linker)
}

/// One line. wasmtime has bounded the text by what one answer may hold before it got here.
fn write(mut store: Store<'_>, level: wit::LogLevel, text: String) -> Result<()> {
    let bytes = u64::try_from(text.len()).unwrap_or(u64::MAX);
    let cost = bytes.checked_div(LOG_BYTES_PER_FUEL).unwrap_or(0);
    charge(&mut store, FUEL_PER_CALL.saturating_add(cost))?;
    let level = match level {
        wit::LogLevel::Debug => LogLevel::Debug,
        wit::LogLevel::Info => LogLevel::Info,
        wit::LogLevel::Warn => LogLevel::Warn,
        wit::LogLevel::Error => LogLevel::Error,
    };
    store.data_mut().log.write(level, text);
    Ok(())
}

fn money(amount: counterfoil_trading::units::Money) -> Result<(wit::Money,)> {
    Ok((convert::money(amount)?,))
}

fn position_of(state: &GuestState, id: InstrumentId) -> Result<(wit::Position,)> {
    let position = state.view.positions.get(id.index()).copied();
    // An instrument that the run does not have is flat: a wrong id is the strategy's mistake, not a fault.
    let (quantity, cost) = position.unwrap_or_default();
    Ok((wit::Position {
        quantity: quantity.0,
        cost: convert::money(cost)?,
    },))
}

/// Takes fuel from the guest for what the host does for it.
fn charge(store: &mut Store<'_>, cost: u64) -> Result<()> {
    let Some(left) = store.get_fuel()?.checked_sub(cost) else {
        // All of it: the guest must not be able to make a cheap call after one that it could not pay.
        store.set_fuel(0)?;
        return Err(Error::from(Trap::OutOfFuel));
    };
    store.set_fuel(left)
}

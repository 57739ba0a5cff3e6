//! One guest: a store, an instance, its six calls. Every call gets fresh fuel, a fresh deadline
//! and a fresh log limit, and any error is final.

use core::fmt;
use core::marker::PhantomData;

use counterfoil_trading::corporate::CorporateAction;
use counterfoil_trading::execution::{Fill, OrderEvent};
use counterfoil_trading::limits::{SandboxLimitError, SandboxLimits};
use counterfoil_trading::order::Request;
use counterfoil_trading::record::Callback;
use counterfoil_trading::strategy::{
    AccountView, BarView, CallbackError, Fault, Strategy, StrategyFault,
};
use counterfoil_trading::time::UnixNanos;
use wasmtime::Store;

use crate::call_fuel::CallFuel;
use crate::compile::LoadedComponent;
use crate::convert;
use crate::cut::cut;
use crate::engine::{fuel_max, stack_bytes};
use crate::fault::{CallFacts, call_error, instantiation_error};
use crate::setup::GuestSetup;
use crate::state::GuestState;
pub use crate::state::{
    LOG_BYTES_KEPT_MAX, LogLevel, LogLine, LogPlace, PANIC_BYTES_MAX, TextLosses,
};
use crate::thread;
use crate::watchdog;
use crate::wit;

/// Why a guest could not be started.
#[derive(Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    #[error(transparent)]
    Limits(#[from] SandboxLimitError),
    #[error("the limits allow {fuel} fuel a call, the engine was made for {fuel_max}")]
    Fuel { fuel: u64, fuel_max: u64 },
    #[error(
        "guests run on threads with {needed} bytes of stack, this one has {has}: use guest_thread"
    )]
    Thread { needed: usize, has: usize },
    #[error("fault in {during}: {}{}{}", .fault.fault.name(),
        if .fault.message.is_empty() { "" } else { ": " }, .fault.message)]
    Fault {
        during: &'static str,
        fault: StrategyFault,
    },
    #[error("host error, not the guest's fault: {reason}")]
    Host { reason: String },
}

impl StartError {
    pub(crate) fn of(during: &'static str, error: CallbackError) -> Self {
        match error {
            CallbackError::Fault(fault) => Self::Fault { during, fault },
            CallbackError::Host(reason) => Self::Host { reason },
        }
    }
}

/// One running strategy. It stays on the thread that made it, because only threads made by
/// [`thread::guest_thread`] have the stack for it; so it is not `Send`.
pub struct Guest {
    store: Store<GuestState>,
    exports: wit::Strategy,
    limits: SandboxLimits,
    fuel_used: u64,
    epochs: u64,
    /// Bytes of one reason or error sentence.
    reason_bytes: usize,
    /// Set by the first error: nothing is called after it.
    dead: bool,
    stays_on_its_thread: PhantomData<*const ()>,
}

impl fmt::Debug for Guest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guest")
            .field("fuel_used", &self.fuel_used)
            .field("dead", &self.dead)
            .finish_non_exhaustive()
    }
}

impl Guest {
    /// A guest whose `init` accepted `setup`. The account it sees in `init` is empty.
    ///
    /// # Errors
    ///
    /// Returns [`StartError`] if the limits or the thread do not suit, or the guest is at fault;
    /// an error that `init` returns is the fault [`Fault::StrategyError`].
    pub fn start(
        compiled: &LoadedComponent,
        limits: &SandboxLimits,
        setup: &GuestSetup,
    ) -> Result<Self, StartError> {
        // A new instance for each run: memory that an earlier run left would be an input that no record holds.
        let instruments = u64::try_from(setup.instruments.len()).unwrap_or(u64::MAX);
        let mut guest = Self::instantiate(compiled, limits, instruments)?;
        let setup = convert::setup(setup);
        let agreed = guest.call(CallFuel::Init { instruments }, |exports, store| {
            exports.call_init(store, &setup)
        });
        match agreed {
            Ok(Ok(())) => Ok(guest),
            Ok(Err(sentence)) => {
                let error = guest.strategy_error(sentence);
                Err(StartError::of("init", error))
            }
            Err(error) => Err(StartError::of("init", error)),
        }
    }

    /// An instance for so many instruments, on which nothing was called yet.
    pub(crate) fn instantiate(
        compiled: &LoadedComponent,
        limits: &SandboxLimits,
        instruments: u64,
    ) -> Result<Self, StartError> {
        // The limits come from a manifest, which anyone may have written; what follows converts them without a further check.
        let count = usize::try_from(instruments).unwrap_or(usize::MAX);
        limits.check_ranges(count)?;
        let settings = compiled.engine().settings();
        let fuel = fuel_max(limits, instruments);
        // On a smaller stack the same run could overflow it where its fuel would end on the right one: another fault,
        // and another decision digest.
        if stack_bytes(fuel) > settings.stack_bytes() {
            let fuel_max = settings.fuel_max;
            return Err(StartError::Fuel { fuel, fuel_max });
        }
        let (needed, has) = (settings.thread_stack_bytes(), thread::stack_bytes());
        // Refused, not tried: wasmtime would run on the smaller stack, and the process would die at its end.
        if has < needed {
            return Err(StartError::Thread { needed, has });
        }
        let mut store = Store::new(compiled.engine().inner(), GuestState::new(limits));
        // Before instantiation: a module's declared memory and tables are allocated there, at sizes that the guest chose.
        store.limiter(|state| &mut state.limiter);
        // Bounds what one answer may make the host allocate: without it, a list of 2^32 elements costs the guest nothing.
        store.set_hostcall_fuel(usize::try_from(limits.answer_bytes).unwrap_or(usize::MAX));
        let epochs = watchdog::epochs(limits.deadline_ms);
        // A start function runs on the fuel of `init`; what instantiation leaves is thrown away,
        // because it costs differently from machine to machine.
        store.set_epoch_deadline(epochs);
        let made = store
            .set_fuel(limits.fuel_init)
            .and_then(|()| compiled.pre().instantiate(&mut store));
        let exports = made.map_err(|error| {
            StartError::of("instantiation", instantiation_error(&error, limits))
        })?;
        Ok(Self {
            store,
            exports,
            limits: limits.clone(),
            fuel_used: 0,
            epochs,
            reason_bytes: usize::try_from(limits.reason_bytes).unwrap_or(usize::MAX),
            dead: false,
            stays_on_its_thread: PhantomData,
        })
    }

    /// The log lines since the last call, and what was cut from log and reasons: beyond the limit of a callback,
    /// and beyond [`LOG_BYTES_KEPT_MAX`].
    pub fn take_log(&mut self) -> (Vec<LogLine>, TextLosses) {
        self.store.data_mut().log.take()
    }

    /// One call of the guest with fresh limits.
    pub(crate) fn call<T>(
        &mut self,
        of: CallFuel,
        call: impl FnOnce(&wit::Strategy, &mut Store<GuestState>) -> wasmtime::Result<T>,
    ) -> Result<T, CallbackError> {
        // A trap can leave the guest's memory half changed. Called again, it would decide from a state that no replay reaches.
        if self.dead {
            return Err(CallbackError::Host(String::from(
                "the guest was called after its fault",
            )));
        }
        self.store.data_mut().log.begin_callback();
        self.store.set_epoch_deadline(self.epochs);
        let fuel = of.amount(&self.limits);
        let result = self
            .store
            .set_fuel(fuel)
            .and_then(|()| call(&self.exports, &mut self.store));
        // Also after a trap: the fuel is part of the record, and a replay must arrive at the same number.
        let left = self.store.get_fuel().unwrap_or(0);
        self.fuel_used = self.fuel_used.saturating_add(fuel.saturating_sub(left));
        result.map_err(|error| {
            self.dead = true;
            let facts = CallFacts {
                limits: &self.limits,
                fuel: of,
                panic: self.store.data_mut().log.take_panic(),
            };
            call_error(&error, facts)
        })
    }

    /// A callback that reads the account.
    fn callback<T>(
        &mut self,
        of: CallFuel,
        place: LogPlace,
        account: &AccountView<'_>,
        call: impl FnOnce(&wit::Strategy, &mut Store<GuestState>) -> wasmtime::Result<T>,
    ) -> Result<T, CallbackError> {
        let state = self.store.data_mut();
        state.view.refresh(account);
        state.log.set_place(place);
        self.call(of, call)
    }

    fn strategy_error(&mut self, sentence: String) -> CallbackError {
        self.dead = true;
        CallbackError::Fault(StrategyFault {
            fault: Fault::StrategyError,
            // The sentence goes into the journal, whose entries have a size; the guest chooses how long it is.
            message: cut(sentence, self.reason_bytes).0,
            trace: String::new(),
        })
    }
}

impl Strategy for Guest {
    fn on_bar(
        &mut self,
        bar: &BarView,
        account: &AccountView<'_>,
        requests: &mut Vec<Request>,
    ) -> Result<(), CallbackError> {
        let bars = u64::from(bar.bars_in_slice);
        let raw = bar.bar.get();
        let place = LogPlace::of(
            Callback::OnBar,
            raw.close_time,
            raw.instrument,
            Some(bar.index),
        );
        let bar = convert::bar(bar);
        let answer = self.callback(CallFuel::Bar { bars }, place, account, |exports, store| {
            exports.call_on_bar(store, bar)
        })?;
        let answer = match answer {
            Ok(answer) => answer,
            Err(sentence) => return Err(self.strategy_error(sentence)),
        };
        let reasons_cut = convert::requests(answer, self.reason_bytes, requests);
        self.store.data_mut().log.note_reasons_cut(reasons_cut);
        Ok(())
    }

    fn on_fill(&mut self, fill: &Fill, account: &AccountView<'_>) -> Result<(), CallbackError> {
        let place = LogPlace::of(Callback::OnFill, fill.time, fill.instrument, None);
        let fill =
            convert::fill(fill).map_err(|refusal| CallbackError::Host(refusal.to_string()))?;
        self.callback(CallFuel::Report, place, account, |exports, store| {
            exports.call_on_fill(store, fill)
        })
    }

    fn on_order_event(
        &mut self,
        event: &OrderEvent,
        time: UnixNanos,
        account: &AccountView<'_>,
    ) -> Result<(), CallbackError> {
        let place = LogPlace::of(Callback::OnOrderEvent, time, event.instrument, None);
        let event = convert::order_event(event, time);
        self.callback(CallFuel::Report, place, account, |exports, store| {
            exports.call_on_order_event(store, &event)
        })
    }

    fn on_corporate_action(
        &mut self,
        action: &CorporateAction,
        account: &AccountView<'_>,
    ) -> Result<(), CallbackError> {
        let (time, instrument) = (action.ex_time, action.instrument);
        let place = LogPlace::of(Callback::OnCorporateAction, time, instrument, None);
        let action = convert::corporate_action(action)
            .map_err(|refusal| CallbackError::Host(refusal.to_string()))?;
        self.callback(CallFuel::Report, place, account, |exports, store| {
            exports.call_on_corporate_action(store, &action)
        })
    }

    fn take_fuel(&mut self) -> u64 {
        core::mem::take(&mut self.fuel_used)
    }
}

//! One guest: a store, an instance, its six calls. Every call gets fresh fuel, a fresh deadline
//! and a fresh log limit, and any error is final.

use core::fmt;
use core::marker::PhantomData;

use counterfoil_trading::corporate::CorporateAction;
use counterfoil_trading::execution::{Fill, OrderEvent};
use counterfoil_trading::limits::{SandboxLimitError, SandboxLimits};
use counterfoil_trading::order::Request;
use counterfoil_trading::strategy::{
    AccountView, BarView, CallbackError, Fault, Strategy, StrategyFault,
};
use counterfoil_trading::time::UnixNanos;
use wasmtime::Store;

use crate::compile::LoadedComponent;
use crate::convert::{self, AnswerLimits};
use crate::fault::{bounded, call_error, instantiation_error};
use crate::setup::GuestSetup;
use crate::state::GuestState;
pub use crate::state::{LOG_BYTES_KEPT_MAX, LogLevel, LogLine};
use crate::thread;
use crate::watchdog;
use crate::wit;

/// Why there is no guest to call.
#[derive(Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// A limit is out of range.
    #[error(transparent)]
    Limits(#[from] SandboxLimitError),
    /// The limits allow more fuel than the engine's stack was made for.
    #[error("the limits allow {fuel} fuel a call, the engine was made for {fuel_max}")]
    Fuel {
        /// What the limits allow.
        fuel: u64,
        /// What the engine was made for.
        fuel_max: u64,
    },
    /// The thread's stack is too small: running out of it would end the process.
    #[error(
        "guests run on threads with {needed} bytes of stack, this one has {has}: use guest_thread"
    )]
    Thread {
        /// Bytes of stack needed.
        needed: usize,
        /// Bytes of stack that `guest_thread` gave to this thread.
        has: usize,
    },
    /// The guest is at fault, while it was made or in the export named.
    #[error("fault in {during}: {}{}{}", .fault.fault.name(),
        if .fault.message.is_empty() { "" } else { ": " }, .fault.message)]
    Fault {
        /// `instantiation` or the export.
        during: &'static str,
        /// Which fault.
        fault: StrategyFault,
    },
    /// The host cannot go on; no verdict on the guest.
    #[error("the host cannot go on: {reason}")]
    Host {
        /// Why.
        reason: String,
    },
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
    fuel_per_callback: u64,
    fuel_used: u64,
    epochs: u64,
    answer: AnswerLimits,
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
    /// A guest that was told `setup` and agreed. The account it sees in `init` is empty.
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
        let mut guest = Self::instantiate(compiled, limits)?;
        let setup = convert::setup(setup);
        let agreed = guest.call(limits.fuel_init, |exports, store| {
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

    /// An instance on which nothing was called yet.
    pub(crate) fn instantiate(
        compiled: &LoadedComponent,
        limits: &SandboxLimits,
    ) -> Result<Self, StartError> {
        limits.check_ranges()?;
        let settings = compiled.engine().settings();
        let fuel = limits.fuel_init.max(limits.fuel_per_callback);
        if fuel > settings.fuel_max {
            let fuel_max = settings.fuel_max;
            return Err(StartError::Fuel { fuel, fuel_max });
        }
        let (needed, has) = (settings.thread_stack_bytes(), thread::stack_bytes());
        if has < needed {
            return Err(StartError::Thread { needed, has });
        }
        let mut store = Store::new(compiled.engine().inner(), GuestState::new(limits));
        store.limiter(|state| &mut state.limiter);
        store.set_hostcall_fuel(usize::try_from(limits.answer_bytes).unwrap_or(usize::MAX));
        let epochs = watchdog::epochs(limits.deadline_ms);
        // A start function runs on the fuel of `init`; what instantiation leaves is thrown away,
        // because it costs differently from machine to machine.
        store.set_epoch_deadline(epochs);
        let made = store
            .set_fuel(limits.fuel_init)
            .and_then(|()| compiled.pre().instantiate(&mut store));
        let exports =
            made.map_err(|error| StartError::of("instantiation", instantiation_error(&error)))?;
        Ok(Self {
            store,
            exports,
            fuel_per_callback: limits.fuel_per_callback,
            fuel_used: 0,
            epochs,
            answer: AnswerLimits {
                requests: usize::try_from(limits.requests_per_bar).unwrap_or(usize::MAX),
                reason_bytes: usize::try_from(limits.reason_bytes).unwrap_or(usize::MAX),
            },
            dead: false,
            stays_on_its_thread: PhantomData,
        })
    }

    /// The log lines since the last call, and how many more were dropped because
    /// [`LOG_BYTES_KEPT_MAX`] was reached.
    pub fn take_log(&mut self) -> (Vec<LogLine>, u64) {
        self.store.data_mut().log.take()
    }

    /// One call of the guest with fresh limits.
    pub(crate) fn call<T>(
        &mut self,
        fuel: u64,
        call: impl FnOnce(&wit::Strategy, &mut Store<GuestState>) -> wasmtime::Result<T>,
    ) -> Result<T, CallbackError> {
        if self.dead {
            return Err(CallbackError::Host(String::from(
                "the guest was called after its fault",
            )));
        }
        self.store.data_mut().log.begin_callback();
        self.store.set_epoch_deadline(self.epochs);
        let result = self
            .store
            .set_fuel(fuel)
            .and_then(|()| call(&self.exports, &mut self.store));
        let left = self.store.get_fuel().unwrap_or(0);
        self.fuel_used = self.fuel_used.saturating_add(fuel.saturating_sub(left));
        result.map_err(|error| {
            self.dead = true;
            call_error(&error)
        })
    }

    /// A callback that reads the account.
    fn callback<T>(
        &mut self,
        account: &AccountView<'_>,
        call: impl FnOnce(&wit::Strategy, &mut Store<GuestState>) -> wasmtime::Result<T>,
    ) -> Result<T, CallbackError> {
        self.store.data_mut().view.refresh(account);
        self.call(self.fuel_per_callback, call)
    }

    fn strategy_error(&mut self, sentence: String) -> CallbackError {
        self.dead = true;
        CallbackError::Fault(StrategyFault {
            fault: Fault::StrategyError,
            message: bounded(sentence, self.answer.reason_bytes),
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
        let bar = convert::bar(bar);
        let answer = self.callback(account, |exports, store| exports.call_on_bar(store, bar))?;
        let answer = match answer {
            Ok(answer) => answer,
            Err(sentence) => return Err(self.strategy_error(sentence)),
        };
        convert::requests(answer, self.answer, requests).map_err(|fault| {
            self.dead = true;
            requests.clear();
            CallbackError::from(fault)
        })
    }

    fn on_fill(&mut self, fill: &Fill, account: &AccountView<'_>) -> Result<(), CallbackError> {
        let fill =
            convert::fill(fill).map_err(|refusal| CallbackError::Host(refusal.to_string()))?;
        self.callback(account, |exports, store| exports.call_on_fill(store, fill))
    }

    fn on_order_event(
        &mut self,
        event: &OrderEvent,
        time: UnixNanos,
        account: &AccountView<'_>,
    ) -> Result<(), CallbackError> {
        let event = convert::order_event(event, time);
        self.callback(account, |exports, store| {
            exports.call_on_order_event(store, &event)
        })
    }

    fn on_corporate_action(
        &mut self,
        action: &CorporateAction,
        account: &AccountView<'_>,
    ) -> Result<(), CallbackError> {
        let action = convert::corporate_action(action)
            .map_err(|refusal| CallbackError::Host(refusal.to_string()))?;
        self.callback(account, |exports, store| {
            exports.call_on_corporate_action(store, &action)
        })
    }

    fn take_fuel(&mut self) -> u64 {
        core::mem::take(&mut self.fuel_used)
    }
}

//! Write a Counterfoil strategy in Rust: implement [`Strategy`], name its parameters with
//! [`params!`], export it with [`export!`]. A strategy sees bars and its account, nothing else.
//!
//! ```
//! use counterfoil_sdk::{Bar, Context, Decimal, Setup, Side, Strategy, params};
//!
//! params! {
//!     /// What the author may choose.
//!     pub struct Params {
//!         /// Units bought on the first bar
//!         quantity: Decimal in "0.01"..="1000000" = "100",
//!     }
//! }
//!
//! pub struct Hold {
//!     quantity: i64,
//! }
//!
//! impl Strategy for Hold {
//!     type Params = Params;
//!     const NAME: &'static str = "hold";
//!     const SUMMARY: &'static str = "Buys once and holds";
//!
//!     fn init(params: Params, setup: &Setup) -> Result<Self, String> {
//!         let instrument = setup.instruments.first().ok_or("no instrument")?;
//!         Ok(Self { quantity: params.quantity.to_quantity(instrument)? })
//!     }
//!
//!     fn on_bar(&mut self, bar: &Bar, ctx: &mut Context<'_>) -> Result<(), String> {
//!         if bar.index == 0 {
//!             ctx.market(bar.instrument, Side::Buy, self.quantity).reason("first bar").send();
//!         }
//!         Ok(())
//!     }
//! }
//!
//! counterfoil_sdk::export!(Hold);
//! ```

extern crate self as counterfoil_sdk;

/// The snippets of docs/start/WRITE_A_STRATEGY.md, run as tests.
#[cfg(doctest)]
#[doc = include_str!("../../docs/start/WRITE_A_STRATEGY.md")]
struct WriteAStrategy;

pub mod account;
#[allow(
    unsafe_code,
    unreachable_pub,
    missing_docs,
    missing_debug_implementations,
    unused_qualifications,
    clippy::all,
    clippy::pedantic,
    clippy::unwrap_used,
    clippy::allow_attributes_without_reason,
    reason = "generated from wit/strategy.wit by sdk-rust/bindgen"
)]
#[rustfmt::skip]
pub mod bindings;
mod context;
mod decimal;
mod export;
#[cfg(not(target_arch = "wasm32"))]
pub mod harness;
pub mod indicators;
pub mod log;
mod params;
mod strategy;

pub use context::{Context, OrderBuilder};
pub use decimal::Decimal;
#[doc(hidden)]
pub use export::install_panic_hook;
pub use params::{Choice, Parameters, Value};
#[doc(hidden)]
pub use params::{declare_choice, read_argument, read_choice};
pub use strategy::{Bars, Run, Strategy};

pub use bindings::counterfoil::strategy::types::{
    Argument, Bar, BarsWanted, CancelRequest, CorporateAction, CorporateActionType, Description,
    Fill, Instrument, LogLevel, Money, NumberRange, OrderEvent, OrderRequest, OrderStatus,
    OrderType, Parameter, ParameterType, ParameterValue, Position, ReplaceRequest, Request, Setup,
    Side, SplitRatio, StopLimitPrices, TimeInForce, WorkingOrder,
};

#[doc(hidden)]
pub use wit_bindgen::rt as wit_bindgen_rt;

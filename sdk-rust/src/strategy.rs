//! What an author implements, and the run around it. It must never know whether it runs in a
//! component or in a native test.

use crate::bindings::counterfoil::strategy::types::{
    Bar, BarsWanted, CorporateAction, Description, Fill, OrderEvent, Request, Setup,
};
use crate::{Context, Parameters};

/// Which bars a strategy can work with. The default is any number of instruments at any timeframe.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Bars {
    /// At least this many instruments.
    pub instruments_min: u32,
    /// At most this many; none: any number.
    pub instruments_max: Option<u32>,
    /// One of `1m`, `5m`, `1h`, `1d` and the like; none: any.
    pub timeframe: Option<&'static str>,
}

impl Bars {
    /// Any number of instruments from one up, at any timeframe.
    pub const ANY: Self = Self {
        instruments_min: 1,
        instruments_max: None,
        timeframe: None,
    };
    /// One instrument, at any timeframe.
    pub const ONE: Self = Self {
        instruments_min: 1,
        instruments_max: Some(1),
        timeframe: None,
    };
}

/// A trading strategy. Only [`Strategy::init`] and [`Strategy::on_bar`] must be written.
pub trait Strategy: Sized + 'static {
    /// The parameters, declared with [`params!`](crate::params!); `()` for none.
    type Params: Parameters;

    /// A kebab-case name.
    const NAME: &'static str;
    /// The author's version. The host goes by the component digest.
    const VERSION: &'static str = "0.1.0";
    /// Who wrote it.
    const AUTHOR: &'static str = "";
    /// One sentence on what it does.
    const SUMMARY: &'static str;
    /// Which bars it can work with.
    const BARS: Bars = Bars::ANY;
    /// How many bars of each instrument it must see before its orders are let through.
    const WARM_UP: u32 = 0;

    /// The strategy before its first bar.
    ///
    /// # Errors
    ///
    /// A sentence for the person who wrote the manifest.
    fn init(params: Self::Params, setup: &Setup) -> Result<Self, String>;

    /// Decides on one closed bar; orders leave through `ctx`.
    ///
    /// # Errors
    ///
    /// A sentence. It is a fault: it ends the run, and the orders of this bar are not sent.
    fn on_bar(&mut self, bar: &Bar, ctx: &mut Context<'_>) -> Result<(), String>;

    /// Reports a fill, before the bars of its slice.
    fn on_fill(&mut self, _fill: &Fill) {}

    /// Reports a change of an order's status, other than a fill.
    fn on_order_event(&mut self, _event: &OrderEvent) {}

    /// Reports a corporate action, before the first bar of its ex-date.
    fn on_corporate_action(&mut self, _action: &CorporateAction) {}
}

/// One run of a strategy: what the export macro and the harness drive.
#[derive(Debug)]
pub struct Run<S> {
    strategy: S,
    setup: Setup,
    next_client_order_id: u64,
}

impl<S: Strategy> Run<S> {
    /// The strategy's description, in the types of the contract.
    #[must_use]
    pub fn describe() -> Description {
        Description {
            name: S::NAME.to_owned(),
            version: S::VERSION.to_owned(),
            author: S::AUTHOR.to_owned(),
            summary: S::SUMMARY.to_owned(),
            bars: BarsWanted {
                instruments_min: S::BARS.instruments_min,
                instruments_max: S::BARS.instruments_max,
                timeframe: S::BARS.timeframe.map(str::to_owned),
            },
            warm_up: S::WARM_UP,
            parameters: S::Params::declare(),
        }
    }

    /// The run before its first bar.
    ///
    /// # Errors
    ///
    /// The error of the strategy's `init` or of reading a parameter.
    pub fn init(setup: Setup) -> Result<Self, String> {
        let params = S::Params::read(&setup.arguments)?;
        let strategy = S::init(params, &setup)?;
        Ok(Self {
            strategy,
            setup,
            next_client_order_id: 1,
        })
    }

    /// The strategy's requests for one bar.
    ///
    /// # Errors
    ///
    /// The error of the strategy's `on_bar`.
    pub fn on_bar(&mut self, bar: &Bar) -> Result<Vec<Request>, String> {
        let mut ctx = Context::new(&self.setup.instruments, &mut self.next_client_order_id);
        self.strategy.on_bar(bar, &mut ctx)?;
        Ok(ctx.into_requests())
    }

    /// The strategy, for the callbacks of fills and events.
    pub fn strategy(&mut self) -> &mut S {
        &mut self.strategy
    }
}

//! What instruments of a class are usually traded in: the least quantity and the price step where neither the
//! caller nor the file says. It must never know a venue.

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::source::choices::WordError;

/// What kind of instrument it is.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum AssetClass {
    /// Shares and funds.
    Equity,
    /// Coins and tokens, which are divisible.
    Crypto,
    /// Currency pairs, in units of the base currency.
    Fx,
    /// Futures contracts.
    Future,
    /// Options contracts.
    Option,
}

/// Coins of which one costs more than a share.
const COINS: [&str; 4] = ["BTC", "ETH", "XBT", "XETH"];

/// What they are quoted in.
const QUOTES: [&str; 9] = [
    "BUSD", "EUR", "FDUSD", "GBP", "JPY", "PERP", "USD", "USDC", "USDT",
];

/// What instruments of a class are traded in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ClassGrid {
    /// Its name.
    pub name: &'static str,
    /// Decimals of the lot: 0 is whole units.
    pub lot_decimals: u8,
    /// Decimals of the tick; `None` where each contract has its own, and the file's prices decide.
    pub tick_decimals: Option<u8>,
}

impl AssetClass {
    /// Every class.
    pub const ALL: [Self; 5] = [
        Self::Equity,
        Self::Crypto,
        Self::Fx,
        Self::Future,
        Self::Option,
    ];

    /// The class that a ticker shows by itself: that of the coins which are quoted in files of whole volumes.
    pub(crate) fn of_ticker(ticker: &str) -> Option<Self> {
        let upper = ticker.to_uppercase();
        let pair = upper.strip_prefix("X:").unwrap_or(&upper);
        let rest = COINS.iter().find_map(|coin| pair.strip_prefix(coin))?;
        let quote = rest.trim_start_matches(['-', '/', '_', '.']);
        let is_pair = rest.is_empty() || QUOTES.contains(&quote);
        is_pair.then_some(Self::Crypto)
    }

    /// The one table of classes.
    #[must_use]
    pub const fn grid(self) -> ClassGrid {
        let (name, lot_decimals, tick_decimals) = match self {
            Self::Equity => ("equity", 0, Some(2)),
            Self::Crypto => ("crypto", 8, Some(2)),
            Self::Fx => ("fx", 0, Some(5)),
            Self::Future => ("future", 0, None),
            Self::Option => ("option", 0, Some(2)),
        };
        ClassGrid {
            name,
            lot_decimals,
            tick_decimals,
        }
    }
}

impl fmt::Display for AssetClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.grid().name)
    }
}

impl FromStr for AssetClass {
    type Err = WordError;

    fn from_str(text: &str) -> Result<Self, WordError> {
        Self::ALL
            .into_iter()
            .find(|class| class.grid().name == text)
            .ok_or_else(|| WordError {
                text: text.to_owned(),
                words: "equity, crypto, fx, future, option",
            })
    }
}

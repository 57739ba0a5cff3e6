//! A venue's market-data protocol as the feed's task sees it: bytes in, messages out. It must never
//! do any I/O, so that every answer can be tested from a table.

use counterfoil_trading::aggregate::Trade;
use counterfoil_trading::bar::ClosedBar;
use counterfoil_trading::instrument::InstrumentId;
use counterfoil_trading::time::UnixNanos;

use crate::feed::listing::Listings;
use crate::field::FieldError;
use crate::net::secret::SecretText;

/// What the bars of a feed are made from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum BarOrigin {
    /// The venue sends finished bars.
    Venue,
    /// The venue sends trades; this crate aggregates them into bars.
    Trades,
}

/// What a frame of the stream means.
///
/// A bar that still forms cannot be expressed: the protocols read it as [`VenueMessage::Nothing`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum VenueMessage {
    /// The venue expects this message.
    Answer(SecretText),
    /// The subscription is confirmed: from here on every bar arrives.
    Live,
    /// A final bar.
    Closed(ClosedBar),
    /// Another version of a bar that was final.
    Revised(ClosedBar),
    Trade(Trade),
    /// A bar that still forms, or another message that changes nothing.
    Nothing,
    /// The venue canceled or corrected trades: the bars made of them stay.
    Amended {
        input: Vec<u8>,
    },
    /// A message that cannot be read.
    Refused {
        reason: String,
        input: Vec<u8>,
    },
    /// The venue ends the connection; another may be opened.
    Ends {
        reason: String,
    },
    /// The venue refuses to serve this client: another attempt would not help.
    Denied {
        reason: String,
    },
}

/// A range of open times, the end exclusive, of one instrument.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct BarGap {
    pub instrument: InstrumentId,
    /// Open time of the first missing bar.
    pub from: UnixNanos,
    /// Open time of the bar after the last missing one.
    pub to: UnixNanos,
}

/// One page of the history.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct HistoryPage {
    /// Its bars, all closed by the venue's own time.
    pub bars: Vec<ClosedBar>,
    /// Token of the next page; `None` on the last.
    pub next: Option<String>,
}

/// A venue's market-data protocol.
pub trait FeedProtocol: Send + Sync {
    /// The instruments subscribed to.
    fn listings(&self) -> &Listings;

    /// Whether every interval has a bar, traded or not. Otherwise a hole is not a loss while
    /// the connection lasts.
    fn is_continuous(&self) -> bool;

    /// Path and query of the stream, after the base URL's path.
    fn stream_target(&self) -> String;

    /// The messages to send at the beginning of a connection.
    fn open(&mut self) -> Vec<SecretText>;

    /// Appends the messages of one frame, in their sequence.
    fn read(&mut self, frame: &[u8], messages: &mut Vec<VenueMessage>);

    /// Path and query of the request for a page of a gap.
    ///
    /// # Errors
    ///
    /// Returns [`FieldError`] if the run does not have the instrument.
    fn gap_target(&self, gap: &BarGap, page: Option<&str>) -> Result<String, FieldError>;

    /// The headers of that request: name and secret value.
    fn gap_headers(&self) -> Vec<(&'static str, SecretText)>;

    /// The bars of a response that are closed at `venue_time`, the time of the response by the
    /// venue's own clock; bars that still form are left out.
    ///
    /// # Errors
    ///
    /// Returns [`FieldError`] naming the first field that cannot be read.
    fn gap_page(
        &self,
        gap: &BarGap,
        body: &[u8],
        venue_time: UnixNanos,
    ) -> Result<HistoryPage, FieldError>;
}

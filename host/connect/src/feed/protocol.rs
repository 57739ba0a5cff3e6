//! What a venue's market-data protocol is to the session: bytes in, words out. It must never do
//! any I/O, so that every answer can be tested from a table.

use core::fmt;

use counterfoil_trading::aggregate::Trade;
use counterfoil_trading::bar::ClosedBar;
use counterfoil_trading::instrument::InstrumentId;
use counterfoil_trading::time::UnixNanos;

use crate::feed::listing::Listings;
use crate::field::FieldError;

/// A text that may hold a secret: it is sent and never shown.
#[derive(Clone, Eq, PartialEq)]
pub struct Outgoing(pub String);

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Outgoing({} bytes)", self.0.len())
    }
}

/// What a frame of the stream means.
///
/// There is no way to say a forming bar: [`Said::Forming`] carries none.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Said {
    /// The venue waits for this.
    Answer(Outgoing),
    /// The subscription stands: from here on nothing is lost.
    Live,
    /// A bar that is final.
    Closed(ClosedBar),
    /// Another version of a bar that was final.
    Revised(ClosedBar),
    /// A trade.
    Trade(Trade),
    /// A bar is forming, or another message that changes nothing.
    Nothing,
    /// What the venue takes back of its trades: the bars made of them stand.
    Amended {
        /// The message.
        input: Vec<u8>,
    },
    /// Something that cannot be read.
    Refused {
        /// Why.
        reason: String,
        /// The message.
        input: Vec<u8>,
    },
    /// The venue ends the session; it may be taken up again.
    Ends {
        /// What it said.
        reason: String,
    },
    /// The venue will not serve this client: trying again changes nothing.
    Denied {
        /// What it said.
        reason: String,
    },
}

/// A range of open times, the end exclusive, of one instrument.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Gap {
    /// Whose bars.
    pub instrument: InstrumentId,
    /// Open time of the first bar that is wanted.
    pub from: UnixNanos,
    /// Open time of the first bar that is not wanted any more.
    pub to: UnixNanos,
}

/// One page of an answer to a gap.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Page {
    /// Its bars, all closed by the venue's own time.
    pub bars: Vec<ClosedBar>,
    /// How to ask for the next page; `None` at the last.
    pub next: Option<String>,
}

/// A venue's market-data protocol.
pub trait Protocol: Send + Sync {
    /// What is subscribed to.
    fn listings(&self) -> &Listings;

    /// Whether every interval has a bar, traded or not. Where it has not, a hole is no loss as
    /// long as the connection held.
    fn is_continuous(&self) -> bool;

    /// Path and query of the stream, behind the base URL's path.
    fn stream_target(&self) -> String;

    /// Begins a connection: what to send at once.
    fn open(&mut self) -> Vec<Outgoing>;

    /// What one frame means, in the sequence in which it says it.
    fn read(&mut self, frame: &[u8], said: &mut Vec<Said>);

    /// Path and query that ask for the bars of a gap.
    fn gap_target(&self, gap: &Gap, page: Option<&str>) -> String;

    /// The headers of such a request: name and secret value.
    fn gap_headers(&self) -> Vec<(&'static str, Outgoing)>;

    /// The bars of an answer that are closed at `venue_time`, the time the answer was made by the
    /// venue's own clock; bars that are still forming are left out.
    ///
    /// # Errors
    ///
    /// Returns [`FieldError`] naming the first field that cannot be read.
    fn gap_page(&self, gap: &Gap, body: &[u8], venue_time: UnixNanos) -> Result<Page, FieldError>;
}

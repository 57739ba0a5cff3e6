//! What may go wrong with a request that places an order.

/// What goes wrong with a request that places an order.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Fault {
    /// Nothing.
    None,
    /// The order is there, and no answer comes.
    TakenThenSilent,
    /// The order is there, and the connection is cut.
    TakenThenCut,
    /// The order is there, and the answer is an error page.
    TakenThenError,
    /// The order is there, and the answer cannot be read.
    TakenThenGarbage,
    /// The request is lost, and no answer comes.
    LostThenSilent,
    /// The request is lost with its connection.
    LostThenCut,
    /// Too many requests.
    Limited,
    /// The venue fails before it does anything.
    Error,
}

impl Fault {
    /// Every fault.
    pub(crate) const ALL: [Self; 9] = [
        Self::None,
        Self::TakenThenSilent,
        Self::TakenThenCut,
        Self::TakenThenError,
        Self::TakenThenGarbage,
        Self::LostThenSilent,
        Self::LostThenCut,
        Self::Limited,
        Self::Error,
    ];
}

//! Only `ClosedBar::parse` makes a closed bar.
use counterfoil_trading::bar::{ClosedBar, RawBar};

fn unchecked(bar: RawBar) -> ClosedBar {
    ClosedBar(bar)
}

fn main() {}

//! An authorized plan does not leave before the journal has its decision.
use counterfoil_trading::plan::{Authorized, Released};

fn early(authorized: Authorized) -> Released {
    authorized.release()
}

fn main() {}

//! A token is spent once.
use counterfoil_trading::plan::{Authorized, Plan, Token, TokenError};

fn twice(one: Plan, other: Plan, token: Token) -> Result<[Authorized; 2], TokenError> {
    Ok([one.authorize(token)?, other.authorize(token)?])
}

fn main() {}

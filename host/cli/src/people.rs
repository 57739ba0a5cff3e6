//! What the commands about people share: parsing what was typed, opening the ledger, and printing
//! rows and denials. It must never decide what is allowed: the ledger does.

pub(crate) mod ledger_access;
pub(crate) mod outcome;
pub(crate) mod table;

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use counterfoil_base::digest::Digest;
use counterfoil_governance::id::Id;
use counterfoil_governance::role::{Role, Roles};
use counterfoil_governance::state::LedgerState;
use counterfoil_journal::public_key::PublicKey;
use counterfoil_os::files::read_whole;
use counterfoil_runner::store::keys::read_public;
use counterfoil_runner::times::parse_time;
use counterfoil_trading::time::UnixNanos;

use crate::output::CommandLineError;

/// The id that was typed for `what`.
pub(crate) fn id(what: &str, text: &str) -> Result<Id> {
    Id::parse(text).map_err(|error| CommandLineError::new(format!("{what} {text:?}: {error}")))
}

/// The time that was typed for `flag`.
pub(crate) fn time(flag: &str, text: &str) -> Result<UnixNanos> {
    parse_time(text).ok_or_else(|| {
        CommandLineError::new(format!(
            "{flag} {text:?}: expected a day like 2030-01-02 or a time like 2030-01-02T15:00:00Z"
        ))
    })
}

/// The same for one that may be left out.
pub(crate) fn time_if(flag: &str, text: Option<&str>) -> Result<Option<UnixNanos>> {
    text.map(|text| time(flag, text)).transpose()
}

/// The roles that were typed.
pub(crate) fn roles(names: &[String]) -> Result<Roles> {
    let role = |name: &String| Role::parse(name).with_context(|| format!("no role {name:?}"));
    names.iter().map(role).collect()
}

/// The public key that was typed: 64 hex digits, or a file of them.
pub(crate) fn public_key(text: &str) -> Result<PublicKey> {
    let mut key = [0; 32];
    if hex::decode_to_slice(text, &mut key).is_ok() {
        return Ok(PublicKey(key));
    }
    let key = read_public(Path::new(text));
    key.map(PublicKey).with_context(|| {
        format!("--key {text:?} is neither 64 hex digits nor a file that holds them")
    })
}

/// A digest's 64 hex digits, with or without `sha256:`.
pub(crate) fn digest(text: &str) -> Option<Digest> {
    let mut bytes = [0; 32];
    let digits = text.strip_prefix("sha256:").unwrap_or(text);
    hex::decode_to_slice(digits, &mut bytes).ok()?;
    Some(Digest(bytes))
}

/// The one digest of `all` that begins with the digits of `text`.
pub(crate) fn begins_with<'a>(
    text: &str,
    all: impl Iterator<Item = &'a Digest>,
) -> Result<Option<Digest>> {
    let digits = text.strip_prefix("sha256:").unwrap_or(text);
    if digits.is_empty() {
        return Ok(None);
    }
    let mut fits = all.filter(|one| hex::encode(one.0).starts_with(digits));
    match (fits.next(), fits.next()) {
        (Some(first), Some(second)) => {
            bail!("{text:?} could be {first} or {second}; give more digits")
        }
        (found, _) => Ok(found.copied()),
    }
}

/// The component that was typed, or none.
pub(crate) fn component_of(state: &LedgerState, text: &str) -> Result<Option<Digest>> {
    let path = Path::new(text);
    if path.is_file() {
        return Ok(Some(Digest::of(&read_whole(path)?)));
    }
    match digest(text) {
        Some(digest) => Ok(Some(digest)),
        None => begins_with(text, state.registry().components().keys()),
    }
}

/// The component that was typed: a file's digest, a whole digest, or the first digits of one that
/// is registered. A file or a whole digest need not be registered: the ledger answers for that.
pub(crate) fn component(state: &LedgerState, text: &str) -> Result<Digest> {
    component_of(state, text)?.with_context(|| {
        format!(
            "no component {text:?}: it is neither a file nor a registered digest; \
             `counterfoil component list` shows them"
        )
    })
}

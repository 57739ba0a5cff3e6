//! The rules of `docs/reference/EXECUTION.md` as transcripts: what goes in on each slice, and what is reported.

#[cfg(test)]
mod support;

#[cfg(test)]
mod actions;
#[cfg(test)]
mod costs;
#[cfg(test)]
mod gateway;
#[cfg(test)]
mod gateway_walk;
#[cfg(test)]
mod halts;
#[cfg(test)]
mod host;
#[cfg(test)]
mod manifest;
#[cfg(test)]
mod markets;
mod negative;
#[cfg(test)]
mod orders;
#[cfg(test)]
mod property;
#[cfg(test)]
mod records;
#[cfg(test)]
mod risk;
#[cfg(test)]
mod sessions;

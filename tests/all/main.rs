//! The whole system from outside: real files, real components, the runner's own functions.

#[cfg(test)]
mod actions;
mod anchors;
#[cfg(test)]
mod broker;
#[cfg(test)]
mod claim;
#[cfg(test)]
mod compare;
#[cfg(test)]
mod continuity;
#[cfg(test)]
mod corpora;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod drift;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod isolated;
#[cfg(test)]
mod links;
#[cfg(test)]
mod lookahead;
#[cfg(test)]
mod orders;
#[cfg(test)]
mod parity;
#[cfg(test)]
mod property;
#[cfg(test)]
mod published;
#[cfg(test)]
mod recover;
#[cfg(test)]
mod server;
#[cfg(test)]
mod server_attacks;
#[cfg(test)]
mod sessions;
#[cfg(test)]
mod signed;
#[cfg(test)]
mod soak;
#[cfg(test)]
mod strategies;
#[cfg(test)]
mod supervised;
#[cfg(test)]
mod sweep;
#[cfg(test)]
mod tamper;
#[cfg(test)]
mod timeframes;
#[cfg(test)]
mod universe;
#[cfg(test)]
mod venues;

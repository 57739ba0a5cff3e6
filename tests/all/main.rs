//! The whole system from outside: real files, real components, the runner's own functions.

#[cfg(test)]
mod claim;
#[cfg(test)]
mod compare;
mod crash;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod golden;
mod lookahead;
#[cfg(test)]
mod property;
mod published;
#[cfg(test)]
mod signed;
#[cfg(test)]
mod tamper;

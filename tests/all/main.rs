//! The whole system from outside: real files, real components, the runner's own functions.

#[cfg(test)]
mod claim;
#[cfg(test)]
mod corpora;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod property;
#[cfg(test)]
mod signed;
#[cfg(test)]
mod strategies;
#[cfg(test)]
mod tamper;

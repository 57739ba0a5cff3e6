//! The crate from outside: every verdict comes from a real process that evaluates.

#[cfg(test)]
mod banned;
#[cfg(test)]
mod documents;
#[cfg(test)]
mod forms;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod starter;
#[cfg(test)]
mod world;

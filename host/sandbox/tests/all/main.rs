//! The sandbox from outside: hostile guests, conversions, determinism, admission.

#[cfg(test)]
mod admission;
#[cfg(test)]
mod calls;
#[cfg(test)]
mod child;
#[cfg(test)]
mod determinism;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod real_guest;
#[cfg(test)]
mod support;

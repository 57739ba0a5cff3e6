//! What is made of several runs, or of one run afterwards: sweeps, comparisons, audits, proofs. It must never
//! change a run.

pub mod compare;
pub mod evidence;
pub mod lookahead;
pub mod parity;
pub mod proof;
pub mod publish;
pub mod sweep;

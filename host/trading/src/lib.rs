//! What a bar does to an account. Pure: no std, no I/O, no clock, no floats.

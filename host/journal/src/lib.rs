//! What can be proved of a list of byte strings. Pure: no std, no file paths.

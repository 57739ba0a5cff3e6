//! Whole-system tests. They may use everything; nothing uses them.

//! Every decision that the command line and the server make about people's acts. It must never know which
//! of them asks, and never names an engine, a socket or a clock.

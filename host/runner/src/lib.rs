//! One loop for backtest, paper, live and replay: feeds, venues, the journal directory.

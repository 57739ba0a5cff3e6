//! Averages and bands over bars.

//! The `counterfoil` program: arguments in, tables and exit codes out.
fn main() {}

//! What must not happen does not compile. Each file of the folder beside this one tries one such
//! thing, and the compiler's refusal is held against the one recorded beside it.
//! `TRYBUILD=overwrite cargo test -p counterfoil-trading --test must_not_compile` records anew.

#[test]
fn no_order_comes_to_a_venue_by_another_way() {
    trybuild::TestCases::new().compile_fail("tests/must_not_compile/*.rs");
}

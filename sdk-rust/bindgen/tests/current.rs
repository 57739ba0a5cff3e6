//! The checked-in bindings are those of the contract.

#[test]
fn the_checked_in_bindings_are_those_of_the_contract() {
    let (_, file) = counterfoil_bindgen::paths();
    let checked_in = std::fs::read_to_string(file).expect("src/bindings.rs");
    let generated = counterfoil_bindgen::bindings().expect("bindings");
    assert!(
        checked_in == generated,
        "src/bindings.rs is not what wit/strategy.wit gives; run `cargo run -p counterfoil-bindgen` in sdk-rust"
    );
}

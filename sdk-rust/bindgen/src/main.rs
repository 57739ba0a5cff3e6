//! Writes sdk-rust/src/bindings.rs: `cargo run -p counterfoil-bindgen` in sdk-rust.

fn main() -> anyhow::Result<()> {
    let (_, file) = counterfoil_bindgen::paths();
    std::fs::write(file, counterfoil_bindgen::bindings()?)?;
    Ok(())
}

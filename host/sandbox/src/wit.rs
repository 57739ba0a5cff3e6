//! The types of `wit/strategy.wit` and the six calls of its world, generated. It must never hold
//! anything written by hand.

wasmtime::component::bindgen!({
    path: "../../wit/strategy.wit",
    world: "strategy",
    imports: { default: trappable },
});

//! What may be registered, and what the refusal of anything else says.

use counterfoil_sandbox::admission::{check as admit, functions};
use counterfoil_sandbox::compile_class::CompileClass;
use wit_parser::{Resolve, abi::AbiVariant};

use crate::support::{WIT, component, encode, guest_text, module};

#[track_caller]
fn check(bytes: &[u8], expect: &str) {
    let got = admit(bytes).map_or_else(|error| error.to_string(), |_| String::from("admitted"));
    assert_eq!(got, expect);
}

fn text(component: &str) -> Vec<u8> {
    wat::parse_str(component).unwrap()
}

/// Run with `UPDATE_GOLDEN=1` to write the file again after a new version of the contract.
#[test]
fn the_functions_of_the_world_are_those_of_the_wit() {
    let lines: String = functions(&component(""))
        .unwrap()
        .iter()
        .flat_map(|(name, ty)| [name, ": ", ty, "\n"])
        .collect();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/admission/world.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(path, &lines).unwrap();
    }
    assert_eq!(lines, std::fs::read_to_string(path).unwrap());
}

#[test]
fn on_bar_flattens_to_twelve_core_values() {
    let mut resolve = Resolve::default();
    let package = resolve.push_str("strategy.wit", WIT).unwrap();
    let world = resolve.select_world(&[package], Some("strategy")).unwrap();
    let mut exports = resolve.worlds[world].exports.values();
    let on_bar = exports.find_map(|item| match item {
        wit_parser::WorldItem::Function(function) if function.name == "on-bar" => Some(function),
        wit_parser::WorldItem::Function(_)
        | wit_parser::WorldItem::Interface { .. }
        | wit_parser::WorldItem::Type { .. } => None,
    });
    let signature = resolve.wasm_signature(AbiVariant::GuestExport, on_bar.unwrap());
    assert!(!signature.indirect_params, "the bar spills to memory");
    assert_eq!(signature.params.len(), 12);
}

#[test]
fn a_component_that_does_not_fit_the_world_is_refused_by_name() {
    check(&component(""), "admitted");
    check(&component(&guest_text("loop-in-start")), "admitted");
    check(b"MZ", "this is not a wasm component");
    check(
        &module(""),
        "this is a core module, not a component: build it with the SDK's build command",
    );
    check(
        &text(r#"(component (import "wasi:clocks/wall-clock@0.2.0" (instance)))"#),
        "the component imports wasi:clocks/wall-clock@0.2.0; a strategy may import only \
         counterfoil:strategy/types, account and log",
    );
    check(
        &text(r#"(component (import "counterfoil:strategy/venue@0.1.0" (instance)))"#),
        "the component imports counterfoil:strategy/venue@0.1.0; a strategy may import only \
         counterfoil:strategy/types, account and log",
    );
    check(
        &text(
            r#"(component (import "counterfoil:strategy/log@0.1.0"
                 (instance (export "erase" (func)))))"#,
        ),
        "the component imports counterfoil:strategy/log@0.1.0 erase; a strategy may import only \
         counterfoil:strategy/types, account and log",
    );
    check(
        &text(r#"(component (import "get-time" (func (result u64))))"#),
        "the component imports get-time; a strategy may import only \
         counterfoil:strategy/types, account and log",
    );
    check(
        &encode(
            wat::parse_str(
                wat_of_shell()
                    .replace("strategy/account@0.1.0", "strategy/account@0.2.0")
                    .replace("strategy/log@0.1.0", "strategy/log@0.2.0"),
            )
            .unwrap(),
            &WIT.replace("strategy@0.1.0", "strategy@0.2.0"),
        ),
        "counterfoil:strategy/account@0.2.0: built against world 0.2.0, this host speaks 0.1.0",
    );
    check(
        &text("(component)"),
        "the component does not export describe: build it for the world counterfoil:strategy@0.1.0",
    );
    check(
        &text(
            r#"(component (core module $m (func (export "d") (result i32) i32.const 0))
                 (core instance $i (instantiate $m))
                 (func (export "describe") (result u32) (canon lift (core func $i "d"))))"#,
        ),
        &format!(
            "describe has the type func() -> u32, the world has {}",
            functions(&component("")).unwrap()["export describe"]
        ),
    );
}

fn wat_of_shell() -> String {
    crate::support::module_text("")
}

#[test]
fn a_forbidden_feature_or_too_much_of_anything_is_refused_by_name() {
    for (what, body) in [
        (
            "SIMD support is not enabled",
            "(func (drop (v128.const i32x4 0 0 0 0)))",
        ),
        ("multiple memories", "(memory 1) (memory 1)"),
        ("multi-value", "(func (result i32 i32) unreachable)"),
        (
            "tail calls support is not enabled",
            "(func $f (return_call $f))",
        ),
        ("threads", "(memory 1 1 shared)"),
        ("exceptions", "(tag)"),
        ("memory64", "(memory i64 1)"),
    ] {
        let whole = format!("(component (core module {body}))");
        let said = admit(&text(&whole)).unwrap_err().to_string();
        assert!(
            said.starts_with("the component is not valid, or uses a forbidden feature: ")
                && said.contains(what),
            "{what}: {said}"
        );
    }
    check(
        &text("(component (component (component (component (component)))))"),
        "the component has 5 modules and components inside each other, the limit is 4",
    );
    let locals = "i64 ".repeat(10_001);
    check(
        &text(&format!(
            "(component (core module (func (local {locals}))))"
        )),
        "the component has 10001 locals in one function, the limit is 10000",
    );
    let body = "(drop (i32.const 0))".repeat(400_000);
    check(
        &text(&format!("(component (core module (func {body})))")),
        "the component has 1200002 bytes in one function, the limit is 1048576",
    );
    let modules = "(core module)".repeat(64);
    check(
        &text(&format!("(component {modules})")),
        "the component has 65 modules and components, the limit is 64",
    );
}

/// A component inside the component that lifts a function made the compiler panic.
#[test]
fn only_the_outermost_component_may_lift() {
    let inner = "(component
        (core module $m (func (export \"f\")))
        (core instance $i (instantiate $m))
        (func (export \"f\") (canon lift (core func $i \"f\"))))";
    check(
        &text(&format!("(component {inner})")),
        "a component inside the component lifts a function; only the outermost one may: build it with the SDK's \
         build command",
    );
}

#[test]
fn compiled_strategies_ask_for_little_compilation_and_interpreters_for_more() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../sdk-examples/components");
    let files = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path());
    let components = files.filter(|file| file.extension().is_some_and(|name| name == "wasm"));
    let mut seen = 0;
    for file in components {
        let bytes = std::fs::read(&file).unwrap();
        assert_eq!(
            admit(&bytes).unwrap(),
            CompileClass::Strategy,
            "{}",
            file.display()
        );
        seen += 1;
    }
    assert!(seen >= 4, "{seen} components");
    let large = component(&format!("(data $large \"{}\")", "x".repeat(1 << 20)));
    assert_eq!(admit(&large).unwrap(), CompileClass::Interpreter);
}

//! Guests from text: components that do one thing and nothing else, for the tests of every crate. It must
//! never know what a host should do about them.

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// The contract, as the guests are wrapped in it.
pub const WIT: &str = include_str!("../../../wit/strategy.wit");

/// A harmless body for each export, and for the memory and the allocator.
const DEFAULTS: [(&str, &str); 8] = [
    ("\"memory\"", r#"(memory (export "memory") 1)"#),
    (
        "\"cabi_realloc\"",
        r#"(global $next (mut i32) (i32.const 16384))
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
          (global.set $next (i32.and (i32.add (global.get $next) (i32.const 15)) (i32.const 0xfff0)))
          (global.get $next)
          (global.set $next (i32.add (global.get $next) (local.get 3))))"#,
    ),
    (
        "\"describe\"",
        r#"(func (export "describe") (result i32) (i32.const 1024))"#,
    ),
    (
        "\"init\"",
        r#"(func (export "init") (param i32 i32 i32 i32 i64) (result i32) (i32.const 16))"#,
    ),
    (
        "\"on-bar\"",
        r#"(func (export "on-bar") (param i32 i64 i64 i64 i64 i64 i64 i64 i64 i32 i32 i32)
          (result i32) (i32.const 16))"#,
    ),
    (
        "\"on-fill\"",
        r#"(func (export "on-fill") (param i32 i64 i32 i64 i64 i64 i64 i32 i64))"#,
    ),
    (
        "\"on-order-event\"",
        r#"(func (export "on-order-event") (param i32 i64 i32 i32 i32 i64 i64))"#,
    ),
    (
        "\"on-corporate-action\"",
        r#"(func (export "on-corporate-action") (param i32 i64 i32 i64 i32))"#,
    ),
];

/// The shell around every guest, with a description at 1024: name, version, author and summary are "shell",
/// no parameters, any number of instruments from 0. It imports every function that the host offers.
const SHELL: &str = r#"(module
  (import "counterfoil:strategy/log@0.1.0" "write" (func $log (param i32 i32 i32)))
  (import "counterfoil:strategy/account@0.1.0" "cash" (func $cash (param i32)))
  (import "counterfoil:strategy/account@0.1.0" "equity" (func $equity (param i32)))
  (import "counterfoil:strategy/account@0.1.0" "position-of" (func $position-of (param i32 i32)))
  (import "counterfoil:strategy/account@0.1.0" "working-orders" (func $working-orders (param i32)))
  (data (i32.const 1024)
    "\50\04\00\00\05\00\00\00" "\50\04\00\00\05\00\00\00"
    "\50\04\00\00\05\00\00\00" "\50\04\00\00\05\00\00\00"
    "\00\00\00\00" "\00\00\00\00\00\00\00\00" "\00\00\00\00\00\00\00\00\00\00\00\00"
    "\00\00\00\00" "\00\00\00\00\00\00\00\00")
  (data (i32.const 1104) "shell")
  BODY
)"#;

/// The text of a core module: the body of a guest in the shell, with a harmless function for each export
/// that the body does not have.
#[must_use]
pub fn module_text(body: &str) -> String {
    let mut whole = String::from(body);
    for (export, text) in DEFAULTS {
        if !body.contains(export) {
            whole.push_str(text);
        }
    }
    SHELL.replace("BODY", &whole)
}

/// A core module from the body of a guest.
///
/// # Panics
///
/// Panics if the body is not valid WAT, with the line.
#[must_use]
pub fn module(body: &str) -> Vec<u8> {
    wat::parse_str(module_text(body)).unwrap_or_else(|error| panic!("{error}"))
}

/// A component of the world `strategy` in `wit` around a core module.
///
/// # Panics
///
/// Panics if the module does not fit the world.
#[must_use]
pub fn encode(mut module: Vec<u8>, wit: &str) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let package = resolve.push_str("strategy.wit", wit).unwrap();
    let world = resolve.select_world(&[package], Some("strategy")).unwrap();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    let encoder = ComponentEncoder::default().module(&module).unwrap();
    encoder.validate(true).encode().unwrap()
}

/// A component from the body of a guest.
#[must_use]
pub fn component(body: &str) -> Vec<u8> {
    encode(module(body), WIT)
}

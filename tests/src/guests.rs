//! Guests from text: components that do one thing wrong. It must never know what a host should
//! do about them.

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// The contract, as the guests are wrapped in it.
const WIT: &str = include_str!("../../wit/strategy.wit");

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

/// The shell around every guest, with a description at 1024: everything is called "shell", no
/// parameters, any number of instruments from 0.
const SHELL: &str = r#"(module
  (data (i32.const 1024)
    "\50\04\00\00\05\00\00\00" "\50\04\00\00\05\00\00\00"
    "\50\04\00\00\05\00\00\00" "\50\04\00\00\05\00\00\00"
    "\00\00\00\00" "\00\00\00\00\00\00\00\00" "\00\00\00\00\00\00\00\00\00\00\00\00"
    "\00\00\00\00" "\00\00\00\00\00\00\00\00")
  (data (i32.const 1104) "shell")
  BODY
)"#;

/// A component from the body of a guest.
pub fn component(body: &str) -> Vec<u8> {
    let mut whole = String::from(body);
    for (export, text) in DEFAULTS {
        if !body.contains(export) {
            whole.push_str(text);
        }
    }
    let mut module = wat::parse_str(SHELL.replace("BODY", &whole)).unwrap();
    let mut resolve = Resolve::default();
    let package = resolve.push_str("strategy.wit", WIT).unwrap();
    let world = resolve.select_world(&[package], Some("strategy")).unwrap();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8, false).unwrap();
    let mut encoder = ComponentEncoder::default();
    let encoder = encoder.module(&module).unwrap();
    encoder.validate(true).encode().unwrap()
}

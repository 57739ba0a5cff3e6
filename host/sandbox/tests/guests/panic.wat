(func $the_panic_handler unreachable)
(func (export "on-bar") (param i32 i64 i64 i64 i64 i64 i64 i64 i64 i32 i32 i32) (result i32)
  (call $the_panic_handler) (i32.const 16))

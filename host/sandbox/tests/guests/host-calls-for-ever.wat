(func (export "on-bar") (param i32 i64 i64 i64 i64 i64 i64 i64 i64 i32 i32 i32) (result i32)
  (loop $again (call $working-orders (i32.const 4096)) (br $again)) unreachable)
(func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 16384))

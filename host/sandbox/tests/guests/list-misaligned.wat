(func (export "on-bar") (param i32 i64 i64 i64 i64 i64 i64 i64 i64 i32 i32 i32) (result i32)
  (i32.store (i32.const 20) (i32.const 4097))
  (i32.store (i32.const 24) (i32.const 1))
  (i32.const 16))

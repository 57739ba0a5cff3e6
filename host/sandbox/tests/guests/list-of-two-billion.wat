(func (export "on-bar") (param i32 i64 i64 i64 i64 i64 i64 i64 i64 i32 i32 i32) (result i32)
  (i32.store (i32.const 20) (i32.const 0))
  (i32.store (i32.const 24) (i32.const 0x80000000))
  (i32.const 16))

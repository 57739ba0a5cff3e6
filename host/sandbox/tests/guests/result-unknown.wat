(func (export "on-bar") (param i32 i64 i64 i64 i64 i64 i64 i64 i64 i32 i32 i32) (result i32)
  (i32.store8 (i32.const 16) (i32.const 2)) (i32.const 16))

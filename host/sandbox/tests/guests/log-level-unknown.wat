(func (export "on-bar") (param i32 i64 i64 i64 i64 i64 i64 i64 i64 i32 i32 i32) (result i32)
  (call $log (i32.const 9) (i32.const 1104) (i32.const 5)) (i32.const 16))

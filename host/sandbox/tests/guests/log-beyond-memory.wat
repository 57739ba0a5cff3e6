(func (export "on-bar") (param i32 i64 i64 i64 i64 i64 i64 i64 i64 i32 i32 i32) (result i32)
  (call $log (i32.const 1) (i32.const 65000) (i32.const 4000)) (i32.const 16))

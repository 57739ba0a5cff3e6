(func (export "on-bar") (param i32 i64 i64 i64 i64 i64 i64 i64 i64 i32 i32 i32) (result i32)
  (loop $again (call $log (i32.const 1) (i32.const 0) (i32.const 0)) (br $again)) unreachable)

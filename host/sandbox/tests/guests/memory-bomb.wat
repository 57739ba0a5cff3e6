(func (export "on-bar") (param i32 i64 i64 i64 i64 i64 i64 i64 i64 i32 i32 i32) (result i32)
  (loop $again (drop (memory.grow (i32.const 1))) (br $again)) unreachable)

;; Beyond the maximum that it declared itself, a guest gets -1 and goes on.
(memory (export "memory") 1 2)
(func (export "on-bar") (param i32 i64 i64 i64 i64 i64 i64 i64 i64 i32 i32 i32) (result i32)
  (if (i32.ne (memory.grow (i32.const 5)) (i32.const -1)) (then unreachable))
  (if (i32.ne (memory.grow (i32.const 1)) (i32.const 1)) (then unreachable))
  (i32.const 16))

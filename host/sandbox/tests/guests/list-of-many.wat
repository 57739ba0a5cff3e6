;; 128 requests in memory that is all zeros: more than the 64 that may come in one answer.
(memory (export "memory") 10)
(func (export "on-bar") (param i32 i64 i64 i64 i64 i64 i64 i64 i64 i32 i32 i32) (result i32)
  (i32.store (i32.const 20) (i32.const 65536))
  (i32.store (i32.const 24) (i32.const 65))
  (i32.const 16))

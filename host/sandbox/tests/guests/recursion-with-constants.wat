;; A frame that spills constants: each costs fuel once and sixteen bytes of stack at most.
(func $deep (param i32)
  (local i64 i64 i64 i64 i64 i64 i64 i64)
  (call $deep (i32.add (local.get 0) (i32.const 1)))
  (i64.store (i32.const 0) (i64.add (local.get 1) (local.get 8))))
(func (export "on-bar") (param i32 i64 i64 i64 i64 i64 i64 i64 i64 i32 i32 i32) (result i32)
  (call $deep (i32.const 0)) (i32.const 16))

;; Three lines: 4,000 bytes, 500 bytes of which 95 have room, and one that comes after the limit.
(data (i32.const 9000) "the end")
(func (export "on-bar") (param i32 i64 i64 i64 i64 i64 i64 i64 i64 i32 i32 i32) (result i32)
  (call $log (i32.const 1) (i32.const 20000) (i32.const 4000))
  (call $log (i32.const 2) (i32.const 20000) (i32.const 500))
  (call $log (i32.const 1) (i32.const 9000) (i32.const 7))
  (i32.const 16))

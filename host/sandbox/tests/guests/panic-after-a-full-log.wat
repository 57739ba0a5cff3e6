;; Logs 5,000 bytes of zeros, then a panic of 1,500 bytes: "panic", and euro signs of three bytes.
(data (i32.const 9000) "panic")
(func (export "on-bar") (param i32 i64 i64 i64 i64 i64 i64 i64 i64 i32 i32 i32) (result i32)
  (local $at i32)
  (call $log (i32.const 1) (i32.const 20000) (i32.const 5000))
  (local.set $at (i32.const 9005))
  (loop $again
    (i32.store (local.get $at) (i32.const 0xac82e2))
    (br_if $again (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 3))) (i32.const 10500))))
  (call $log (i32.const 3) (i32.const 9000) (i32.const 1499))
  unreachable)

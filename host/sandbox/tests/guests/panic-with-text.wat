;; What the SDK's panic hook does: the panic's text as a line of the level error, then the trap.
(data (i32.const 9000) "an errorpanic at src/lib.rs:30: odd volume on the third bar")
(func (export "on-bar") (param i32 i64 i64 i64 i64 i64 i64 i64 i64 i32 i32 i32) (result i32)
  (call $log (i32.const 3) (i32.const 9008) (i32.const 51))
  ;; Another error line and a line of another level are no panic.
  (call $log (i32.const 3) (i32.const 9000) (i32.const 8))
  (call $log (i32.const 1) (i32.const 9008) (i32.const 5))
  unreachable)

;; One cancel request with a reason of 201 bytes of zeros.
(func (export "on-bar") (param i32 i64 i64 i64 i64 i64 i64 i64 i64 i32 i32 i32) (result i32)
  (i32.store8 (i32.const 4096) (i32.const 1))
  (i32.store8 (i32.const 4112) (i32.const 1))
  (i32.store (i32.const 4116) (i32.const 8192))
  (i32.store (i32.const 4120) (i32.const 201))
  (i32.store (i32.const 20) (i32.const 4096))
  (i32.store (i32.const 24) (i32.const 1))
  (i32.const 16))

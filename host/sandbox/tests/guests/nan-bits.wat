;; Makes NaNs in four ways and lets their bits leak into an order: quantity, client order id,
;; limit price and time.
(func $quiet (param f64 f64) (result i64) (i64.reinterpret_f64 (f64.div (local.get 0) (local.get 1))))
(func (export "on-bar") (param i32 i64 i64 i64 i64 i64 i64 i64 i64 i32 i32 i32) (result i32)
  (local $zero f64)
  (local.set $zero (f64.convert_i32_s (local.get 11)))
  (i64.store (i32.const 8208) (call $quiet (local.get $zero) (local.get $zero)))
  (i64.store (i32.const 8224) (i64.reinterpret_f64 (f64.sqrt (f64.sub (local.get $zero) (f64.const 1)))))
  (i32.store8 (i32.const 8232) (i32.const 1))
  (i64.store (i32.const 8240) (i64.reinterpret_f64
    (f64.add (f64.reinterpret_i64 (i64.const 0x7ff4000000000001)) (f64.convert_i64_s (local.get 4)))))
  (i32.store8 (i32.const 8256) (i32.const 2))
  (i64.store (i32.const 8264) (i64.extend_i32_u (i32.reinterpret_f32 (f32.mul
    (f32.demote_f64 (f64.neg (f64.div (local.get $zero) (local.get $zero)))) (f32.const 2)))))
  (i32.store (i32.const 20) (i32.const 8192))
  (i32.store (i32.const 24) (i32.const 1))
  (i32.const 16))

;; Answers with one order whose quantity is the cash, whose client order id is the position in
;; instrument 0 plus a thousand times the number of working orders.
(func (export "on-bar") (param i32 i64 i64 i64 i64 i64 i64 i64 i64 i32 i32 i32) (result i32)
  (call $cash (i32.const 4096))
  (i64.store (i32.const 8224) (i64.load (i32.const 4096)))
  (call $position-of (i32.const 0) (i32.const 4096))
  (call $working-orders (i32.const 5120))
  (i64.store (i32.const 8208) (i64.add (i64.load (i32.const 4096))
    (i64.mul (i64.const 1000) (i64.extend_i32_u (i32.load (i32.const 5124))))))
  (i32.store (i32.const 20) (i32.const 8192))
  (i32.store (i32.const 24) (i32.const 1))
  (i32.const 16))

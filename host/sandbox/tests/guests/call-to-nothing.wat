(table $t 1 funcref)
(type $empty (func))
(func (export "on-bar") (param i32 i64 i64 i64 i64 i64 i64 i64 i64 i32 i32 i32) (result i32)
  (call_indirect $t (type $empty) (i32.const 0)) (i32.const 16))

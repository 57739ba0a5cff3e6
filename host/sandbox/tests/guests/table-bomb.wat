(table $t 1 funcref)
(func (export "on-bar") (param i32 i64 i64 i64 i64 i64 i64 i64 i64 i32 i32 i32) (result i32)
  (loop $again (drop (table.grow $t (ref.null func) (i32.const 1000))) (br $again)) unreachable)

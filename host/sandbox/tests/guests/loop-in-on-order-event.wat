(func (export "on-order-event") (param i32 i64 i32 i32 i32 i64 i64) (loop $again (br $again)))

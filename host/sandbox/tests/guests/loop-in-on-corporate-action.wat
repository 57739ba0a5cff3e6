(func (export "on-corporate-action") (param i32 i64 i32 i64 i32) (loop $again (br $again)))

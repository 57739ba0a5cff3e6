(func (export "init") (param i32 i32 i32 i32 i64) (result i32) (loop $again (br $again)) unreachable)

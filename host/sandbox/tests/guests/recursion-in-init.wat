(func $deep (result i32) (i32.add (call $deep) (i32.const 1)))
(func (export "init") (param i32 i32 i32 i32 i64) (result i32) (drop (call $deep)) (i32.const 16))

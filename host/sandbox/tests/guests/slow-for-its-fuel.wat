;; Growing by nothing is a call into the host's runtime for one unit of fuel.
(func (export "on-bar") (param i32 i64 i64 i64 i64 i64 i64 i64 i64 i32 i32 i32) (result i32)
  (loop $again (drop (memory.grow (i32.const 0))) (drop (memory.grow (i32.const 0)))
    (drop (memory.grow (i32.const 0))) (drop (memory.grow (i32.const 0))) (br $again)) unreachable)

(memory (export "memory") 1000)

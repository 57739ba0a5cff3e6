(table $t 20000 funcref)

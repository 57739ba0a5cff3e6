;; The shell around every guest of the tests. The test puts the guest's own text in the place
;; marked below, and a harmless function for each export that the text does not have.
(module
  (import "counterfoil:strategy/log@0.1.0" "write" (func $log (param i32 i32 i32)))
  (import "counterfoil:strategy/account@0.1.0" "cash" (func $cash (param i32)))
  (import "counterfoil:strategy/account@0.1.0" "equity" (func $equity (param i32)))
  (import "counterfoil:strategy/account@0.1.0" "position-of" (func $position-of (param i32 i32)))
  (import "counterfoil:strategy/account@0.1.0" "working-orders" (func $working-orders (param i32)))
  ;; A description at 1024: name, version, author and summary "shell", no parameters.
  (data (i32.const 1024)
    "\50\04\00\00\05\00\00\00" "\50\04\00\00\05\00\00\00"
    "\50\04\00\00\05\00\00\00" "\50\04\00\00\05\00\00\00"
    "\00\00\00\00" "\00\00\00\00\00\00\00\00" "\00\00\00\00\00\00\00\00\00\00\00\00"
    "\00\00\00\00" "\00\00\00\00\00\00\00\00")
  (data (i32.const 1104) "shell")
  BODY
)

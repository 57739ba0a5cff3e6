//! Nothing but the journal's door makes a `Receipt`.
use counterfoil_trading::journal::Receipt;

fn main() {
    let _receipt = Receipt(());
}

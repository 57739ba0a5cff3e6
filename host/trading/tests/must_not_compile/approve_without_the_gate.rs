//! Nothing but the risk gate makes an `Approved`.
use counterfoil_trading::order::{ClientOrderId, Intent};
use counterfoil_trading::risk::Approved;

fn main() {
    let _approved = Approved {
        intent: Intent::Cancel(ClientOrderId(1)),
    };
}

//! The journal in `docs/reference/journal-example.txt` is what the code writes, byte for byte.
//!
//! To write it anew: `UPDATE_DOCS=1 cargo test -p counterfoil-tests --test
//! journal_format`.

#[cfg(test)]
mod tests {
    use core::fmt::Write as _;
    use std::path::Path;

    use counterfoil_base::digest::Digest;
    use counterfoil_journal::checkpoint::Checkpoint;
    use counterfoil_journal::entry::{Chain, HEAD_BYTES};
    use counterfoil_journal::frame::{MAGIC, write_checkpoint, write_entry};
    use counterfoil_journal::salt::LogSalts;
    use counterfoil_journal::signer::{Ed25519Signer, Signer as _};
    use counterfoil_journal::tree::Tree;
    use counterfoil_trading::bar::{ClosedBar, RawBar};
    use counterfoil_trading::costs::LiquiditySide;
    use counterfoil_trading::decision_digest::DecisionDigest;
    use counterfoil_trading::execution::{Delivery, Fill, OrderCode, OrderEvent};
    use counterfoil_trading::instrument::InstrumentId;
    use counterfoil_trading::manifest::Manifest;
    use counterfoil_trading::order::{
        ClientOrderId, Intent, Order, OrderStatus, OrderType, Request, Side, TimeInForce,
    };
    use counterfoil_trading::plan::PlanDigest;
    use counterfoil_trading::record::{
        Callback, CloseReason, CloseRecord, DataCommitment, DecisionCircumstances, DecisionRecord,
        FaultAction, FaultRecord, HostBuild, Opening, PlanNote, PositionsRecord, RefusedInput,
        RequestCounts, RiskVerdict, RunRecord, RunStart, deliveries, digested_part, encode_plan,
        positions_digest,
    };
    use counterfoil_trading::strategy::Fault;
    use counterfoil_trading::time::UnixNanos;
    use counterfoil_trading::units::{Money, Price, Quantity, Volume};
    use sha2::{Digest as _, Sha256};

    /// The seed of the example's signing key: for this example only.
    const SEED: [u8; 32] = [7; 32];
    const DAY: i64 = 86_400_000_000_000;

    fn bar(day: i64, prices: [i64; 4]) -> ClosedBar {
        let [open, high, low, close] = prices.map(Price);
        let raw = RawBar {
            instrument: InstrumentId(0),
            open_time: UnixNanos(day * DAY),
            close_time: UnixNanos((day + 1) * DAY),
            open,
            high,
            low,
            close,
            volume: Volume(1_000),
        };
        ClosedBar::parse(raw).unwrap()
    }

    fn order() -> Order {
        Order {
            instrument: InstrumentId(0),
            client_order_id: ClientOrderId(1),
            side: Side::Buy,
            quantity: Quantity(10),
            order_type: OrderType::Market,
            time_in_force: TimeInForce::Gtc,
        }
    }

    fn decision(
        bar: ClosedBar,
        index: u64,
        request: Option<Request>,
        money: (i128, i128, i64),
    ) -> Vec<u8> {
        let plans = request.iter().map(|request| {
            let mut plan = Vec::new();
            encode_plan(&mut plan, 0, &request.intent);
            PlanNote {
                plan: PlanDigest(Digest::of(&plan)),
                token: 0,
            }
        });
        let decision = DecisionRecord {
            bar,
            index,
            circumstances: DecisionCircumstances {
                fuel: 321,
                plans: plans.collect(),
                times: None,
            },
            verdicts: request.iter().map(|_| RiskVerdict::Approved).collect(),
            requests: Some(request.into_iter().collect()),
            cash: Money(money.0),
            equity: Money(money.1),
            position: Quantity(money.2),
        };
        let (mut digested, mut body) = (Vec::new(), Vec::new());
        decision.encode_digested(&mut digested);
        decision.encode(&digested, &mut body);
        body
    }

    /// What the venue says on the second bar: the order is accepted, and filled.
    fn told(time: UnixNanos) -> Vec<u8> {
        let (mut told, mut digested) = (Vec::new(), Vec::new());
        let event = OrderEvent {
            instrument: InstrumentId(0),
            client_order_id: ClientOrderId(1),
            status: OrderStatus::Accepted,
            code: OrderCode::None,
            leaves_quantity: Quantity(10),
        };
        let fill = Fill {
            instrument: InstrumentId(0),
            client_order_id: ClientOrderId(1),
            side: Side::Buy,
            quantity: Quantity(10),
            leaves_quantity: Quantity(0),
            reference_price: Price(5_060),
            price: Price(5_060),
            clamped: false,
            fee: Money(50_600_000),
            slippage: Money(0),
            liquidity: LiquiditySide::Taker,
            time,
        };
        let all = [Delivery::Event(event), Delivery::Fill(fill)];
        deliveries::encode_digested(time, &all, &mut digested);
        deliveries::encode(&digested, 12, &mut told);
        told
    }

    /// The bodies of the example: one order on the first of two bars, filled on the second.
    fn bodies() -> Vec<(&'static str, Vec<u8>)> {
        let (first, second) = (
            bar(10_957, [5_000, 5_100, 4_900, 5_050]),
            bar(10_958, [5_060, 5_200, 5_000, 5_150]),
        );
        let bars_sha256 = Sha256::new()
            .chain_update(first.canonical())
            .chain_update(second.canonical());
        let mut closing = Vec::new();
        let opening = Opening {
            manifest: "{}".to_owned(),
            execution: 1,
            host: HostBuild {
                version: "counterfoil 0.1.0".to_owned(),
                ..HostBuild::default()
            },
            start: RunStart::default(),
            commitments: Some(vec![DataCommitment {
                symbol: "ABC".to_owned(),
                bars: 2,
                first_close: first.get().close_time,
                last_close: second.get().close_time,
                bars_sha256: Digest::finish(bars_sha256),
                actions: 0,
                actions_sha256: Digest::of(&[]),
            }]),
        };
        let request = Request {
            intent: Intent::Submit(order()),
            reason: Some("up".to_owned()),
        };
        let starting = 1_000_000_000_000;
        let told = told(second.get().close_time);
        // 10 at 50.60 cost 506, and one basis point of it is the fee.
        let (cash, equity) = (493_949_400_000, 1_008_949_400_000);
        let names = ["open", "manifest", "commitments"];
        let mut list: Vec<_> = names.into_iter().zip(opening.bodies()).collect();
        assert_eq!(list.len(), names.len());
        list.extend([
            (
                "decision",
                decision(first, 0, Some(request), (starting, starting, 0)),
            ),
            ("deliveries", told),
            ("decision", decision(second, 1, None, (cash, equity, 10))),
        ]);
        let held = [Quantity(10)];
        let mut positions = Vec::new();
        PositionsRecord::encode(&held, &mut positions);
        CloseRecord {
            reason: CloseReason::EndOfData,
            decisions: 2,
            fills: 1,
            requests: RequestCounts {
                approved: 1,
                refused: 0,
            },
            decision_digest: digest_of(&list),
            cash: Money(cash),
            equity: Money(equity),
            fees: Money(50_600_000),
            slippage: Money(0),
            realized: Money(0),
            borrow: Money(0),
            dividends: Money(0),
            positions_sha256: positions_digest(held.into_iter()),
        }
        .encode(&mut closing);
        list.push(("positions", positions));
        list.push(("close", closing));
        list
    }

    fn digest_of(list: &[(&str, Vec<u8>)]) -> Digest {
        let mut digest = DecisionDigest::default();
        for (_, body) in list {
            if let Some(part) = digested_part(body).unwrap() {
                digest.add(part);
            }
        }
        digest.value()
    }

    fn dump(out: &mut String, what: &str, bytes: &[u8]) {
        writeln!(out, "{what}").unwrap();
        for line in bytes.chunks(32) {
            writeln!(out, "    {}", hex::encode(line)).unwrap();
        }
    }

    /// The whole file of the example with a note before each part.
    fn example() -> String {
        let list = bodies();
        let signer = Ed25519Signer::from_seed(&SEED);
        let origin = format!("counterfoil/run/{}/1", hex::encode(Sha256::digest("{}")));
        let salts = LogSalts::new(&SEED, &origin);
        let (mut chain, mut tree) = (Chain::new(), Tree::new());
        let (mut out, mut notes) = (String::new(), String::new());
        dump(&mut out, "magic", MAGIC);
        let sign = |tree: &Tree| {
            Checkpoint {
                origin: origin.clone(),
                size: tree.size(),
                root: tree.root(),
            }
            .sign(&signer)
            .unwrap()
        };
        for (index, (name, body)) in list.iter().enumerate() {
            let (mut entry, mut frame) = (Vec::new(), Vec::new());
            tree.push(
                chain
                    .link(salts.at(chain.size()), body, &mut entry)
                    .unwrap(),
            );
            write_entry(&entry, &mut frame).unwrap();
            assert_eq!(&entry[HEAD_BYTES..], body);
            RunRecord::decode(body).unwrap();
            let (head, rest) = frame.split_at(5);
            let (link, rest) = rest.split_at(32);
            let (salt, body) = rest.split_at(16);
            dump(
                &mut out,
                &format!("entry {index}, {name}: frame head"),
                head,
            );
            dump(&mut out, "  chain link", link);
            dump(&mut out, "  salt", salt);
            dump(&mut out, "  body", body);
            let is_last = index + 1 == list.len();
            if is_last || index == 2 {
                let note = sign(&tree);
                let mut frame = Vec::new();
                write_checkpoint(&note, &mut frame).unwrap();
                dump(
                    &mut out,
                    &format!("checkpoint of size {}: frame head", index + 1),
                    &frame[..5],
                );
                writeln!(out, "  note: {} bytes of text, below", note.len()).unwrap();
                write!(notes, "\nThe note of size {}:\n\n{note}", index + 1).unwrap();
            }
        }
        let digest = digest_of(&list).hex();
        let key = hex::encode(signer.verifying_key());
        format!(
            "{out}{notes}\nDecision digest: sha256:{digest}\nPublic key: {key}, of the seed of 32 bytes 07\n"
        )
    }

    #[test]
    fn the_example_beside_the_document_is_what_the_code_writes() {
        let path =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference/journal-example.txt");
        let expected = example();
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(&path, expected).unwrap();
            return;
        }
        assert!(
            std::fs::read_to_string(&path).unwrap() == expected,
            "run: UPDATE_DOCS=1 cargo test -p counterfoil-tests --test journal_format"
        );
    }

    #[test]
    fn every_kind_of_record_has_an_example_that_decodes() {
        let fault = FaultRecord {
            callback: Callback::OnBar,
            time: UnixNanos(DAY),
            fault: Fault::OutOfFuel,
            message: String::new(),
            action: FaultAction::Cancel,
            trace: String::new(),
        };
        let (mut digested, mut body) = (Vec::new(), Vec::new());
        fault.encode_digested(&mut digested);
        fault.encode(&digested, &mut body);
        assert_eq!(RunRecord::decode(&body).unwrap(), RunRecord::Fault(fault));
        let refused = RefusedInput {
            reason: "late".to_owned(),
            input: vec![1],
        };
        body.clear();
        refused.encode(&mut body);
        assert_eq!(
            RunRecord::decode(&body).unwrap(),
            RunRecord::Refused(refused)
        );
        assert_eq!(digested_part(&body).unwrap(), None);
    }

    #[test]
    fn the_example_manifest_beside_the_document_is_one() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference/manifest.json");
        let json = std::fs::read_to_string(&path).unwrap();
        let setup = Manifest::parse(&json).and_then(|manifest| manifest.setup());
        assert_eq!(setup.unwrap().cadence, 4096);
    }
}

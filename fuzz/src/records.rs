//! Record bodies. It must never know where a body came from.

use counterfoil_trading::record::{
    CommitmentsRecord, InputsRecord, ManifestPart, PositionsRecord, RunRecord, StopRecord,
    deliveries, digested_part, record_kind,
};
use counterfoil_verify::describe::RecordDescriber;

/// A record that is read is written back as the same bytes, and can be told to a person without a
/// character that would move their terminal's cursor.
pub fn record(bytes: &[u8]) {
    let Ok(record) = RunRecord::decode(bytes) else {
        let _ = (record_kind(bytes), digested_part(bytes));
        return;
    };
    let written = encode(&record);
    assert_eq!(written, bytes, "written back otherwise: {record:?}");
    assert!(record_kind(bytes).is_ok() && digested_part(bytes).is_ok());
    let text = RecordDescriber::new(&[]).record(&record);
    let control = text.chars().find(|letter| letter.is_control());
    assert_eq!(control, None, "shown to a person: {text:?}");
}

/// The body of a record.
pub(crate) fn encode(record: &RunRecord) -> Vec<u8> {
    let mut body = Vec::new();
    let mut digested = Vec::new();
    match record {
        RunRecord::Open(open) => open.encode(&mut body),
        RunRecord::Deliveries(one) => {
            deliveries::encode_digested(one.time, &one.deliveries, &mut digested);
            deliveries::encode(&digested, one.fuel, &mut body);
        }
        RunRecord::Decision(one) => {
            one.encode_digested(&mut digested);
            one.encode(&digested, &mut body);
        }
        RunRecord::Fault(one) => {
            one.encode_digested(&mut digested);
            one.encode(&digested, &mut body);
        }
        RunRecord::Stop(one) => {
            one.encode_digested(&mut digested);
            StopRecord::encode(&digested, &mut body);
        }
        RunRecord::WindDown(one) => {
            one.encode_digested(&mut digested);
            one.encode(&digested, &mut body);
        }
        RunRecord::Inputs(one) => {
            one.encode_digested(&mut digested);
            InputsRecord::encode(&digested, &mut body);
        }
        RunRecord::Manifest(part) => ManifestPart::encode(&part.text, &mut body),
        RunRecord::Commitments(part) => CommitmentsRecord::encode(&part.commitments, &mut body),
        RunRecord::Positions(part) => PositionsRecord::encode(&part.positions, &mut body),
        RunRecord::MarginCall(one) => {
            one.encode_digested(&mut digested);
            one.encode(&digested, &mut body);
        }
        RunRecord::Close(close) => close.encode(&mut body),
        RunRecord::Refused(refused) => refused.encode(&mut body),
    }
    body
}

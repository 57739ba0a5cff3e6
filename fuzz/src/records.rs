//! Record bodies. It must never know where a body came from.

use counterfoil_trading::record::{Record, deliveries, digested_part, kind_of};
use counterfoil_verify::describe::RecordDescriber;

/// A record that is read is written back as the same bytes, and can be told to a person without a
/// character that would move their terminal's cursor.
pub fn record(bytes: &[u8]) {
    let Ok(record) = Record::decode(bytes) else {
        let _ = (kind_of(bytes), digested_part(bytes));
        return;
    };
    let written = encode(&record);
    assert_eq!(written, bytes, "written back otherwise: {record:?}");
    assert!(kind_of(bytes).is_ok() && digested_part(bytes).is_ok());
    let text = RecordDescriber::new(&[]).record(&record);
    let control = text.chars().find(|letter| letter.is_control());
    assert_eq!(control, None, "shown to a person: {text:?}");
}

/// The body of a record.
pub(crate) fn encode(record: &Record) -> Vec<u8> {
    let mut body = Vec::new();
    let mut digested = Vec::new();
    match record {
        Record::Open(open) => open.encode(&mut body),
        Record::Deliveries(one) => {
            deliveries::encode_digested(one.time, &one.deliveries, &mut digested);
            deliveries::encode(&digested, one.fuel, &mut body);
        }
        Record::Decision(one) => {
            one.encode_digested(&mut digested);
            one.encode(&digested, &mut body);
        }
        Record::Fault(one) => {
            one.encode_digested(&mut digested);
            one.encode(&digested, &mut body);
        }
        Record::Stop(one) => {
            one.encode_digested(&mut digested);
            one.encode(&digested, &mut body);
        }
        Record::MarginCall(one) => {
            one.encode_digested(&mut digested);
            one.encode(&digested, &mut body);
        }
        Record::Close(close) => close.encode(&mut body),
        Record::Refused(refused) => refused.encode(&mut body),
    }
    body
}

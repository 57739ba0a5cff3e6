//! The walk over an order log's frames. It must never judge a record that no checkpoint covers.

use core::num::NonZeroU64;
use std::collections::BTreeMap;
use std::io::{self, Read};

use counterfoil_base::digest::Digest;
use counterfoil_journal::audit::{AuditedFrame, Auditor};
use counterfoil_journal::entry::split;
use counterfoil_journal::frame::Frame;
use counterfoil_journal::key::VerifierKey;
use counterfoil_journal::note::Note;
use counterfoil_journal::public_key::PublicKey;
use counterfoil_trading::gateway::{
    EndedSubmission, OrderAuthorization, OrderLogRecord, SubmissionEnd, VenueOrderId,
};
use counterfoil_trading::time::UnixNanos;

use super::ranges::NumberRanges;
use super::{
    ORDERS_ORIGIN, OrderLogFacts, OrderLogFinding, OrderLogReport, OrderLogSubject, OrderProcess,
    SpentToken,
};
use crate::chunk::{ChunkReader, JournalChunk, JournalEnd};
use crate::key_file::log_key;

/// The first line of the text that a token's signature is over.
const TOKEN_TEXT: &str = "counterfoil-token/1";

/// What the order log in `reader` holds, and whether it holds. Of the records only what is open stays in memory; `facts`
/// takes what a journal is compared with.
///
/// # Errors
///
/// Returns the error of the reader. What is wrong with the log is in the report.
pub fn verify_order_log<R: Read>(
    reader: R,
    key: &PublicKey,
    facts: Option<&mut OrderLogFacts>,
) -> io::Result<OrderLogReport> {
    let mut chunks = ChunkReader::new(reader);
    let mut walk = OrderLogWalk {
        key: *key,
        auditor: None,
        waiting: None,
        report: OrderLogReport::default(),
        fencing_token: 0,
        last: UnixNanos(i64::MIN),
        open: BTreeMap::new(),
        ended: NumberRanges::default(),
        facts,
    };
    while let Some(chunk) = chunks.next()? {
        if let Err(finding) = walk.chunk(&chunk) {
            walk.report.finding = Some(finding);
            return Ok(walk.report);
        }
    }
    let mut report = walk.report;
    report.unsigned = u64::from(walk.waiting.is_some());
    match chunks.end() {
        JournalEnd::Torn(bytes) => report.torn_bytes = bytes,
        JournalEnd::Bad(error) => {
            report.finding = Some(OrderLogFinding {
                index: report.records,
                why: error.to_string(),
            });
        }
    }
    Ok(report)
}

/// How far the walk has come.
struct OrderLogWalk<'a> {
    key: PublicKey,
    /// Known once the first record names the log.
    auditor: Option<(Auditor, VerifierKey)>,
    /// The last record, until its checkpoint: its index and body.
    waiting: Option<(u64, Vec<u8>)>,
    report: OrderLogReport,
    fencing_token: u64,
    last: UnixNanos,
    /// Tokens spent for orders that have not ended, by the number of the plan.
    open: BTreeMap<u64, u32>,
    ended: NumberRanges,
    facts: Option<&'a mut OrderLogFacts>,
}

impl OrderLogWalk<'_> {
    fn chunk(&mut self, chunk: &JournalChunk) -> Result<(), OrderLogFinding> {
        for frame in chunk.frames() {
            let index = self.report.records;
            let found = |why: String| OrderLogFinding { index, why };
            if self.auditor.is_none() {
                self.auditor = Some(self.first(frame).map_err(found)?);
            }
            let Some((auditor, _)) = &mut self.auditor else {
                continue;
            };
            match auditor
                .frame(frame)
                .map_err(|error| found(error.to_string()))?
            {
                AuditedFrame::Entry { index, body, .. } => {
                    self.waiting = Some((index, body.to_vec()));
                }
                // Only now: a record without its checkpoint is anybody's, and nothing was sent on it.
                AuditedFrame::Checkpoint(_) => {
                    if let Some((index, body)) = self.waiting.take() {
                        self.report.records = index.saturating_add(1);
                        self.record(index, &body)
                            .map_err(|why| OrderLogFinding { index, why })?;
                    }
                }
            }
        }
        Ok(())
    }

    /// The log that the first record names.
    fn first(&self, frame: Frame<'_>) -> Result<(Auditor, VerifierKey), String> {
        let Frame::Entry(entry) = frame else {
            return Err("an order log begins with an open record".to_owned());
        };
        let (_, body) = split(entry, 0).map_err(|error| error.to_string())?;
        let OrderLogRecord::Open { run, execution, .. } =
            OrderLogRecord::decode(body).map_err(|error| error.to_string())?
        else {
            return Err("an order log begins with an open record".to_owned());
        };
        // The origin follows from the record, so that a checkpoint of another log by the same key does not fit.
        let origin = format!("{ORDERS_ORIGIN}{}/{execution}", run.hex());
        let key = log_key(&self.key, &origin).map_err(|error| error.to_string())?;
        let mut auditor = Auditor::new(key.clone());
        auditor.set_cadence(NonZeroU64::MIN);
        Ok((auditor, key))
    }

    fn record(&mut self, index: u64, body: &[u8]) -> Result<(), String> {
        let record = OrderLogRecord::decode(body).map_err(|error| error.to_string())?;
        let mut canonical = Vec::new();
        record.encode(&mut canonical);
        if canonical != body {
            return Err("the record is not in canonical form".to_owned());
        }
        self.time(index, &record);
        match record {
            OrderLogRecord::Open {
                run,
                execution,
                account,
                venue,
                approver,
            } => {
                if index > 0 {
                    return Err("a second opening".to_owned());
                }
                // The runner signs log and tokens with one key. Another approver's tokens would need a key that nobody
                // gave the auditor.
                if approver != self.key.0 {
                    return Err("the approver is not the key that signs the log".to_owned());
                }
                self.report.of = Some(OrderLogSubject {
                    run,
                    execution,
                    account,
                    venue,
                });
            }
            OrderLogRecord::Process {
                fencing_token,
                resumed_at,
                time,
                ..
            } => self.process(fencing_token, resumed_at.unwrap_or(0), time)?,
            OrderLogRecord::Spent {
                token,
                signature,
                venue_order,
                time,
            } => self.spent(index, &token, &signature, &venue_order, time)?,
            OrderLogRecord::Ended(ended) => self.end(&ended)?,
            OrderLogRecord::Unknown {
                sequence, attempt, ..
            } => {
                if self.open.get(&sequence) != Some(&attempt) {
                    return Err(format!(
                        "the outcome of attempt {attempt} for plan {sequence} is unknown, and no such token is open"
                    ));
                }
            }
            OrderLogRecord::Refused { .. }
            | OrderLogRecord::Reconciled(_)
            | OrderLogRecord::Difference(_)
            | OrderLogRecord::Clock { .. }
            | OrderLogRecord::ClockStep { .. } => {}
        }
        self.keep();
        Ok(())
    }

    /// Notes a time that runs backward; the others are compared all the same.
    fn time(&mut self, index: u64, record: &OrderLogRecord) {
        let Some(time) = record.time() else { return };
        let wrong = if time.0 < 0 {
            Some(format!("{} is before 1970", time.rfc3339()))
        } else if time < self.last {
            let (now, before) = (time.rfc3339(), self.last.rfc3339());
            Some(format!(
                "{now} is before {before}, the time of the record in front of it"
            ))
        } else {
            None
        };
        if let Some(why) = wrong {
            self.report
                .backward
                .get_or_insert(OrderLogFinding { index, why });
        }
        self.last = self.last.max(time);
    }

    fn process(&mut self, fencing_token: u64, first: u64, time: UnixNanos) -> Result<(), String> {
        // Each process takes the lease anew. An older number would be a process that had lost the account.
        if fencing_token < self.fencing_token {
            let before = self.fencing_token;
            return Err(format!(
                "a process has the fencing token {fencing_token} after one with {before}"
            ));
        }
        self.fencing_token = fencing_token;
        if let Some(facts) = &mut self.facts {
            facts.processes.push(OrderProcess {
                first_record: first,
                time,
            });
        }
        Ok(())
    }

    fn spent(
        &mut self,
        index: u64,
        bytes: &[u8],
        signature: &str,
        venue_order: &str,
        time: UnixNanos,
    ) -> Result<(), String> {
        let token = OrderAuthorization::decode(bytes).map_err(|error| error.to_string())?;
        self.signed(&token, signature)?;
        let of = self
            .report
            .of
            .as_ref()
            .ok_or("a token before the opening")?;
        let sequence = token.sequence;
        if (token.run, token.execution, token.approver) != (of.run, of.execution, self.key.0) {
            return Err("the token is of another run, execution or approver".to_owned());
        }
        if token.fencing_token != self.fencing_token {
            return Err(format!(
                "the token was issued under the lease {}, and the process has {}",
                token.fencing_token, self.fencing_token
            ));
        }
        // The name at the venue follows from the plan: under another one a retry would be a second order.
        let expected = VenueOrderId::new(&token.run, token.execution, sequence);
        if venue_order != expected.as_str() {
            return Err(format!(
                "the order of plan {sequence} has another name at the venue"
            ));
        }
        if time > token.not_after {
            let (at, until) = (time.rfc3339(), token.not_after.rfc3339());
            return Err(format!(
                "the token was spent at {at}; it held until {until}"
            ));
        }
        if self.ended.contains(sequence) {
            return Err(format!(
                "a token is spent for plan {sequence}, which has ended"
            ));
        }
        let attempts = self.open.entry(sequence).or_default();
        *attempts = attempts.saturating_add(1);
        self.report.spent = self.report.spent.saturating_add(1);
        if let Some(facts) = &mut self.facts {
            let plan = token.plan;
            facts
                .spent
                .entry(sequence)
                .or_insert(SpentToken { plan, time });
            facts.limits.entry(token.limits).or_insert(index);
        }
        Ok(())
    }

    /// Checks the signature of a token, which is over its digest.
    fn signed(&self, token: &OrderAuthorization, signature: &str) -> Result<(), String> {
        let Some((_, key)) = &self.auditor else {
            return Err("a token before the opening".to_owned());
        };
        let digest: Digest = token.digest();
        let note = Note::parse(signature.as_bytes()).map_err(|error| error.to_string())?;
        // The text is made from the token: a good signature over another one must not carry this one through.
        let signed = note
            .verify(core::slice::from_ref(key))
            .is_ok_and(|by| !by.is_empty());
        if !signed || note.text() != format!("{TOKEN_TEXT}\n{}\n", digest.hex()) {
            return Err(
                "the token's signature is not over this token, or not by the runner".to_owned(),
            );
        }
        Ok(())
    }

    fn end(&mut self, ended: &EndedSubmission) -> Result<(), String> {
        let sequence = ended.sequence;
        let attempts = self.open.remove(&sequence).unwrap_or(0);
        if self.ended.contains(sequence) {
            return Err(format!("plan {sequence} ends a second time"));
        }
        if ended.attempt != attempts {
            let of = ended.attempt;
            return Err(format!(
                "plan {sequence} ends with attempt {of}, and {attempts} tokens were spent for it"
            ));
        }
        // What the venue answered was sent, and nothing is sent without a token.
        if attempts == 0 && ended.end != SubmissionEnd::NotSent {
            let end = ended.end.name();
            return Err(format!(
                "plan {sequence} is {end}, and no token was spent for it"
            ));
        }
        self.ended.add(sequence);
        self.report.ended = self.report.ended.saturating_add(1);
        Ok(())
    }

    fn keep(&mut self) {
        if let Some(facts) = &mut self.facts {
            facts.of.clone_from(&self.report.of);
        }
    }
}

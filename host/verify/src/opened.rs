//! The first record, taken apart: who signs, what is traded, what is promised. Nothing else in a
//! journal is read before it.

use std::sync::Arc;

use counterfoil_base::digest::Digest;
use counterfoil_journal::key::VerifierKey;
use counterfoil_trading::instrument::Instrument;
use counterfoil_trading::manifest::{DataSource, Manifest, RunSetup};
use counterfoil_trading::record::{OpenRecord, RunRecord};

use crate::describe::{RecordDescriber, kind_name};
use crate::finding::{Finding, FindingCause};
use crate::key_file::log_key;
use counterfoil_journal::public_key::PublicKey;

/// The first record, parsed and checked.
#[derive(Clone, Debug)]
pub(crate) struct OpenedJournal {
    pub(crate) open: OpenRecord,
    pub(crate) manifest: Manifest,
    pub(crate) setup: RunSetup,
    pub(crate) run_id: Digest,
    pub(crate) key: VerifierKey,
    pub(crate) names: InstrumentNames,
}

impl OpenedJournal {
    /// Parses `body`, the first record.
    pub(crate) fn parse(body: &[u8], key: &PublicKey) -> Result<Self, Box<Finding>> {
        Self::read(body, key).map_err(|cause| {
            Box::new(Finding {
                index: 0,
                kind: RunRecord::decode(body).ok().as_ref().map(kind_name),
                instrument: None,
                close_time: None,
                cause,
            })
        })
    }

    fn read(body: &[u8], key: &PublicKey) -> Result<Self, FindingCause> {
        let RunRecord::Open(open) = RunRecord::decode(body)? else {
            return Err(FindingCause::NotOpen);
        };
        let mut canonical = Vec::new();
        open.encode(&mut canonical);
        let manifest = Manifest::parse(&open.manifest)?;
        // One spelling only: two spellings of one manifest would be two run ids for the same run.
        if canonical != body || manifest.canonical()? != open.manifest {
            return Err(FindingCause::NotCanonical);
        }
        let setup = manifest.setup()?;
        // Without a commitment for each instrument, bars could be left out and nothing would show it.
        check_commitments(&open, &manifest)?;
        let run_id = manifest.run_id()?;
        // The key's name comes from the manifest, not from the checkpoint: so a checkpoint of another run, signed with the
        // same key, does not fit.
        let key = log_key(key, &origin(&run_id, open.execution))?;
        Ok(Self {
            names: InstrumentNames(setup.instruments.as_slice().into()),
            open,
            manifest,
            setup,
            run_id,
            key,
        })
    }
}

/// The origin of a run's log, which is also its key's name.
pub(crate) fn origin(run_id: &Digest, execution: u64) -> String {
    format!("counterfoil/run/{}/{execution}", run_id.hex())
}

/// A snapshot run has one commitment for each instrument, in sequence; a feed has none.
fn check_commitments(open: &OpenRecord, manifest: &Manifest) -> Result<(), FindingCause> {
    let fits = match (&manifest.data, &open.commitments) {
        (DataSource::Snapshot { .. }, Some(commitments)) => {
            let promised = commitments.iter().map(|promise| &promise.symbol);
            promised.eq(manifest.instruments.iter().map(|entry| &entry.symbol))
        }
        (DataSource::Feed { .. }, None) => true,
        (DataSource::Snapshot { .. }, None) | (DataSource::Feed { .. }, Some(_)) => false,
    };
    if fits {
        Ok(())
    } else {
        Err(FindingCause::Commitments)
    }
}

/// The run's instruments, shared between threads to name what was found.
#[derive(Clone, Debug)]
pub(crate) struct InstrumentNames(Arc<[Instrument]>);

impl InstrumentNames {
    /// The finding at a record; `body` where it is known.
    pub(crate) fn finding(
        &self,
        index: u64,
        body: Option<&[u8]>,
        cause: FindingCause,
    ) -> Box<Finding> {
        let record = body.and_then(|body| RunRecord::decode(body).ok());
        let (instrument, close_time) = match &record {
            Some(RunRecord::Decision(decision)) => {
                let bar = decision.bar.get();
                let symbol = self.describe().symbol(bar.instrument);
                (Some(symbol), Some(bar.close_time))
            }
            Some(RunRecord::Deliveries(deliveries)) => (None, Some(deliveries.time)),
            Some(RunRecord::Fault(fault)) => (None, Some(fault.time)),
            Some(RunRecord::Stop(stop)) => (None, Some(stop.time)),
            Some(RunRecord::MarginCall(call)) => (None, Some(call.time)),
            Some(RunRecord::Open(_) | RunRecord::Close(_) | RunRecord::Refused(_)) | None => {
                (None, None)
            }
        };
        Box::new(Finding {
            index,
            kind: record.as_ref().map(kind_name),
            instrument,
            close_time,
            cause,
        })
    }

    /// Describes records with these names.
    pub(crate) fn describe(&self) -> RecordDescriber<'_> {
        RecordDescriber::new(&self.0)
    }
}

//! The opening, taken apart: who signs, what is traded, what is promised. Nothing else in a journal is read before it.

use std::sync::Arc;

use counterfoil_base::digest::Digest;
use counterfoil_journal::key::VerifierKey;
use counterfoil_trading::instrument::Instrument;
use counterfoil_trading::manifest::{DataSource, Manifest, RunSetup};
use counterfoil_trading::record::{Opening, OpeningReader, RunRecord};

use crate::describe::{RecordDescriber, kind_name};
use crate::finding::{Finding, FindingCause};
use crate::key_file::log_key;
use counterfoil_journal::public_key::PublicKey;

/// The opening, parsed and checked.
#[derive(Clone, Debug)]
pub(crate) struct OpenedJournal {
    pub(crate) open: Opening,
    /// How many entries it takes.
    pub(crate) entries: u64,
    pub(crate) manifest: Manifest,
    pub(crate) setup: RunSetup,
    pub(crate) run_id: Digest,
    pub(crate) key: VerifierKey,
    pub(crate) names: InstrumentNames,
}

/// The bodies of the opening's entries, gathered one by one.
#[derive(Debug, Default)]
pub(crate) struct OpeningBodies {
    bodies: Vec<Vec<u8>>,
    reader: Option<OpeningReader>,
}

impl OpeningBodies {
    /// Takes the next body. A forged opening never grows beyond what its open record may promise.
    pub(crate) fn add(&mut self, body: &[u8]) -> Result<(), Box<Finding>> {
        let index = u64::try_from(self.bodies.len()).unwrap_or(u64::MAX);
        self.take(body).map_err(|cause| {
            Box::new(Finding {
                index,
                kind: RunRecord::decode(body).ok().as_ref().map(kind_name),
                instrument: None,
                close_time: None,
                cause,
            })
        })
    }

    fn take(&mut self, body: &[u8]) -> Result<(), FindingCause> {
        match &mut self.reader {
            None => match RunRecord::decode(body)? {
                RunRecord::Open(open) => self.reader = Some(OpeningReader::new(*open)),
                RunRecord::Deliveries(_)
                | RunRecord::Decision(_)
                | RunRecord::Fault(_)
                | RunRecord::Close(_)
                | RunRecord::Refused(_)
                | RunRecord::MarginCall(_)
                | RunRecord::Stop(_)
                | RunRecord::Manifest(_)
                | RunRecord::Commitments(_)
                | RunRecord::Positions(_)
                | RunRecord::WindDown(_)
                | RunRecord::Inputs(_) => return Err(FindingCause::NotOpen),
            },
            Some(reader) => reader.add(body)?,
        }
        self.bodies.push(body.to_vec());
        Ok(())
    }

    /// Whether nothing was taken.
    pub(crate) const fn is_empty(&self) -> bool {
        self.bodies.is_empty()
    }

    /// Whether nothing is left to come.
    pub(crate) fn is_whole(&self) -> bool {
        self.reader.as_ref().is_some_and(OpeningReader::is_whole)
    }

    /// The opening, checked.
    pub(crate) fn open(self, key: &PublicKey) -> Result<OpenedJournal, Box<Finding>> {
        let Self { bodies, reader } = self;
        let opening = reader.and_then(OpeningReader::finish);
        let opened = opening
            .ok_or(FindingCause::NotOpen)
            .and_then(|opening| OpenedJournal::read(opening, &bodies, key));
        opened.map_err(|cause| {
            Box::new(Finding {
                index: 0,
                kind: Some("open"),
                instrument: None,
                close_time: None,
                cause,
            })
        })
    }
}

impl OpenedJournal {
    fn read(open: Opening, bodies: &[Vec<u8>], key: &PublicKey) -> Result<Self, FindingCause> {
        let manifest = Manifest::parse(&open.manifest)?;
        // One spelling only: two spellings of one manifest would be two run ids for the same run, and two ways to cut
        // it into parts two journals.
        if open.bodies() != bodies || manifest.canonical()? != open.manifest {
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
            entries: u64::try_from(bodies.len()).unwrap_or(u64::MAX),
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
fn check_commitments(open: &Opening, manifest: &Manifest) -> Result<(), FindingCause> {
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
            Some(RunRecord::Inputs(inputs)) => (None, Some(inputs.time)),
            Some(RunRecord::Fault(fault)) => (None, Some(fault.time)),
            Some(RunRecord::Stop(stop)) => (None, Some(stop.time)),
            Some(RunRecord::MarginCall(call)) => (None, Some(call.time)),
            Some(
                RunRecord::Open(_)
                | RunRecord::Manifest(_)
                | RunRecord::Commitments(_)
                | RunRecord::Positions(_)
                | RunRecord::WindDown(_)
                | RunRecord::Close(_)
                | RunRecord::Refused(_),
            )
            | None => (None, None),
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

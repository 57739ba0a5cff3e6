//! One execution of a manifest, from its checks to its closing record. Backtest and live differ
//! in the feed, the clock and what the open record promises; nothing else.

use counterfoil_journal::signer::Signer;
use counterfoil_sandbox::engine::EngineSettings;
use counterfoil_sandbox::guest::{Guest, StartError};
use counterfoil_sandbox::thread::guest_thread;
use counterfoil_sandbox::watchdog::Watchdog;
use counterfoil_trading::manifest::{Manifest, RunSetup};
use counterfoil_trading::record::{Close, Commitment, Open};
use counterfoil_trading::run::{Clock, Ports, Run};
use counterfoil_trading::strategy::StrategyFault;
use counterfoil_trading::venue::simulated::SimulatedVenue;

use crate::component::{self, Ready};
use crate::data_dir::{DataDir, Execution};
use crate::drive::{self, Observer};
use crate::error::RunnerError;
use crate::feed::Feed;
use crate::journal::{AnyJournal, JournalFile, RunJournal, Sealer, Sealing};

/// The build of this host, as journals name it.
pub const HOST: &str = concat!("counterfoil ", env!("CARGO_PKG_VERSION"));

/// What an execution is made of.
pub struct Start<'a> {
    /// Where components and journals lie.
    pub data: &'a DataDir,
    /// The manifest.
    pub manifest: &'a Manifest,
    /// Its values.
    pub setup: &'a RunSetup,
    /// Back end, optimisation and cache: none of them may change a result.
    pub engine: EngineSettings,
    /// Signs checkpoints.
    pub signer: Box<dyn Signer + Send>,
    /// What the open record promises of the bars; `None` for a feed.
    pub commitments: Option<Vec<Commitment>>,
    /// Whether a second execution is refused, as for a feed.
    pub once: bool,
    /// On which thread records are sealed.
    pub sealing: Sealing,
}

impl core::fmt::Debug for Start<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Start")
            .field("once", &self.once)
            .finish_non_exhaustive()
    }
}

/// What an execution came to.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Which.
    pub execution: Execution,
    /// Its closing record.
    pub close: Close,
}

/// Runs a manifest over a feed.
///
/// # Errors
///
/// Returns [`RunnerError`] if anything it names is missing or does not agree (then nothing was
/// written), or if the host could not go on (then the journal has no closing record).
pub fn execute<F, C>(
    start: Start<'_>,
    feed: &mut F,
    clock: &mut C,
    observer: &mut (dyn Observer<Guest> + Send),
) -> Result<Outcome, RunnerError>
where
    F: Feed + Send,
    C: Clock + Send,
{
    let (ready, guest_setup) = component::ready_for(
        start.data,
        start.manifest,
        start.setup,
        start.engine.clone(),
    )?;
    let run_id = start.manifest.run_id()?;
    let canonical = start.manifest.canonical()?;
    let execution = start.data.new_execution(&run_id, &canonical, start.once)?;
    let open = Open {
        manifest: canonical,
        execution: execution.number,
        host: HOST.to_owned(),
        commitments: start.commitments,
    };
    let file = JournalFile::create(&execution.journal())?;
    let cadence = start.setup.cadence;
    let sealer = Sealer::new(file, start.signer, execution.origin(), cadence);
    let mut journal =
        AnyJournal::start(sealer, cadence, start.sealing).map_err(RunnerError::Thread)?;
    let mut body = Vec::new();
    open.encode(&mut body);
    drive::append_outside(&body, &mut journal)?;
    let Ready { compiled, .. } = ready;
    let _watchdog = Watchdog::start(compiled.engine()).map_err(RunnerError::Thread)?;
    let stack = compiled.engine().settings().thread_stack_bytes();
    let (manifest, setup) = (start.manifest, start.setup);
    let close = guest_thread(stack, || {
        let mut run = Run::new(setup);
        let mut venue = SimulatedVenue::new(setup);
        match Guest::start(&compiled, &manifest.limits, &guest_setup) {
            Ok(mut guest) => {
                let mut ports = Ports {
                    strategy: &mut guest,
                    venue: &mut venue,
                    journal: &mut journal,
                    clock,
                };
                drive::drive(feed, &mut run, &mut ports, observer)
            }
            Err(StartError::Fault { fault, .. }) => {
                fail_init(&mut run, fault, &mut venue, &mut journal)
            }
            Err(error) => Err(error.into()),
        }
    })
    .map_err(RunnerError::Thread)??;
    journal.finish()?;
    Ok(Outcome { execution, close })
}

fn fail_init(
    run: &mut Run,
    fault: StrategyFault,
    venue: &mut SimulatedVenue,
    journal: &mut AnyJournal,
) -> Result<Close, RunnerError> {
    let mut ports = Ports {
        strategy: &mut (),
        venue,
        journal,
        clock: &mut (),
    };
    let _faulted = run.fail_init(fault, &mut ports)?;
    drive::close(run, ports.journal)
}

//! Opening the ledger as this call's arguments say: to read it, or to act in the name of `--as`.

use anyhow::Result;
use counterfoil_approval::host_checks::HostCheckError;
use counterfoil_approval::ledger_client::{
    LedgerActor, LedgerClient, LedgerClientError, machine_clock, open_to_write,
};
use counterfoil_approval::ledger_seen::LedgerSeen;
use counterfoil_approval::ledger_view::{self, LedgerView, MarkedPart};
use counterfoil_governance::act::ActName;
use counterfoil_governance::id::Id;
use counterfoil_governance::ledger::LedgerError;
use counterfoil_runner::clock::now;
use counterfoil_runner::store::keys::PeopleKeys;

use crate::cli_context::CliContext;
use crate::output::{CommandLineError, note};

/// The principal that acts, as typed.
pub(crate) fn actor(cli: &CliContext) -> Result<Id> {
    let name = cli.actor.as_deref();
    let name = name.ok_or_else(|| {
        CommandLineError::new("who acts? give --as NAME, or set COUNTERFOIL_AS".to_owned())
    })?;
    super::id("--as", name)
}

/// Opens the ledger to write, in the name of the principal that acts.
pub(crate) fn open(cli: &CliContext) -> Result<LedgerClient> {
    let actor = actor(cli)?;
    let keys = PeopleKeys::open(&cli.keys, cli.data.root())?;
    let (name, path) = ledger_view::find(&cli.data)?;
    let seen = LedgerSeen::beside_keys(&cli.keys, &cli.data)?;
    let before = seen.as_ref().map(LedgerSeen::look).transpose()?;
    // No new key is made beside a ledger: it would fit no checkpoint.
    let log = cli.keys.signer()?;
    let ledger = open_to_write(
        &path,
        &name,
        &|| Box::new(log.clone()),
        MarkedPart::of(&cli.data, &cli.keys).as_ref(),
        before.and_then(|before| before.mark),
    );
    // The view says whether it is an older copy, and how to go on.
    if matches!(
        &ledger,
        Err(LedgerClientError::Open {
            source: LedgerError::Mark { .. },
            ..
        })
    ) {
        view(cli)?;
    }
    let ledger = ledger?;
    if ledger.cut_bytes() > 0 {
        note(&format!(
            "cut {} bytes of an unfinished record off the ledger; its act never took effect",
            ledger.cut_bytes()
        ));
    }
    let time = now();
    let actor = LedgerActor::with_best_key(&keys, ledger.state(), actor, time)?;
    let clock = machine_clock(time, cli.trusts_clock);
    let client = LedgerClient::new(ledger, Box::new(actor), clock)?;
    Ok(client.under_emergency(cli.emergency).with_seen(seen))
}

/// What a check of the host allows. What it denies is recorded as a refusal of the act, and is the
/// command's answer.
pub(crate) fn require<T, E: Into<HostCheckError>>(
    client: &mut LedgerClient,
    act: ActName,
    subject: impl Into<String>,
    checked: Result<T, E>,
) -> Result<T> {
    match checked.map_err(Into::into) {
        Ok(allowed) => Ok(allowed),
        Err(HostCheckError::Denied(denial)) => Err(client.refuse(act, subject, denial)?.into()),
        Err(error) => Err(error.into()),
    }
}

/// The verified records of the ledger.
pub(crate) fn view(cli: &CliContext) -> Result<LedgerView> {
    let view = LedgerView::open(&cli.data, &cli.keys)?;
    note_torn_bytes(&view);
    Ok(view)
}

/// The same, where the log's public key may be what was changed.
pub(crate) fn view_with_own_key(cli: &CliContext) -> Result<LedgerView> {
    let view = LedgerView::open_with_own_key(&cli.data, &cli.keys)?;
    note_torn_bytes(&view);
    Ok(view)
}

fn note_torn_bytes(view: &LedgerView) {
    if view.verified.torn_bytes > 0 {
        note(&format!(
            "the last {} bytes of {} are an unfinished record; the next act cuts them off",
            view.verified.torn_bytes,
            view.path.display()
        ));
    }
}

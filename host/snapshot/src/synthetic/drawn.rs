//! A sample of drawn bars as a snapshot, whose recipe names the snapshot that they were drawn from
//! and how. It must never draw one itself.

use std::collections::BTreeMap;

use cap_std::fs::Dir;
use counterfoil_trading::instrument::Instrument;

use crate::layers::publish::{find_layer, publish_layer};
use crate::layout::{DataLayer, FINDINGS, QUARANTINE};
use crate::quality::accept::AcceptanceList;
use crate::quality::findings_file::FindingsWriter;
use crate::quality::sessions::{write_own_session_ends, write_session_ends};
use crate::spool::staging::{StagingDir, sync};
use crate::store::load::load;
use crate::store::manifest::{LayerInstrument, LayerManifest, LayerTicker};
use crate::store::quarantine::QuarantineWriter;
use crate::store::recipe::{DRAWN_FROM, LayerRecipe, RULES, RecipeInput};
use crate::store::snapshot_id::SnapshotId;
use crate::store::write::InstrumentWriter;
use crate::synthetic::resample::{BarDeck, SampleSnapshot, SampleSpec};
use crate::synthetic::resample_error::ResampleError;

/// The snapshot of a sample, which is made unless it is there.
pub(crate) fn write_sample(
    data: &Dir,
    deck: &BarDeck,
    how: &SampleSpec,
) -> Result<SampleSnapshot, ResampleError> {
    let recipe = recipe_of(deck, how);
    if let Some(id) = find_layer(data, DataLayer::Snapshots, &recipe)? {
        let id = SnapshotId(id);
        return Ok(SampleSnapshot { id, is_new: false });
    }
    let staging = StagingDir::new(data, DataLayer::Snapshots.folder())?;
    let manifest = manifest(&staging, deck, how, recipe)?;
    let published = publish_layer(data, DataLayer::Snapshots, staging, &manifest)?;
    if !published.is_new {
        load(data, DataLayer::Snapshots, &published.id)?;
    }
    Ok(SampleSnapshot {
        id: SnapshotId(published.id),
        is_new: published.is_new,
    })
}

fn recipe_of(deck: &BarDeck, how: &SampleSpec) -> LayerRecipe {
    let symbols: Vec<&str> = deck.instruments.iter().map(Instrument::symbol).collect();
    let mut settings = BTreeMap::from([
        ("block".to_owned(), how.block.to_string()),
        ("draw".to_owned(), how.draw.name().to_owned()),
        ("instruments".to_owned(), symbols.join("\n")),
        ("sample".to_owned(), how.sample.to_string()),
        ("seed".to_owned(), how.seed.to_string()),
    ]);
    for (name, bound) in ["from", "to"].into_iter().zip(deck.range) {
        settings.extend(bound.map(|bound| (name.to_owned(), bound.0.to_string())));
    }
    LayerRecipe {
        inputs: vec![RecipeInput {
            role: DRAWN_FROM.to_owned(),
            sha256: deck.source.0,
        }],
        rules: RULES,
        settings,
    }
}

fn manifest(
    staging: &StagingDir,
    deck: &BarDeck,
    how: &SampleSpec,
    recipe: LayerRecipe,
) -> Result<LayerManifest, ResampleError> {
    let mut instruments: Vec<LayerInstrument> = Vec::new();
    for (index, (instrument, bars)) in deck.instruments.iter().zip(deck.bars(how)?).enumerate() {
        let mut writer = InstrumentWriter::new(staging, index, instrument);
        // An instrument that was not drawn has no file, and is not listed.
        let Some(first) = bars.first() else { continue };
        let ticker = LayerTicker {
            from: first.get().open_time,
            symbol: instrument.symbol().to_owned(),
        };
        for bar in bars {
            writer.add(bar)?;
        }
        let mut written = writer.finish(vec![ticker])?;
        if let (Some(written), Some(Some(ends))) = (&mut written, deck.own_session_ends.get(index))
        {
            written.sessions = Some(write_own_session_ends(staging, index, ends)?);
        }
        instruments.extend(written);
    }
    let findings = FindingsWriter::new(staging.create(FINDINGS)?, AcceptanceList::default());
    let (file, findings) = findings.finish();
    sync(file, FINDINGS)?;
    let (file, quarantine) = QuarantineWriter::new(staging.create(QUARANTINE)?).finish();
    sync(file, QUARANTINE)?;
    Ok(LayerManifest {
        calendars: deck.calendars.clone(),
        actions: None,
        data_sha256: LayerManifest::data_digest(deck.timeframe, &instruments),
        findings: Some(findings),
        format: DataLayer::Snapshots.format().to_owned(),
        instruments,
        lines: None,
        quarantine,
        recipe,
        sessions: write_session_ends(staging, &deck.session_ends)?,
        // No file went in that the source does not name.
        sources: Vec::new(),
        timeframe: deck.timeframe,
    })
}

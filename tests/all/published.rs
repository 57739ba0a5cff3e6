//! A published journal is a log that another implementation of `tlog-tiles` reads: every
//! entry in its bundles is proved against the checkpoint from the tiles alone.

use std::path::{Path, PathBuf};

use counterfoil_journal::bundle;
use counterfoil_journal::entry::HEAD_BYTES;
use counterfoil_runner::study::publish::{PublishError, publish};
use counterfoil_tests::world::World;
use counterfoil_trading::record::RunRecord;
use tlog_tiles::{Checkpoint, Tile, TileHashReader, TileReader};

/// Tiles in a folder.
struct Tiles(PathBuf);

impl TileReader for Tiles {
    fn height(&self) -> u8 {
        8
    }

    fn read_tiles(&self, tiles: &[Tile]) -> Result<Vec<Vec<u8>>, tlog_tiles::Error> {
        let read = tiles.iter().map(|tile| {
            // The static layout leaves out the height, which is always 8.
            let path = tile.path().replacen("tile/8/", "tile/", 1);
            Ok(std::fs::read(self.0.join(path)).unwrap())
        });
        read.collect()
    }

    fn save_tiles(&self, _tiles: &[Tile], _data: &[Vec<u8>]) {}
}

/// The entries in the bundles of a log of `size`.
fn entries(folder: &Path, size: u64) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for index in 0..size.div_ceil(256) {
        let width = (size - index * 256).min(256);
        let partial = if width < 256 {
            format!(".p/{width}")
        } else {
            String::new()
        };
        let path = folder.join(format!("tile/entries/{index:03}{partial}"));
        let bytes = std::fs::read(path).unwrap();
        all.extend(
            bundle::decode(&bytes)
                .unwrap()
                .iter()
                .map(|hash| hash.to_vec()),
        );
    }
    all
}

#[test]
fn a_published_journal_is_read_by_another_implementation() {
    let world = World::real();
    let manifest = world.cross(&["AAPL"], 20, 100, 10);
    let outcome = world.backtest(&manifest, world.engine()).unwrap();
    let folder = world.path().join("log");
    let mut reported = 0;
    let published = publish(&outcome.execution, &folder, &mut |entries| {
        reported = entries;
    })
    .unwrap();
    assert_eq!(reported, published.entries);

    let note = std::fs::read_to_string(folder.join("checkpoint")).unwrap();
    let text = note.split_inclusive('\n').take(3).collect::<String>();
    let checkpoint = Checkpoint::from_bytes(text.as_bytes()).unwrap();
    assert_eq!(checkpoint.size(), published.entries);
    assert_eq!(checkpoint.origin(), outcome.execution.origin());

    let tiles = Tiles(folder.clone());
    let entries = entries(&folder, checkpoint.size());
    assert_eq!(u64::try_from(entries.len()).unwrap(), checkpoint.size());
    let reader = TileHashReader::new(checkpoint.size(), *checkpoint.hash(), &tiles);
    for (index, entry) in (0..).zip(&entries).step_by(97) {
        let proof = tlog_tiles::prove_record(checkpoint.size(), index, &reader).unwrap();
        let leaf = tlog_tiles::record_hash(entry);
        tlog_tiles::check_record(&proof, checkpoint.size(), *checkpoint.hash(), index, leaf)
            .unwrap();
    }
    let last = RunRecord::decode(&entries.last().unwrap()[HEAD_BYTES..]).unwrap();
    assert!(matches!(last, RunRecord::Close(_)));

    // Again into the same folder: the same log.
    assert_eq!(
        publish(&outcome.execution, &folder, &mut |_| {}).unwrap(),
        published
    );
}

#[test]
fn a_journal_without_a_checkpoint_is_not_published() {
    let world = World::small(10);
    let manifest = world.cross(&["AAA"], 2, 4, 10);
    let outcome = world.backtest(&manifest, world.engine()).unwrap();
    let journal = outcome.execution.journal();
    let whole = std::fs::read(&journal).unwrap();
    std::fs::write(&journal, &whole[..64]).unwrap();
    let refused = publish(&outcome.execution, &world.path().join("log"), &mut |_| {});
    assert!(matches!(refused, Err(PublishError::NothingSigned)));
}

//! Tiles: the tree cut into files of 256 hashes, and where each is published. Names and
//! contents only; nothing here reads or writes a file.

use alloc::{vec, vec::Vec};
use core::fmt;

use crate::{
    decimal,
    hash::Hash,
    tree::{SUBTREE_LEAVES, subtree_root},
};

/// How many hashes, or entries, a full tile holds.
///
/// Source: C2SP tlog-tiles, Merkle tree.
pub const TILE_WIDTH: u16 = 256;

/// The highest level that a path can name.
const LEVEL_MAX: u8 = 63;

/// Why bytes or a path are not those of a tile.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TileError {
    #[error("the path names no tile")]
    Path,
    #[error("{bytes} bytes are not 1 to 256 hashes")]
    Contents { bytes: usize },
}

/// What a tile holds.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum TileKind {
    /// Hashes at this level: 0 for leaf hashes, and above it roots of full tiles one level
    /// below.
    Hashes(u8),
    /// The entries themselves: an entry bundle.
    Entries,
}

/// A tile's name, shown as its path.
///
/// Source: C2SP tlog-tiles, Merkle tree; log entries.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct TileName {
    kind: TileKind,
    index: u64,
    width: u16,
}

impl TileName {
    /// The name of the tile of `width` at `index` of its kind; nothing if the level is above
    /// 63 or the width not 1 to 256.
    #[must_use]
    pub fn new(kind: TileKind, index: u64, width: u16) -> Option<Self> {
        let level_fits = match kind {
            TileKind::Hashes(level) => level <= LEVEL_MAX,
            TileKind::Entries => true,
        };
        let fits = level_fits && (1..=TILE_WIDTH).contains(&width);
        fits.then_some(Self { kind, index, width })
    }

    /// The tile that `path` names.
    ///
    /// # Errors
    ///
    /// Returns [`TileError::Path`].
    pub fn parse(path: &str) -> Result<Self, TileError> {
        parse(path).ok_or(TileError::Path)
    }

    /// What it holds.
    #[must_use]
    pub const fn kind(&self) -> TileKind {
        self.kind
    }

    /// Its place among the tiles of its kind.
    #[must_use]
    pub const fn index(&self) -> u64 {
        self.index
    }

    /// How many hashes or entries it holds, 1 to 256.
    #[must_use]
    pub const fn width(&self) -> u16 {
        self.width
    }
}

impl fmt::Display for TileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            TileKind::Hashes(level) => write!(f, "tile/{level}/")?,
            TileKind::Entries => write!(f, "tile/entries/")?,
        }
        // A u64 has 20 digits: 7 groups of three.
        let mut groups = [0_u64; 7];
        let mut rest = self.index;
        for group in groups.iter_mut().rev() {
            (rest, *group) = (rest.wrapping_div(1000), rest.wrapping_rem(1000));
        }
        let (last, high) = groups.split_last().unwrap_or((&0, &[]));
        for group in high.iter().skip_while(|group| **group == 0) {
            write!(f, "x{group:03}/")?;
        }
        write!(f, "{last:03}")?;
        if self.width < TILE_WIDTH {
            write!(f, ".p/{}", self.width)
        } else {
            Ok(())
        }
    }
}

/// The tiles of a tree of `size`, each with all hashes that it has at that size: all full
/// ones, and the partial one of each level.
pub fn tiles_of(size: u64) -> impl Iterator<Item = TileName> {
    let hashes = (0..8).flat_map(move |level: u8| {
        let shift = u32::from(level).saturating_mul(8);
        row(TileKind::Hashes(level), size >> shift)
    });
    row(TileKind::Entries, size).chain(hashes)
}

/// The tiles over `count` hashes or entries in a row.
fn row(kind: TileKind, count: u64) -> impl Iterator<Item = TileName> {
    let full = (0..count >> 8).map(move |index| TileName {
        kind,
        index,
        width: TILE_WIDTH,
    });
    let rest = u16::try_from(count & 0xff).ok().filter(|rest| *rest > 0);
    full.chain(rest.map(|width| TileName {
        kind,
        index: count >> 8,
        width,
    }))
}

/// A tile's contents: its hashes, one after the other.
#[must_use]
pub fn encode(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| hash.0).collect()
}

/// The hashes in a tile's contents.
///
/// # Errors
///
/// Returns [`TileError::Contents`].
pub fn decode(contents: &[u8]) -> Result<Vec<Hash>, TileError> {
    let (hashes, rest) = contents.as_chunks();
    // Whole hashes only: a file that was cut within a hash is malformed, and not a tile of one hash less.
    if !rest.is_empty() || hashes.is_empty() || hashes.len() > SUBTREE_LEAVES {
        return Err(TileError::Contents {
            bytes: contents.len(),
        });
    }
    Ok(hashes.iter().copied().map(Hash).collect())
}

/// Cuts tiles from leaf hashes as they come, and holds only the hashes of the tile that is not full yet.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct TileCutter {
    /// For each level, how many full tiles were cut and what the next one holds so far.
    levels: Vec<(u64, Vec<Hash>)>,
}

impl TileCutter {
    /// A cutter at the beginning of a journal.
    #[must_use]
    pub const fn new() -> Self {
        Self { levels: Vec::new() }
    }

    /// Adds a leaf; the answer is the tiles it completed, the lowest level first: almost
    /// always none.
    #[must_use]
    pub fn push(&mut self, leaf: Hash) -> Vec<(TileName, Vec<u8>)> {
        let mut full = vec![];
        let mut hash = leaf;
        for level in 0..=LEVEL_MAX {
            let at = usize::from(level);
            if self.levels.len() <= at {
                self.levels.push((0, Vec::with_capacity(SUBTREE_LEAVES)));
            }
            let Some((index, hashes)) = self.levels.get_mut(at) else {
                break;
            };
            hashes.push(hash);
            if hashes.len() < SUBTREE_LEAVES {
                break;
            }
            let kind = TileKind::Hashes(level);
            full.push((
                TileName {
                    kind,
                    index: *index,
                    width: TILE_WIDTH,
                },
                encode(hashes),
            ));
            hash = subtree_root(hashes);
            hashes.clear();
            *index = index.saturating_add(1);
        }
        full
    }

    /// The partial tiles as of now, the lowest level first.
    #[must_use]
    pub fn partial(&self) -> Vec<(TileName, Vec<u8>)> {
        let tile = |(level, (index, hashes)): (u8, &(u64, Vec<Hash>))| {
            let width = u16::try_from(hashes.len()).ok()?;
            let name = TileName::new(TileKind::Hashes(level), *index, width)?;
            Some((name, encode(hashes)))
        };
        (0..).zip(&self.levels).filter_map(tile).collect()
    }
}

fn parse(path: &str) -> Option<TileName> {
    let (kind, rest) = path.strip_prefix("tile/")?.split_once('/')?;
    let kind = match kind {
        "entries" => TileKind::Entries,
        level => TileKind::Hashes(u8::try_from(decimal::parse(level)?).ok()?),
    };
    let (groups, width) = match rest.split_once(".p/") {
        Some((groups, width)) => {
            let width = u16::try_from(decimal::parse(width)?).ok()?;
            (groups, Some(width).filter(|width| *width < TILE_WIDTH)?)
        }
        None => (rest, TILE_WIDTH),
    };
    let (high, last) = match groups.rsplit_once('/') {
        Some((high, last)) => (Some(high), last),
        None => (None, groups),
    };
    let mut index = 0;
    for group in high.into_iter().flat_map(|high| high.split('/')) {
        index = append(index, group.strip_prefix('x')?)?;
        // A path does not begin with an empty group.
        Some(index).filter(|index| *index > 0)?;
    }
    TileName::new(kind, append(index, last)?, width)
}

/// `index` with the three digits of `group` after its own.
fn append(index: u64, group: &str) -> Option<u64> {
    // Exactly three ASCII digits: a path with another spelling would name a second file for one tile.
    if group.len() != 3 || !group.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    index.checked_mul(1000)?.checked_add(group.parse().ok()?)
}

//! Tiles and entry bundles: the specification's examples, and a tree put together again from
//! its tiles.

use alloc::{
    collections::BTreeMap,
    string::{String, ToString},
    vec,
    vec::Vec,
};

use crate::{
    bundle::{self, EntryBundleError},
    hash::{Hash, leaf_hash},
    tile::{self, TileCutter, TileError, TileKind, TileName, tiles_of},
    tree::subtree_root,
};

#[test]
fn a_tile_has_the_path_that_the_specification_gives_it() {
    //     level (none: entries), index, width, path
    let names = [
        (Some(0), 1_234_067, 256, "tile/0/x001/x234/067"),
        (Some(0), 0, 256, "tile/0/000"),
        (Some(1), 0, 1, "tile/1/000.p/1"),
        (Some(0), 273, 112, "tile/0/273.p/112"),
        (Some(2), 1000, 255, "tile/2/x001/000.p/255"),
        (None, 999, 256, "tile/entries/999"),
        (None, 1_000_000, 17, "tile/entries/x001/x000/000.p/17"),
        (
            Some(63),
            u64::MAX,
            256,
            "tile/63/x018/x446/x744/x073/x709/x551/615",
        ),
    ];
    for (level, index, width, path) in names {
        let kind = level.map_or(TileKind::Entries, TileKind::Hashes);
        let name = TileName::new(kind, index, width).unwrap();
        assert_eq!(name.to_string(), path);
        assert_eq!(TileName::parse(path), Ok(name));
        assert_eq!(
            (name.kind(), name.index(), name.width()),
            (kind, index, width)
        );
    }
    assert_eq!(TileName::new(TileKind::Hashes(64), 0, 1), None);
    assert_eq!(TileName::new(TileKind::Entries, 0, 0), None);
    assert_eq!(TileName::new(TileKind::Entries, 0, 257), None);
}

#[test]
fn a_path_of_any_other_form_names_no_tile() {
    let paths = [
        "",
        "tile",
        "tile/",
        "tile/0",
        "tile/0/",
        "/tile/0/000",
        "tile/00/000",
        "tile/64/000",
        "tile/data/000",
        "tile/0/0",
        "tile/0/0000",
        "tile/0/x000/001",
        "tile/0/x001",
        "tile/0/001/002",
        "tile/0/x001/x002",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/000.p/",
        "tile/0/000.p",
        "tile/0/+00",
        "tile/-1/000",
        "tile/0/x018/x446/x744/x073/x709/x551/616",
        "tile/0/x001//002",
        "tile/0/../000",
        "tile/0/000.p/1/",
        "tile/0/x999/x999/x999/x999/x999/x999/x999/999",
    ];
    for path in paths {
        assert_eq!(TileName::parse(path), Err(TileError::Path), "{path}");
    }
}

#[test]
fn a_tree_of_70_000_has_the_tiles_that_the_specification_counts() {
    let mut counts = BTreeMap::new();
    let mut partial = vec![];
    for name in tiles_of(70_000) {
        if name.width() == 256 {
            *counts.entry(name.kind()).or_insert(0) += 1;
        } else {
            partial.push(name.to_string());
        }
    }
    let full = [
        (TileKind::Hashes(0), 273),
        (TileKind::Hashes(1), 1),
        (TileKind::Entries, 273),
    ];
    assert_eq!(counts, full.into());
    let expected = [
        "tile/entries/273.p/112",
        "tile/0/273.p/112",
        "tile/1/001.p/17",
        "tile/2/000.p/1",
    ];
    assert_eq!(partial, expected);
    let of_256: Vec<String> = tiles_of(256).map(|name| name.to_string()).collect();
    assert_eq!(of_256, ["tile/entries/000", "tile/0/000", "tile/1/000.p/1"]);
    assert_eq!(tiles_of(0).count(), 0);
    assert_eq!(tiles_of(u64::MAX).take(3).count(), 3);
}

#[test]
fn tiles_cut_one_by_one_are_those_of_the_definition() {
    let leaves: Vec<Hash> = (0..70_000_u32)
        .map(|n| leaf_hash(&n.to_be_bytes()))
        .collect();
    let mut cutter = TileCutter::new();
    let mut tiles = BTreeMap::new();
    for leaf in &leaves {
        tiles.extend(cutter.push(*leaf));
    }
    tiles.extend(cutter.partial());
    let names = tiles_of(70_000).filter(|name| name.kind() != TileKind::Entries);
    assert!(names.eq(tiles.keys().copied()));
    for (name, contents) in tiles {
        let TileKind::Hashes(level) = name.kind() else {
            panic!("{name}")
        };
        let span = 256_usize.pow(level.into());
        let start = usize::try_from(name.index()).unwrap() * 256;
        // MTH(D[(n * 256 + i) * 256**l : (n * 256 + i + 1) * 256**l]).
        let hash = |i: usize| subtree_root(&leaves[(start + i) * span..(start + i + 1) * span]);
        let expected: Vec<Hash> = (0..name.width().into()).map(hash).collect();
        assert_eq!(tile::decode(&contents), Ok(expected), "{name}");
    }
}

#[test]
fn contents_that_are_no_tile_are_refused() {
    let hashes = [Hash([1; 32]), Hash([2; 32])];
    assert_eq!(tile::decode(&tile::encode(&hashes)).unwrap(), hashes);
    for bytes in [0, 31, 33, 257 * 32] {
        assert_eq!(
            tile::decode(&vec![0; bytes]),
            Err(TileError::Contents { bytes })
        );
    }
}

#[test]
fn a_bundle_gives_back_its_entries() {
    let entries: [&[u8]; 4] = [b"one", b"", &vec![7; 65_535], b"last"];
    let mut out = vec![];
    for entry in entries {
        bundle::encode_entry(entry, &mut out).unwrap();
    }
    assert_eq!(out[..5], *b"\x00\x03one");
    assert_eq!(bundle::decode(&out).unwrap(), entries);
    assert_eq!(
        bundle::decode(&out[..out.len() - 1]),
        Err(EntryBundleError::Torn { place: 3 })
    );
    assert_eq!(
        bundle::decode(&out[..6]),
        Err(EntryBundleError::Torn { place: 1 })
    );
    let before = out.clone();
    let bytes = 65_536;
    let long = bundle::encode_entry(&vec![0; bytes], &mut out);
    assert_eq!(
        (long, out),
        (Err(EntryBundleError::TooLong { bytes }), before)
    );
}

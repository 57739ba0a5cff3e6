//! Published vectors, and a naive tree written straight from the specification's recursive
//! definitions.

use alloc::{string::String, vec, vec::Vec};

use proptest::prelude::*;

use crate::{
    consistency::{TreeHead, consistency_proof, verify_consistency},
    hash::{Hash, empty_root, leaf_hash, node_hash},
    inclusion::{ProofError, inclusion_proof, verify_inclusion},
    tree::{Tree, subtree_root},
};

/// The entries of certificate-transparency's reference tree.
///
/// Source: google/certificate-transparency, `merkletree/merkle_tree_test.cc`.
const ENTRIES: [&[u8]; 8] = [
    b"",
    b"\x00",
    b"\x10",
    b"\x20\x21",
    b"\x30\x31",
    b"\x40\x41\x42\x43",
    b"\x50\x51\x52\x53\x54\x55\x56\x57",
    b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
];

/// Its roots for the sizes 0 to 8.
const ROOTS: [&str; 9] = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

fn hex(text: &str) -> Hash {
    let byte = |at: usize| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap();
    Hash(core::array::from_fn(byte))
}

fn hexes(texts: &[&str]) -> Vec<Hash> {
    texts.iter().map(|text| hex(text)).collect()
}

fn reference_leaves() -> Vec<Hash> {
    ENTRIES.iter().map(|entry| leaf_hash(entry)).collect()
}

#[test]
fn the_reference_tree_has_the_published_roots() {
    let leaves = reference_leaves();
    let mut tree = Tree::new();
    for (size, root) in ROOTS.iter().enumerate() {
        assert_eq!(tree.root(), hex(root), "size {size}");
        assert_eq!(subtree_root(&leaves[..size]), hex(root), "size {size}");
        tree.extend(leaves.get(size).copied());
    }
}

#[test]
fn the_reference_tree_has_the_published_inclusion_proofs() {
    //     (index, size, proof); the source counts indexes from 1.
    let vectors: [(u64, u64, &[&str]); 5] = [
        (0, 1, &[]),
        (
            0,
            8,
            &[
                "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
            ],
        ),
        (
            5,
            8,
            &[
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
                "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            ],
        ),
        (
            2,
            3,
            &["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
        ),
        (
            1,
            5,
            &[
                "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            ],
        ),
    ];
    let leaves = reference_leaves();
    for (index, size, proof) in vectors {
        assert_eq!(inclusion_proof(&leaves, index, size).unwrap(), hexes(proof));
    }
}

#[test]
fn the_reference_tree_has_the_published_consistency_proofs() {
    let vectors: [(u64, u64, &[&str]); 4] = [
        (1, 1, &[]),
        (
            1,
            8,
            &[
                "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
            ],
        ),
        (
            6,
            8,
            &[
                "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
                "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            ],
        ),
        (
            2,
            5,
            &[
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            ],
        ),
    ];
    let leaves = reference_leaves();
    for (older, newer, proof) in vectors {
        assert_eq!(
            consistency_proof(&leaves, older, newer).unwrap(),
            hexes(proof)
        );
    }
}

fn naive_split(leaves: &[Hash]) -> usize {
    let mut k = 1;
    while k * 2 < leaves.len() {
        k *= 2;
    }
    k
}

/// MTH of RFC 6962 section 2.1.
fn naive_root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => empty_root(),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(naive_split(leaves));
            node_hash(&naive_root(left), &naive_root(right))
        }
    }
}

/// PATH of RFC 6962 section 2.1.1.
fn naive_path(index: usize, leaves: &[Hash]) -> Vec<Hash> {
    if leaves.len() == 1 {
        return vec![];
    }
    let k = naive_split(leaves);
    let (left, right) = leaves.split_at(k);
    let (mut path, sibling) = if index < k {
        (naive_path(index, left), naive_root(right))
    } else {
        (naive_path(index - k, right), naive_root(left))
    };
    path.push(sibling);
    path
}

/// SUBPROOF of RFC 6962 section 2.1.2, with `known` for its b.
fn naive_subproof(older: usize, leaves: &[Hash], known: bool) -> Vec<Hash> {
    if older == leaves.len() {
        return if known {
            vec![]
        } else {
            vec![naive_root(leaves)]
        };
    }
    let k = naive_split(leaves);
    let (left, right) = leaves.split_at(k);
    let (mut proof, sibling) = if older <= k {
        (naive_subproof(older, left, known), naive_root(right))
    } else {
        (naive_subproof(older - k, right, false), naive_root(left))
    };
    proof.push(sibling);
    proof
}

fn leaves(count: usize) -> Vec<Hash> {
    (0..count).map(|n| leaf_hash(&n.to_be_bytes())).collect()
}

#[test]
fn roots_agree_with_the_definition_for_every_size_to_600() {
    let leaves = leaves(600);
    let mut tree = Tree::new();
    for size in 0..=600 {
        assert_eq!(tree.root(), naive_root(&leaves[..size]), "size {size}");
        tree.extend(leaves.get(size).copied());
    }
}

#[test]
fn small_trees_prove_everything_and_nothing_else() {
    let leaves = leaves(34);
    let at = |place: u64| usize::try_from(place).unwrap();
    let root = |size: u64| naive_root(&leaves[..at(size)]);
    for size in 1..=33_u64 {
        for index in 0..size {
            let proof = inclusion_proof(&leaves, index, size).unwrap();
            for claimed in 0..=size {
                let leaf = &leaves[at(index)];
                let verdict = verify_inclusion(leaf, claimed, size, &proof, &root(size));
                assert_eq!(
                    verdict.is_ok(),
                    claimed == index,
                    "{index} as {claimed} of {size}"
                );
            }
        }
        for older in 0..=size {
            let proof = consistency_proof(&leaves, older, size).unwrap();
            for claimed in 1..=size + 1 {
                let older_head = TreeHead {
                    size: older,
                    root: root(older),
                };
                let newer_head = TreeHead {
                    size: claimed,
                    root: root(claimed),
                };
                let verdict = verify_consistency(&older_head, &newer_head, &proof);
                let trivial = older == 0 || (older == claimed && proof.is_empty());
                let expected = claimed == size || trivial;
                assert_eq!(verdict.is_ok(), expected, "{older} to {size} as {claimed}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn proofs_agree_with_the_definition_and_break_with_any_change(
        (size, index, older) in (1..=600_usize).prop_flat_map(|n| (Just(n), 0..n, 1..=n)),
        bit in 0..256_usize,
        at in any::<prop::sample::Index>(),
    ) {
        let leaves = leaves(size);
        let root = naive_root(&leaves);
        let (index_64, size_64, older_64) = (index as u64, size as u64, older as u64);
        let mut proof = inclusion_proof(&leaves, index_64, size_64).unwrap();
        prop_assert_eq!(&proof, &naive_path(index, &leaves));
        verify_inclusion(&leaves[index], index_64, size_64, &proof, &root).unwrap();

        let older_head = TreeHead { size: older_64, root: naive_root(&leaves[..older]) };
        let newer_head = TreeHead { size: size_64, root };
        let mut growth = consistency_proof(&leaves, older_64, size_64).unwrap();
        prop_assert_eq!(&growth, &naive_subproof(older, &leaves, true));
        verify_consistency(&older_head, &newer_head, &growth).unwrap();

        if !proof.is_empty() {
            let at = at.index(proof.len());
            proof[at].0[bit / 8] ^= 1 << (bit % 8);
            let broken = verify_inclusion(&leaves[index], index_64, size_64, &proof, &root);
            prop_assert!(matches!(broken, Err(ProofError::Root { .. })), "changed");
            proof.pop();
            let short = verify_inclusion(&leaves[index], index_64, size_64, &proof, &root);
            prop_assert!(matches!(short, Err(ProofError::Length { .. })), "too short");
        }
        if !growth.is_empty() {
            let at = at.index(growth.len());
            growth[at].0[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(verify_consistency(&older_head, &newer_head, &growth).is_err());
            growth.pop();
            prop_assert!(verify_consistency(&older_head, &newer_head, &growth).is_err());
        }
    }

    #[test]
    fn verifying_anything_never_panics(
        index in any::<u64>(), size in any::<u64>(), older in any::<u64>(),
        proof in prop::collection::vec(any::<[u8; 32]>().prop_map(Hash), 0..70),
    ) {
        let hash = Hash::default();
        let _ = verify_inclusion(&hash, index, size, &proof, &hash);
        let head = |size| TreeHead { size, root: hash };
        let _ = verify_consistency(&head(older), &head(size), &proof);
    }
}

#[track_caller]
fn check<T: core::fmt::Debug>(result: Result<T, ProofError>, message: &str) {
    let shown: String = std::format!("{}", result.unwrap_err());
    assert_eq!(shown, message);
}

#[test]
fn what_cannot_be_proved_is_named() {
    let leaves = leaves(10);
    check(
        inclusion_proof(&leaves, 5, 5),
        "there is no entry 5 in a tree of size 5",
    );
    check(
        inclusion_proof(&leaves, 0, 11),
        "a tree of size 11 cannot be made from 10 leaves",
    );
    check(
        consistency_proof(&leaves, 6, 5),
        "a tree of size 6 cannot have grown to size 5",
    );
    let head = |size, root: u8| TreeHead {
        size,
        root: Hash([root; 32]),
    };
    let forked = verify_consistency(&head(3, 1), &head(3, 2), &[]);
    assert!(matches!(forked, Err(ProofError::Root { .. })), "{forked:?}");
    check(
        verify_consistency(&head(4, 1), &head(3, 1), &[]),
        "a tree of size 4 cannot have grown to size 3",
    );
}

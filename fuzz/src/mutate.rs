//! Changed inputs for the ordinary tests: the same on every run and machine. It must never know
//! what an input means; a fuzzer that measures coverage goes further.

use counterfoil_base::draws::Random;

/// Bytes at which parsers have their edges: of CBOR heads, of text, of numbers.
const EDGES: &[u8] = &[
    0x00, 0x01, 0x17, 0x18, 0x19, 0x1a, 0x1b, 0x1f, 0x20, 0x38, 0x3b, 0x40, 0x58, 0x5f, 0x60, 0x78,
    0x7f, 0x80, 0x98, 0x9f, 0xf5, 0xf6, 0xf7, 0xff, b'\n', b'\r', b'"', b',', b'-', b'+', b'.',
    b'0', b'9', b'e', b'=', b'/', b'{', b'}',
];

/// So many inputs, each made of a seed by one to four changes; none without seeds.
pub fn mutations(seeds: &[Vec<u8>], count: usize) -> impl Iterator<Item = Vec<u8>> + '_ {
    let mut numbers = Random::new(0x636f_756e_7465_7266);
    let count = if seeds.is_empty() { 0 } else { count };
    (0..count).map(move |_| {
        let mut input = seeds[numbers.below(seeds.len())].clone();
        for _ in 0..=numbers.below(4) {
            change(&mut input, seeds, &mut numbers);
        }
        input
    })
}

fn change(input: &mut Vec<u8>, seeds: &[Vec<u8>], numbers: &mut Random) {
    let at = numbers.below(input.len());
    let length = 1 + numbers.below(16);
    let end = (at + length).min(input.len());
    match numbers.below(9) {
        0 => {
            if let Some(byte) = input.get_mut(at) {
                *byte ^= 1 << numbers.below(8);
            }
        }
        1 => {
            if let Some(byte) = input.get_mut(at) {
                *byte = EDGES[numbers.below(EDGES.len())];
            }
        }
        2 => {
            if let Some(byte) = input.get_mut(at) {
                *byte = byte.wrapping_add(if numbers.below(2) == 0 { 1 } else { u8::MAX });
            }
        }
        3 => drop(input.drain(at..end)),
        4 => {
            let copy = input[at..end].to_vec();
            input.splice(at..at, copy);
        }
        5 => input.insert(at, EDGES[numbers.below(EDGES.len())]),
        6 => input.truncate(at),
        7 => {
            for byte in &mut input[at..end] {
                *byte = numbers.number().to_be_bytes()[0];
            }
        }
        _ => {
            let other = &seeds[numbers.below(seeds.len())];
            let from = numbers.below(other.len());
            let to = (from + 1 + numbers.below(64)).min(other.len());
            input.splice(at..end, other[from..to].iter().copied());
        }
    }
}

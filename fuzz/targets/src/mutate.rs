//! Inputs that are nearly well formed: a seed, changed in a few places.

use rand::rngs::StdRng;
use rand::{Rng as _, RngExt as _, SeedableRng as _};

use crate::Target;

/// Changes of one input. More leave little of the seed.
const CHANGES_MAX: usize = 6;

/// Longest input. Longer ones say nothing new and take longer.
const INPUT_BYTES_MAX: usize = 16 << 10;

/// Longest piece that one change takes, doubles or makes up.
const PIECE_BYTES_MAX: usize = 32;

/// Bytes at which readers go wrong.
const BYTES: [u8; 8] = [0, 1, 0x7f, 0x80, 0xff, b'"', b'{', b'\\'];

/// Numbers at which readers go wrong, in the order in which the formats keep them.
const NUMBERS: [u64; 9] = [0, 1, 0x7f, 0xff, 0xffff, 0x7fff_ffff, 0xffff_ffff, i64::MAX as u64, u64::MAX];

/// Makes the inputs of a target, the same for the same number.
pub struct Mutator {
    random: StdRng,
    seeds: Vec<Vec<u8>>,
    words: &'static [&'static [u8]],
}

impl Mutator {
    /// Starts with the seeds of the target.
    pub fn new(target: &Target, number: u64) -> Self {
        Mutator { random: StdRng::seed_from_u64(number), seeds: (target.seeds)(), words: target.words }
    }

    /// The next input.
    pub fn next_input(&mut self) -> Vec<u8> {
        // Now and then what is no seed at all.
        if self.random.random_ratio(1, 50) {
            return self.piece();
        }
        let mut input = self.seeds[self.random.random_range(0..self.seeds.len())].clone();
        for _ in 0..self.random.random_range(0..=CHANGES_MAX) {
            self.change(&mut input);
        }
        input.truncate(INPUT_BYTES_MAX);
        input
    }

    fn change(&mut self, input: &mut Vec<u8>) {
        let at = self.random.random_range(0..=input.len());
        let end = (at + self.random.random_range(0..=PIECE_BYTES_MAX)).min(input.len());
        match self.random.random_range(0..10) {
            0 => self.set(input, at, |_, byte| byte),
            1 => self.set(input, at, |old, byte| old ^ (1 << (byte & 7))),
            2 => self.set(input, at, |old, byte| old.wrapping_add(byte & 3).wrapping_sub(1)),
            3 => drop(input.drain(at..end)),
            4 => {
                let piece = input[at..end].to_vec();
                insert(input, at, &piece);
            }
            5 => {
                let piece = self.piece();
                insert(input, at, &piece);
            }
            6 => input.truncate(at),
            7 => {
                let other = &self.seeds[self.random.random_range(0..self.seeds.len())];
                let from = self.random.random_range(0..=other.len());
                input.truncate(at);
                input.extend_from_slice(&other[from..]);
            }
            8 if !self.words.is_empty() => {
                let word = self.words[self.random.random_range(0..self.words.len())];
                insert(input, at, word);
            }
            _ => {
                let number = NUMBERS[self.random.random_range(0..NUMBERS.len())].to_le_bytes();
                let width = [2, 4, 8][self.random.random_range(0..3)];
                let width = width.min(input.len() - at);
                input[at..at + width].copy_from_slice(&number[..width]);
            }
        }
    }

    fn set(&mut self, input: &mut [u8], at: usize, new: impl Fn(u8, u8) -> u8) {
        let byte = match self.random.random_bool(0.5) {
            true => BYTES[self.random.random_range(0..BYTES.len())],
            false => self.random.random(),
        };
        if let Some(old) = input.get_mut(at) {
            *old = new(*old, byte);
        }
    }

    fn piece(&mut self) -> Vec<u8> {
        let mut piece = vec![0; self.random.random_range(0..=PIECE_BYTES_MAX)];
        self.random.fill_bytes(&mut piece);
        piece
    }
}

fn insert(input: &mut Vec<u8>, at: usize, piece: &[u8]) {
    input.splice(at..at, piece.iter().copied());
}

//! Which ranges contain a key: a treap of ranges, ordered by start, where each node knows the farthest
//! end below it. Finding costs O(log n + found), whatever the ranges are; a list of the ranges that
//! cover each key would let a hostile client make it quadratic.

use std::cmp::Ordering;

use bytes::Bytes;

/// An exclusive end; none is beyond every key.
type End = Option<Bytes>;

type Link<T> = Option<Box<Node<T>>>;

struct Node<T> {
    start: Bytes,
    end: End,
    /// The farthest end in this subtree.
    farthest: End,
    priority: u64,
    values: Vec<T>,
    left: Link<T>,
    right: Link<T>,
}

/// A multimap from ranges to values.
pub(super) struct IntervalTree<T> {
    root: Link<T>,
    /// Source of priorities. They only need to be unrelated to the order of keys.
    random: u64,
}

impl<T> Default for IntervalTree<T> {
    fn default() -> Self {
        // Any odd constant does; this is the golden ratio in 64 bits.
        IntervalTree { root: None, random: 0x9e37_79b9_7f4a_7c15 }
    }
}

impl<T: Copy + PartialEq> IntervalTree<T> {
    /// Adds a value under a range.
    pub(super) fn insert(&mut self, start: Bytes, end: End, value: T) {
        // xorshift64: never zero, period 2^64 - 1.
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        let farthest = end.clone();
        let (priority, values) = (self.random, vec![value]);
        let node = Box::new(Node { start, end, farthest, priority, values, left: None, right: None });
        self.root = Some(insert(self.root.take(), node));
    }

    /// Takes a value from under a range.
    pub(super) fn remove(&mut self, start: &Bytes, end: &End, value: T) {
        self.root = remove(self.root.take(), start, end, value);
    }

    /// Shows the values of all ranges that contain the key.
    pub(super) fn stab(&self, key: &[u8], each: &mut impl FnMut(T)) {
        stab(&self.root, key, each);
    }
}

fn is_past(end: &End, key: &[u8]) -> bool {
    end.as_ref().is_some_and(|end| end.as_ref() <= key)
}

fn compare_ends(a: &End, b: &End) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) => a.cmp(b),
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Greater,
        (Some(_), None) => Ordering::Less,
    }
}

impl<T> Node<T> {
    fn order(&self, start: &Bytes, end: &End) -> Ordering {
        start.cmp(&self.start).then_with(|| compare_ends(end, &self.end))
    }

    fn renew_farthest(&mut self) {
        let below = [&self.left, &self.right].into_iter().flatten().map(|node| &node.farthest);
        let farthest = below.chain(std::iter::once(&self.end)).max_by(|a, b| compare_ends(a, b));
        self.farthest = farthest.cloned().unwrap_or_default();
    }
}

fn insert<T>(node: Link<T>, mut new: Box<Node<T>>) -> Box<Node<T>> {
    let Some(mut node) = node else { return new };
    match node.order(&new.start, &new.end) {
        Ordering::Equal => node.values.append(&mut new.values),
        Ordering::Less => {
            let mut left = insert(node.left.take(), new);
            if left.priority > node.priority {
                node.left = left.right.take();
                node.renew_farthest();
                left.right = Some(node);
                node = left;
            } else {
                node.left = Some(left);
            }
        }
        Ordering::Greater => {
            let mut right = insert(node.right.take(), new);
            if right.priority > node.priority {
                node.right = right.left.take();
                node.renew_farthest();
                right.left = Some(node);
                node = right;
            } else {
                node.right = Some(right);
            }
        }
    }
    node.renew_farthest();
    node
}

fn remove<T: PartialEq>(node: Link<T>, start: &Bytes, end: &End, value: T) -> Link<T> {
    let mut node = node?;
    match node.order(start, end) {
        Ordering::Less => node.left = remove(node.left.take(), start, end, value),
        Ordering::Greater => node.right = remove(node.right.take(), start, end, value),
        Ordering::Equal => {
            node.values.retain(|kept| *kept != value);
            if node.values.is_empty() {
                return merge(node.left, node.right);
            }
        }
    }
    node.renew_farthest();
    Some(node)
}

fn merge<T>(left: Link<T>, right: Link<T>) -> Link<T> {
    match (left, right) {
        (None, only) | (only, None) => only,
        (Some(mut left), Some(mut right)) => {
            let mut root = if left.priority > right.priority {
                left.right = merge(left.right.take(), Some(right));
                left
            } else {
                right.left = merge(Some(left), right.left.take());
                right
            };
            root.renew_farthest();
            Some(root)
        }
    }
}

fn stab<T: Copy>(node: &Link<T>, key: &[u8], each: &mut impl FnMut(T)) {
    let Some(node) = node else { return };
    if is_past(&node.farthest, key) {
        return;
    }
    stab(&node.left, key, each);
    if node.start.as_ref() > key {
        return;
    }
    if !is_past(&node.end, key) {
        node.values.iter().copied().for_each(&mut *each);
    }
    stab(&node.right, key, each);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use rand::rngs::StdRng;
    use rand::{RngExt, SeedableRng};

    use super::*;

    fn key(rng: &mut StdRng) -> Bytes {
        let length = rng.random_range(1..4);
        (0..length).map(|_| b'a' + rng.random_range(0..4)).collect::<Vec<u8>>().into()
    }

    #[test]
    fn stabbing_finds_exactly_the_ranges_that_contain_the_key() {
        let seed: u64 = rand::random();
        println!("seed {seed}");
        let mut rng = StdRng::seed_from_u64(seed);
        let mut tree = IntervalTree::default();
        let mut model: Vec<(Bytes, End, u32)> = Vec::new();
        for step in 0..3000u32 {
            if model.is_empty() || rng.random_bool(0.6) {
                let end = rng.random_bool(0.8).then(|| key(&mut rng));
                let range = (key(&mut rng), end, step);
                tree.insert(range.0.clone(), range.1.clone(), range.2);
                model.push(range);
            } else {
                let (start, end, value) = model.swap_remove(rng.random_range(0..model.len()));
                tree.remove(&start, &end, value);
            }
            let at = key(&mut rng);
            let mut found = Vec::new();
            tree.stab(&at, &mut |value| found.push(value));
            found.sort_unstable();
            let contains = |(start, end, _): &&(Bytes, End, u32)| *start <= at && !is_past(end, &at);
            let mut expected: Vec<u32> = model.iter().filter(contains).map(|range| range.2).collect();
            expected.sort_unstable();
            assert_eq!(found, expected, "seed {seed}, step {step}");
        }
    }
}

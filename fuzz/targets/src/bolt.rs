//! A small file as bbolt writes it: two metas, a root with three buckets, one of them with a branch.

const PAGE_BYTES: usize = 1024;
const HEADER_BYTES: usize = 16;
const ELEMENT_BYTES: usize = 16;
const META_BYTES: usize = 64;
const BRANCH: u16 = 1;
const LEAF: u16 = 2;
const META: u16 = 4;
const BUCKET: u32 = 1;
const MAGIC: u32 = 0xED0C_DAED;

/// Flags, key and value of an element of a leaf.
type Element = (u32, Vec<u8>, Vec<u8>);

/// A file that is well formed.
pub(crate) fn file() -> Vec<u8> {
    with_children(4, 5)
}

/// A file whose branch is its own child, twice: walking it would double at each step.
pub(crate) fn circle() -> Vec<u8> {
    with_children(6, 6)
}

fn with_children(first: u64, second: u64) -> Vec<u8> {
    let record = |main: u64, sub: u64, body: &[u8]| {
        (0, [&main.to_be_bytes()[..], b"_", &sub.to_be_bytes()].concat(), body.to_vec())
    };
    // mvccpb.KeyValue: key "k", created and modified at 2, version 1, value "v".
    let pair = b"\x0a\x01k\x10\x02\x18\x02\x20\x01\x2a\x01v";
    let records = page(4, LEAF, &leaf(&[record(2, 0, pair), record(3, 0, pair)]), 2);
    let more = page(5, LEAF, &leaf(&[record(4, 0, pair)]), 1);
    let branch = page(6, BRANCH, &branches(&[(b"a", first), (b"b", second)]), 2);
    let meta_bucket = leaf(&[
        (0, b"consistent_index".to_vec(), 9_u64.to_be_bytes().to_vec()),
        (0, b"storageVersion".to_vec(), b"3.6.0".to_vec()),
        (
            0,
            b"finishedCompactRev".to_vec(),
            [2_u64.to_be_bytes().to_vec(), b"_".to_vec(), vec![0; 8]].concat(),
        ),
    ]);
    let inline = [vec![0; 16], header(0, LEAF, 3), meta_bucket].concat();
    let bucket = |root: u64| [root.to_le_bytes(), [0; 8]].concat();
    let root = page(
        3,
        LEAF,
        &leaf(&[
            (BUCKET, b"auth".to_vec(), [vec![0; 16], header(0, LEAF, 0)].concat()),
            (BUCKET, b"key".to_vec(), bucket(6)),
            (BUCKET, b"meta".to_vec(), inline),
        ]),
        3,
    );
    let metas = [0, 1].map(|id| page(id, META, &meta(id), 0)).concat();
    [metas, page(2, 16, &[], 0), root, records, more, branch].concat()
}

fn header(id: u64, flags: u16, count: u16) -> Vec<u8> {
    [&id.to_le_bytes()[..], &flags.to_le_bytes(), &count.to_le_bytes(), &[0; 4]].concat()
}

fn page(id: u64, flags: u16, body: &[u8], count: u16) -> Vec<u8> {
    let mut page = [&header(id, flags, count), body].concat();
    page.resize(PAGE_BYTES, 0);
    page
}

fn leaf(elements: &[Element]) -> Vec<u8> {
    let (mut heads, mut bodies) = (Vec::new(), Vec::new());
    for (order, (flags, key, value)) in elements.iter().enumerate() {
        let position = (elements.len() - order) * ELEMENT_BYTES + bodies.len();
        for field in [*flags, position as u32, key.len() as u32, value.len() as u32] {
            heads.extend_from_slice(&field.to_le_bytes());
        }
        bodies.extend_from_slice(key);
        bodies.extend_from_slice(value);
    }
    [heads, bodies].concat()
}

fn branches(children: &[(&[u8], u64)]) -> Vec<u8> {
    let (mut heads, mut keys) = (Vec::new(), Vec::new());
    for (order, (key, child)) in children.iter().enumerate() {
        let position = (children.len() - order) * ELEMENT_BYTES + keys.len();
        heads.extend_from_slice(&(position as u32).to_le_bytes());
        heads.extend_from_slice(&(key.len() as u32).to_le_bytes());
        heads.extend_from_slice(&child.to_le_bytes());
        keys.extend_from_slice(key);
    }
    [heads, keys].concat()
}

fn meta(transaction: u64) -> Vec<u8> {
    let mut meta = Vec::new();
    for field in [MAGIC, 2, PAGE_BYTES as u32, 0] {
        meta.extend_from_slice(&field.to_le_bytes());
    }
    // Root, its sequence, free list, pages, transaction.
    for field in [3, 0, 2, 7, transaction] {
        meta.extend_from_slice(&u64::to_le_bytes(field));
    }
    let sum = sum(&meta);
    meta.extend_from_slice(&sum.to_le_bytes());
    meta
}

fn sum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// Gives both metas the checksums that belong to what they say.
pub(crate) fn seal(file: &mut [u8]) {
    for page in [0, PAGE_BYTES] {
        let Some(meta) = file.get_mut(page + HEADER_BYTES..page + HEADER_BYTES + META_BYTES) else { return };
        let (said, checksum) = meta.split_at_mut(META_BYTES - 8);
        checksum.copy_from_slice(&sum(said).to_le_bytes());
    }
}

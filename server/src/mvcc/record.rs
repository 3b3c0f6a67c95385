//! The stored form of one change: a `mvccpb.KeyValue`, which is also what a watch event carries, so it
//! is encoded once in its life.

use bytes::Bytes;
use etcdkit_proto::mvccpb::KeyValue;
use prost::Message;

use super::MvccError;

/// Record of a deletion: the key and when it went, which is all that an event tells about it.
pub(crate) fn tombstone(key: &[u8], main: i64) -> Bytes {
    let kv = KeyValue { key: Bytes::copy_from_slice(key), mod_revision: main, ..KeyValue::default() };
    kv.encode_to_vec().into()
}

/// The key that a record is about; none when the bytes are not a record.
pub(crate) fn record_key_of(record: &[u8]) -> Option<&[u8]> {
    head(record).map(|head| head.key)
}

/// The whole pair; key and value share the record's memory.
pub(super) fn decode(record: Bytes) -> Result<KeyValue, MvccError> {
    Ok(KeyValue::decode(record)?)
}

/// What the index and the watchers need of a record, read without touching the value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Head<'r> {
    pub(super) key: &'r [u8],
    pub(super) create_revision: i64,
    pub(super) mod_revision: i64,
    pub(super) version: i64,
    pub(super) lease: i64,
}

/// Reads the head of a record; none when the bytes are not a record.
pub(super) fn head(record: &[u8]) -> Option<Head<'_>> {
    const VARINT: u64 = 0;
    const BYTES: u64 = 2;
    let mut head = Head::default();
    let mut rest = record;
    while !rest.is_empty() {
        let tag = varint(&mut rest)?;
        match (tag >> 3, tag & 7) {
            (field, VARINT) => {
                let number = varint(&mut rest)? as i64;
                match field {
                    2 => head.create_revision = number,
                    3 => head.mod_revision = number,
                    4 => head.version = number,
                    6 => head.lease = number,
                    _ => {}
                }
            }
            (field, BYTES) => {
                let length = usize::try_from(varint(&mut rest)?).ok()?;
                let (bytes, after) = rest.split_at_checked(length)?;
                rest = after;
                if field == 1 {
                    head.key = bytes;
                }
            }
            _ => return None,
        }
    }
    Some(head)
}

fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    // Ten groups of seven bits hold 64 bits.
    for shift in (0..70).step_by(7) {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        value |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_head_of_a_record_is_read_without_its_value() {
        let kv = KeyValue {
            key: Bytes::from_static(b"k"),
            create_revision: 300,
            mod_revision: i64::MAX,
            version: 7,
            value: Bytes::from(vec![9; 1000]),
            lease: -1,
        };
        let record = kv.encode_to_vec();
        let expected =
            Head { key: b"k", create_revision: 300, mod_revision: i64::MAX, version: 7, lease: -1 };
        assert_eq!(head(&record).unwrap(), expected);
    }

    #[test]
    fn a_cut_record_is_refused_and_not_misread() {
        let kv = KeyValue {
            key: Bytes::from_static(b"key"),
            value: Bytes::from_static(b"v"),
            ..KeyValue::default()
        };
        let record = kv.encode_to_vec();
        assert_eq!(head(&record[..record.len() - 1]), None);
        assert_eq!(head(&[0xff; 20]), None);
    }
}

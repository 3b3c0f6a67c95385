//! `-w table`: boxes, for member list and the endpoint commands only.

use super::rows;
use super::{Answer, unsupported};
use crate::console::failure::Outcome;
use crate::console::table::boxed;

pub(super) fn render(answer: &Answer<'_>) -> Outcome<Vec<u8>> {
    let (header, rows) = match answer {
        Answer::MemberList(answer) => (rows::MEMBERS, rows::members(answer)),
        Answer::Health(list) => (rows::HEALTH, rows::health(list)),
        Answer::Status(list) => (rows::STATUS, rows::status(list)),
        Answer::HashKv(list) => (rows::HASH_KV, rows::hash_kv(list)),
        _ => return Err(unsupported("table")),
    };
    Ok(boxed(header, &rows).into_bytes())
}

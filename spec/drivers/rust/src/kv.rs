//! Put, get, delete, compact.

use anyhow::Result;
use etcdkit::{
    Client, CompactionOptions, DeleteOptions, GetOptions, GetResponse, PutOptions, SortOrder, SortTarget,
};

use crate::line::Line;

pub(crate) async fn perform(client: &Client, line: &Line) -> Result<Line> {
    let key = line.bytes("key")?;
    match line.verb.as_str() {
        "put" => {
            let response = client.put(key, line.bytes("value")?, Some(put_options(line)?)).await?;
            Ok(line.answered(response.header()).with_pairs(response.prev_key()))
        }
        "get" => {
            let response = client.get(key, Some(get_options(line)?)).await?;
            Ok(range(line.answered(response.header()), &response))
        }
        "del" => {
            let mut options = DeleteOptions::new();
            if line.has("end") {
                options = options.with_range(line.bytes("end")?);
            }
            if line.has("prev") {
                options = options.with_prev_key();
            }
            let response = client.delete(key, Some(options)).await?;
            let answer = line.answered(response.header()).with("deleted", response.deleted());
            Ok(answer.with_pairs(response.prev_kvs()))
        }
        _ => {
            let options = line.has("physical").then(|| CompactionOptions::new().with_physical());
            let response = client.compact(line.need("rev")?, options).await?;
            Ok(line.answered(response.header()))
        }
    }
}

pub(crate) fn range(answer: Line, response: &GetResponse) -> Line {
    let more = u8::from(response.more());
    answer.with("count", response.count()).with("more", more).with_pairs(response.kvs())
}

fn put_options(line: &Line) -> Result<PutOptions> {
    let mut options = PutOptions::new();
    if let Some(lease) = line.number("lease")? {
        options = options.with_lease(lease);
    }
    if line.has("prev") {
        options = options.with_prev_key();
    }
    if line.has("ignore_value") {
        options = options.with_ignore_value();
    }
    if line.has("ignore_lease") {
        options = options.with_ignore_lease();
    }
    Ok(options)
}

type SetNumber = fn(GetOptions, i64) -> GetOptions;
type SetFlag = fn(GetOptions) -> GetOptions;

fn get_options(line: &Line) -> Result<GetOptions> {
    let mut options = GetOptions::new();
    if line.has("end") {
        options = options.with_range(line.bytes("end")?);
    }
    let numbers: [(&str, SetNumber); 6] = [
        ("limit", GetOptions::with_limit),
        ("rev", GetOptions::with_revision),
        ("min_mod", GetOptions::with_min_mod_revision),
        ("max_mod", GetOptions::with_max_mod_revision),
        ("min_create", GetOptions::with_min_create_revision),
        ("max_create", GetOptions::with_max_create_revision),
    ];
    for (name, set) in numbers {
        if let Some(number) = line.number(name)? {
            options = set(options, number);
        }
    }
    let flags: [(&str, SetFlag); 3] = [
        ("serializable", GetOptions::with_serializable),
        ("keys_only", GetOptions::with_keys_only),
        ("count_only", GetOptions::with_count_only),
    ];
    for (name, set) in flags {
        if line.has(name) {
            options = set(options);
        }
    }
    if line.has("order") || line.has("target") {
        options = options.with_sort(target(line), order(line));
    }
    Ok(options)
}

fn order(line: &Line) -> SortOrder {
    match line.get("order") {
        Some("asc") => SortOrder::Ascend,
        Some("desc") => SortOrder::Descend,
        _ => SortOrder::None,
    }
}

fn target(line: &Line) -> SortTarget {
    match line.get("target") {
        Some("version") => SortTarget::Version,
        Some("create") => SortTarget::Create,
        Some("mod") => SortTarget::Mod,
        Some("value") => SortTarget::Value,
        _ => SortTarget::Key,
    }
}

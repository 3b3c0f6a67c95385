//! Transactions: tokens to builders, responses to tokens.

use std::iter::Peekable;
use std::slice::Iter;

use anyhow::{Result, bail};
use etcdkit::{
    Client, Compare, CompareOp, DeleteOptions, GetOptions, PutOptions, Txn, TxnOp, TxnOpResponse, TxnResponse,
};

use crate::line::{Line, unhex};

pub(crate) async fn perform(client: &Client, line: &Line) -> Result<Line> {
    let response = client.txn(parse(&mut line.fields.iter().peekable())?).await?;
    let answer = line.answered(response.header()).with("succeeded", u8::from(response.succeeded()));
    Ok(write(answer, response))
}

fn parse(tokens: &mut Peekable<Iter<'_, (String, String)>>) -> Result<Txn> {
    let (mut compares, mut success, mut failure) = (Vec::new(), Vec::new(), Vec::new());
    let mut otherwise = false;
    while let Some((name, value)) = tokens.next() {
        let op = match name.as_str() {
            "client" => continue,
            "if" => {
                compares.push(compare(value)?);
                continue;
            }
            "then" | "else" => {
                otherwise = name == "else";
                continue;
            }
            "end" => break,
            "begin" => TxnOp::txn(parse(tokens)?),
            _ => operation(name, value)?,
        };
        if otherwise { failure.push(op) } else { success.push(op) }
    }
    Ok(Txn::new().when(compares).and_then(success).or_else(failure))
}

fn compare(text: &str) -> Result<Compare> {
    let parts: Vec<&str> = text.split(':').collect();
    let [target, op, key, end, operand] = parts[..] else { bail!("compare {text}") };
    let op = match op {
        "gt" => CompareOp::Greater,
        "lt" => CompareOp::Less,
        "ne" => CompareOp::NotEqual,
        _ => CompareOp::Equal,
    };
    let key = unhex(key)?;
    let compare = match target {
        "version" => Compare::version(key, op, operand.parse()?),
        "create" => Compare::create_revision(key, op, operand.parse()?),
        "mod" => Compare::mod_revision(key, op, operand.parse()?),
        "lease" => Compare::lease(key, op, operand.parse()?),
        _ => Compare::value(key, op, unhex(operand)?),
    };
    Ok(if end.is_empty() { compare } else { compare.with_range(unhex(end)?) })
}

fn operation(name: &str, text: &str) -> Result<TxnOp> {
    let parts: Vec<&str> = text.split(':').collect();
    Ok(match (name, &parts[..]) {
        ("put", [key, value, lease, flags]) => {
            let mut options = PutOptions::new().with_lease(lease.parse()?);
            if flags.contains('p') {
                options = options.with_prev_key();
            }
            if flags.contains('v') {
                options = options.with_ignore_value();
            }
            if flags.contains('l') {
                options = options.with_ignore_lease();
            }
            TxnOp::put(unhex(key)?, unhex(value)?, Some(options))
        }
        ("get", [key, end, limit, revision, flags]) => {
            let mut options = GetOptions::new().with_limit(limit.parse()?).with_revision(revision.parse()?);
            if !end.is_empty() {
                options = options.with_range(unhex(end)?);
            }
            if flags.contains('k') {
                options = options.with_keys_only();
            }
            if flags.contains('c') {
                options = options.with_count_only();
            }
            TxnOp::get(unhex(key)?, Some(options))
        }
        ("del", [key, end, flags]) => {
            let mut options = DeleteOptions::new();
            if !end.is_empty() {
                options = options.with_range(unhex(end)?);
            }
            if flags.contains('p') {
                options = options.with_prev_key();
            }
            TxnOp::delete(unhex(key)?, Some(options))
        }
        _ => bail!("operation {name}={text}"),
    })
}

fn write(mut answer: Line, response: TxnResponse) -> Line {
    for op in response.into_op_responses() {
        answer = match op {
            TxnOpResponse::Put(put) => answer.with("r", "put").with_pairs(put.prev_key()),
            TxnOpResponse::Get(get) => {
                let told = format!("get:{}:{}", get.count(), u8::from(get.more()));
                answer.with("r", told).with_pairs(get.kvs())
            }
            TxnOpResponse::Delete(delete) => {
                answer.with("r", format!("del:{}", delete.deleted())).with_pairs(delete.prev_kvs())
            }
            TxnOpResponse::Txn(txn) => {
                let begun = answer.with("r", format!("txn:{}", u8::from(txn.succeeded())));
                write(begun, txn).with("r", "end")
            }
        };
    }
    answer
}

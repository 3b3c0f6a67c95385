//! Transactions: the tokens of the protocol to a request and the response back to tokens.

use anyhow::{Result, anyhow, bail};
use etcdkit_proto::etcdserverpb::compare::TargetUnion;
use etcdkit_proto::etcdserverpb::request_op::Request;
use etcdkit_proto::etcdserverpb::response_op::Response;
use etcdkit_proto::etcdserverpb::{
    Compare, DeleteRangeRequest, PutRequest, RangeRequest, RequestOp, ResponseHeader, TxnRequest, TxnResponse,
};

use super::{Wire, answered};
use crate::line::{Line, pair, unhex};

/// Deeper than any scenario, so that a bad line cannot exhaust the stack.
const NESTING_MAX: usize = 16;

type Tokens<'l> = std::iter::Peekable<std::slice::Iter<'l, (String, String)>>;

impl Wire {
    pub(super) async fn txn(&self, line: &Line) -> Result<Line> {
        let request = parse(&mut line.fields.iter().peekable(), 0)?;
        let response = self.kv_client(line).await?.txn(request).await?.into_inner();
        let mut answer =
            answered(line, response.header.as_ref()).with("succeeded", u8::from(response.succeeded));
        write(&response, &mut answer);
        Ok(answer)
    }
}

fn parse(tokens: &mut Tokens<'_>, depth: usize) -> Result<TxnRequest> {
    if depth > NESTING_MAX {
        bail!("transactions nest deeper than {NESTING_MAX}");
    }
    let mut txn = TxnRequest::default();
    let mut failure = false;
    while let Some((name, value)) = tokens.next() {
        let op = match name.as_str() {
            "client" => continue,
            "if" => {
                txn.compare.push(compare(value)?);
                continue;
            }
            "then" | "else" => {
                failure = name == "else";
                continue;
            }
            "end" => break,
            "begin" => RequestOp { request: Some(Request::RequestTxn(parse(tokens, depth + 1)?)) },
            "nil" => RequestOp { request: None },
            _ => RequestOp { request: Some(operation(name, value)?) },
        };
        match failure {
            true => txn.failure.push(op),
            false => txn.success.push(op),
        }
    }
    Ok(txn)
}

/// `target:op:key:end:operand`.
fn compare(text: &str) -> Result<Compare> {
    let parts: Vec<&str> = text.split(':').collect();
    let [target, op, key, end, operand] = parts[..] else { bail!("compare {text:?}") };
    let index = |names: &[&str], name: &str| {
        let at = names.iter().position(|known| *known == name).ok_or_else(|| anyhow!("compare {text:?}"))?;
        Ok::<i32, anyhow::Error>(i32::try_from(at)?)
    };
    let union = match target {
        "version" => TargetUnion::Version(operand.parse()?),
        "create" => TargetUnion::CreateRevision(operand.parse()?),
        "mod" => TargetUnion::ModRevision(operand.parse()?),
        "value" => TargetUnion::Value(unhex(operand)?.into()),
        _ => TargetUnion::Lease(operand.parse()?),
    };
    Ok(Compare {
        result: index(&["eq", "gt", "lt", "ne"], op)?,
        target: index(&["version", "create", "mod", "value", "lease"], target)?,
        key: unhex(key)?.into(),
        range_end: unhex(end)?.into(),
        target_union: Some(union),
    })
}

/// `put=key:value:lease:flags`, `get=key:end:limit:rev:flags`, `del=key:end:flags`.
fn operation(name: &str, text: &str) -> Result<Request> {
    let parts: Vec<&str> = text.split(':').collect();
    Ok(match (name, &parts[..]) {
        ("put", [key, value, lease, flags]) => Request::RequestPut(PutRequest {
            key: unhex(key)?.into(),
            value: unhex(value)?.into(),
            lease: lease.parse()?,
            prev_kv: flags.contains('p'),
            ignore_value: flags.contains('v'),
            ignore_lease: flags.contains('l'),
        }),
        ("get", [key, end, limit, revision, flags]) => Request::RequestRange(RangeRequest {
            key: unhex(key)?.into(),
            range_end: unhex(end)?.into(),
            limit: limit.parse()?,
            revision: revision.parse()?,
            keys_only: flags.contains('k'),
            count_only: flags.contains('c'),
            ..Default::default()
        }),
        ("del", [key, end, flags]) => Request::RequestDeleteRange(DeleteRangeRequest {
            key: unhex(key)?.into(),
            range_end: unhex(end)?.into(),
            prev_kv: flags.contains('p'),
        }),
        _ => bail!("operation {name}={text}"),
    })
}

/// `put`, `get:count:more`, `del:deleted`, `txn:succeeded` … `end`, each with the pairs that belong to it.
fn write(response: &TxnResponse, answer: &mut Line) {
    for op in &response.responses {
        match &op.response {
            Some(Response::ResponsePut(put)) => {
                answer.push("r", "put");
                note_header(put.header.as_ref(), answer);
                put.prev_kv.iter().for_each(|kv| answer.push("kv", pair(kv)));
            }
            Some(Response::ResponseRange(range)) => {
                answer.push("r", format!("get:{}:{}", range.count, u8::from(range.more)));
                note_header(range.header.as_ref(), answer);
                range.kvs.iter().for_each(|kv| answer.push("kv", pair(kv)));
            }
            Some(Response::ResponseDeleteRange(deleted)) => {
                answer.push("r", format!("del:{}", deleted.deleted));
                note_header(deleted.header.as_ref(), answer);
                deleted.prev_kvs.iter().for_each(|kv| answer.push("kv", pair(kv)));
            }
            Some(Response::ResponseTxn(txn)) => {
                answer.push("r", format!("txn:{}", u8::from(txn.succeeded)));
                write(txn, answer);
                answer.push("r", "end");
            }
            None => answer.push("r", "nil"),
        }
    }
}

/// What the header inside a transaction tells: its revision, and whether it names cluster and member.
fn note_header(header: Option<&ResponseHeader>, answer: &mut Line) {
    let Some(header) = header else { return };
    answer.push("sub_rev", header.revision);
    answer
        .push("sub_ids", u8::from(header.cluster_id != 0 || header.member_id != 0 || header.raft_term != 0));
}

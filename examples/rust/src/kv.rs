//! Keys, values, history, transactions.

use anyhow::{Context as _, Result};
use etcdkit::{Client, Compare, CompareOp, DeleteOptions, GetOptions, PutOptions, Txn, TxnOp};

use crate::yes;

pub(crate) async fn status(client: &Client) -> Result<String> {
    let status = client.status().await?;
    let members = client.member_list().await?;
    Ok(format!("{} member, it leads: {}", members.members().len(), yes(status.leader() != 0)))
}

pub(crate) async fn put(client: &Client) -> Result<String> {
    let pairs = [("/mykey/key1", "123"), ("/mykey/key2", "456"), ("/ukey/key1", "abc")];
    for (key, value) in pairs {
        client.put(key, value, None).await?;
    }
    Ok(pairs.map(|(key, value)| format!("{key}={value}")).join(" "))
}

pub(crate) async fn get(client: &Client) -> Result<String> {
    pairs(client, "/mykey/key1", None).await
}

pub(crate) async fn get_prefix(client: &Client) -> Result<String> {
    pairs(client, "/mykey", Some(GetOptions::new().with_prefix())).await
}

async fn pairs(client: &Client, key: &str, options: Option<GetOptions>) -> Result<String> {
    let response = client.get(key, options).await?;
    let mut pairs = Vec::new();
    for kv in response.kvs() {
        pairs.push(format!("{}={}", kv.key_str()?, kv.value_str()?));
    }
    Ok(pairs.join(" "))
}

pub(crate) async fn count(client: &Client) -> Result<String> {
    let options = GetOptions::new().with_prefix().with_count_only();
    Ok(client.get("/mykey", Some(options)).await?.count().to_string())
}

pub(crate) async fn exists(client: &Client) -> Result<String> {
    let there = async |key| {
        let response = client.get(key, Some(GetOptions::new().with_count_only())).await?;
        anyhow::Ok(yes(response.count() == 1))
    };
    Ok(format!("/mykey/key1 {}, /mykey/none {}", there("/mykey/key1").await?, there("/mykey/none").await?))
}

pub(crate) async fn history(client: &Client) -> Result<String> {
    let before = client.get("/mykey/key1", None).await?;
    let revision = before.kvs().first().context("/mykey/key1 was put before")?.mod_revision();
    let put = client.put("/mykey/key1", "124", Some(PutOptions::new().with_prev_key())).await?;
    let previous = put.prev_key().context("the key existed")?.value_str()?.to_owned();
    let now = value(client, None).await?;
    let then = value(client, Some(GetOptions::new().with_revision(revision))).await?;
    Ok(format!("now {now}, at the older revision {then}, the put returned {previous}"))
}

async fn value(client: &Client, options: Option<GetOptions>) -> Result<String> {
    let response = client.get("/mykey/key1", options).await?;
    Ok(response.kvs().first().context("the key exists")?.value_str()?.to_owned())
}

pub(crate) async fn transaction(client: &Client) -> Result<String> {
    let run = async || {
        let txn = Txn::new()
            .when([Compare::value("user1", CompareOp::Equal, "bad")])
            .and_then([TxnOp::delete("user1", None)])
            .or_else([TxnOp::put("user1", "good", None)]);
        anyhow::Ok(if client.txn(txn).await?.succeeded() { "SUCCESS" } else { "FAILURE" })
    };
    client.put("user1", "bad", None).await?;
    let first = run().await?;
    let left = client.get("user1", Some(GetOptions::new().with_count_only())).await?.count();
    let second = run().await?;
    Ok(format!("{first}, user1 left: {left}; {second}, {}", pairs(client, "user1", None).await?))
}

pub(crate) async fn compaction(client: &Client) -> Result<String> {
    let revision = async |value| {
        let put = client.put("/old/key", value, None).await?;
        put.header().map(|header| header.revision()).context("a put answers with its revision")
    };
    let (old, new) = (revision("1").await?, revision("2").await?);
    client.compact(new, None).await?;
    match client.get("/old/key", Some(GetOptions::new().with_revision(old))).await {
        Ok(_) => Ok("no error".to_owned()),
        Err(error) => Ok(error.message().to_owned()),
    }
}

pub(crate) async fn delete(client: &Client) -> Result<String> {
    let deleted = async || anyhow::Ok(yes(client.delete("/mykey/key1", None).await?.deleted() == 1));
    Ok(format!("deleted: {}, again: {}", deleted().await?, deleted().await?))
}

pub(crate) async fn delete_prefix(client: &Client) -> Result<String> {
    client.put("/mykey/key1", "123", None).await?;
    let response = client.delete("/mykey", Some(DeleteOptions::new().with_prefix())).await?;
    Ok(response.deleted().to_string())
}

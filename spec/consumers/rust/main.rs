use etcd_client::*;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let endpoint = std::env::args().nth(1).expect("HOST:PORT");
    let mut client = Client::connect([endpoint], None).await?;

    client.put("greeting", "hello", None).await?;
    let response = client.get("greeting", None).await?;
    for kv in response.kvs() {
        println!("get {} = {}", kv.key_str()?, kv.value_str()?);
    }

    for name in ["a", "b", "c"] {
        client.put(format!("app/{name}"), name.to_uppercase(), None).await?;
    }
    let response = client.get("app/", Some(GetOptions::new().with_prefix())).await?;
    print!("prefix");
    for kv in response.kvs() {
        print!(" {}={}", kv.key_str()?, kv.value_str()?);
    }
    println!();

    let txn = Txn::new()
        .when([Compare::value("greeting", CompareOp::Equal, "hello")])
        .and_then([TxnOp::put("greeting", "bye", None)])
        .or_else([TxnOp::delete("greeting", None)]);
    let succeeded = client.txn(txn).await?.succeeded();
    println!("transaction {}", if succeeded { "succeeded" } else { "failed" });
    let response = client.delete("app/", Some(DeleteOptions::new().with_prefix())).await?;
    println!("deleted {}", response.deleted());

    let lease = client.lease_grant(60, None).await?;
    client.put("session", "here", Some(PutOptions::new().with_lease(lease.id()))).await?;
    println!("session {}", client.get("session", None).await?.kvs()[0].value_str()?);
    client.lease_revoke(lease.id()).await?;
    let left = client.get("session", None).await?.count();
    println!("session {}", if left == 0 { "gone" } else { "left" });

    let mut watch = client.watch("watched", None).await?;
    client.put("watched", "1", None).await?;
    client.delete("watched", None).await?;
    'watch: while let Some(response) = watch.message().await? {
        for event in response.events() {
            let kv = event.kv().expect("an event has a pair");
            match event.event_type() {
                EventType::Put => println!("event put {}={}", kv.key_str()?, kv.value_str()?),
                EventType::Delete => {
                    println!("event delete {}", kv.key_str()?);
                    break 'watch;
                }
            }
        }
    }

    let lease = client.lease_grant(10, None).await?;
    let held = client.lock("job", Some(LockOptions::new().with_lease(lease.id()))).await?;
    println!("locked");
    client.unlock(held.key()).await?;
    Ok(())
}

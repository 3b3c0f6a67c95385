using dotnet_etcd;
using Etcdserverpb;
using Google.Protobuf;
using Mvccpb;
using V3Lockpb;

using EtcdClient client = new EtcdClient("http://" + args[0]);

client.Put("greeting", "hello");
KeyValue greeting = client.Get("greeting").Kvs[0];
Console.WriteLine($"get {greeting.Key.ToStringUtf8()} = {greeting.Value.ToStringUtf8()}");

foreach (string name in new[] { "a", "b", "c" })
{
    await client.PutAsync("app/" + name, name.ToUpperInvariant());
}
IDictionary<string, string> found = await client.GetRangeValAsync("app/");
Console.WriteLine("prefix " + string.Join(" ", found.OrderBy(pair => pair.Key).Select(pair => $"{pair.Key}={pair.Value}")));

TxnRequest txn = new();
txn.Compare.Add(new Compare
{
    Key = ByteString.CopyFromUtf8("greeting"),
    Target = Compare.Types.CompareTarget.Value,
    Result = Compare.Types.CompareResult.Equal,
    Value = ByteString.CopyFromUtf8("hello"),
});
txn.Success.Add(new RequestOp
{
    RequestPut = new PutRequest { Key = ByteString.CopyFromUtf8("greeting"), Value = ByteString.CopyFromUtf8("bye") },
});
Console.WriteLine("transaction " + (client.Transaction(txn).Succeeded ? "succeeded" : "failed"));
Console.WriteLine("deleted " + client.DeleteRange("app/").Deleted);

long lease = client.LeaseGrant(new LeaseGrantRequest { TTL = 60 }).ID;
client.Put(new PutRequest
{
    Key = ByteString.CopyFromUtf8("session"),
    Value = ByteString.CopyFromUtf8("here"),
    Lease = lease,
});
Console.WriteLine("session " + client.GetVal("session"));
client.LeaseRevoke(new LeaseRevokeRequest { ID = lease });
Console.WriteLine("session " + (client.Get("session").Count == 0 ? "gone" : "left"));

using CancellationTokenSource stop = new();
TaskCompletionSource created = new();
TaskCompletionSource deleted = new();
Task watching = client.WatchAsync("watched", (WatchResponse response) =>
{
    created.TrySetResult();
    foreach (Event happened in response.Events)
    {
        string key = happened.Kv.Key.ToStringUtf8();
        if (happened.Type == Event.Types.EventType.Put)
        {
            Console.WriteLine($"event put {key}={happened.Kv.Value.ToStringUtf8()}");
            continue;
        }
        Console.WriteLine($"event delete {key}");
        deleted.TrySetResult();
    }
}, cancellationToken: stop.Token);
await created.Task;
client.Put("watched", "1");
client.Delete("watched");
await deleted.Task;
stop.Cancel();

long held = client.LeaseGrant(new LeaseGrantRequest { TTL = 10 }).ID;
LockResponse taken = client.Lock(new LockRequest { Name = ByteString.CopyFromUtf8("job"), Lease = held });
Console.WriteLine("locked");
client.Unlock(new UnlockRequest { Key = taken.Key });

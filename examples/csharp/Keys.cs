using System.Collections.Generic;
using System.Linq;
using System.Threading.Tasks;
using EtcdKit.Grpc;
using Etcdserverpb;
using Google.Protobuf;

namespace EtcdKit.Tour;

/// <summary>Reads, writes, transactions, history.</summary>
internal static class Keys
{
    internal static async Task<string> Status(EtcdClient client, string endpoint)
    {
        var status = await client.StatusAsync(new StatusRequest());
        var members = await client.MemberListAsync(new MemberListRequest());
        return $"{members.Members.Count} member, it leads: {Say.Yes(status.Leader != 0)}";
    }

    internal static Task<string> Put(EtcdClient client, string endpoint)
    {
        var pairs = new[] { ("/mykey/key1", "123"), ("/mykey/key2", "456"), ("/ukey/key1", "abc") };
        foreach (var (key, value) in pairs) client.Put(key, value);
        return Task.FromResult(string.Join(" ", pairs.Select(pair => $"{pair.Item1}={pair.Item2}")));
    }

    internal static async Task<string> Get(EtcdClient client, string endpoint) =>
        $"/mykey/key1={await client.GetValAsync("/mykey/key1")}";

    internal static Task<string> GetPrefix(EtcdClient client, string endpoint) =>
        Task.FromResult(string.Join(" ", client.GetRange("/mykey").Kvs.Select(Say.Pair)));

    internal static async Task<string> Count(EtcdClient client, string endpoint) =>
        $"{await CountAsync(client, "/mykey", EtcdClient.GetRangeEnd("/mykey"))}";

    internal static async Task<string> Exists(EtcdClient client, string endpoint)
    {
        async Task<string> There(string key) => $"{key} {Say.Yes(await CountAsync(client, key) == 1)}";
        return $"{await There("/mykey/key1")}, {await There("/mykey/none")}";
    }

    internal static async Task<string> History(EtcdClient client, string endpoint)
    {
        var key = ByteString.CopyFromUtf8("/mykey/key1");
        var older = (await client.GetAsync("/mykey/key1")).Kvs[0].ModRevision;
        var put = await client.PutAsync(new PutRequest { Key = key, Value = ByteString.CopyFromUtf8("124"), PrevKv = true });
        var now = client.GetVal("/mykey/key1");
        var then = await client.GetAsync(new RangeRequest { Key = key, Revision = older });
        return $"now {now}, at the older revision {then.Kvs[0].Value.ToStringUtf8()}, "
            + $"the put returned {put.PrevKv.Value.ToStringUtf8()}";
    }

    internal static async Task<string> Transaction(EtcdClient client, string endpoint)
    {
        var key = ByteString.CopyFromUtf8("user1");
        var txn = new TxnRequest
        {
            Compare =
            {
                new Compare
                {
                    Key = key,
                    Target = Compare.Types.CompareTarget.Value,
                    Result = Compare.Types.CompareResult.Equal,
                    Value = ByteString.CopyFromUtf8("bad"),
                },
            },
            Success = { new RequestOp { RequestDeleteRange = new DeleteRangeRequest { Key = key } } },
            Failure = { new RequestOp { RequestPut = new PutRequest { Key = key, Value = ByteString.CopyFromUtf8("good") } } },
        };
        async Task<string> Run() => (await client.TransactionAsync(txn)).Succeeded ? "SUCCESS" : "FAILURE";

        await client.PutAsync("user1", "bad");
        var first = await Run();
        var afterFirst = await CountAsync(client, "user1");
        var second = await Run();
        return $"{first}, user1 left: {afterFirst}; {second}, user1={client.GetVal("user1")}";
    }

    internal static async Task<string> Compaction(EtcdClient client, string endpoint)
    {
        var older = (await client.PutAsync("/old/key", "1")).Header.Revision;
        var newer = (await client.PutAsync("/old/key", "2")).Header.Revision;
        await client.CompactAsync(new CompactionRequest { Revision = newer });
        try
        {
            await client.GetAsync(new RangeRequest { Key = ByteString.CopyFromUtf8("/old/key"), Revision = older });
            return "no error";
        }
        catch (RpcException failure)
        {
            return failure.Status.Detail;
        }
    }

    internal static async Task<string> Delete(EtcdClient client, string endpoint)
    {
        async Task<string> Deleted() => Say.Yes((await client.DeleteAsync("/mykey/key1")).Deleted == 1);
        return $"deleted: {await Deleted()}, again: {await Deleted()}";
    }

    internal static async Task<string> DeletePrefix(EtcdClient client, string endpoint)
    {
        await client.PutAsync("/mykey/key1", "123");
        return $"{(await client.DeleteRangeAsync("/mykey")).Deleted}";
    }

    internal static async Task<long> CountAsync(EtcdClient client, string key, string end = "")
    {
        var request = new RangeRequest
        {
            Key = ByteString.CopyFromUtf8(key),
            RangeEnd = ByteString.CopyFromUtf8(end),
            CountOnly = true,
        };
        return (await client.GetAsync(request)).Count;
    }
}

using System;
using System.Threading.Tasks;
using EtcdKit.DependencyInjection;
using EtcdKit.Grpc;
using Etcdserverpb;
using Google.Protobuf;

namespace EtcdKit.Tests;

public class KvTests(Cluster cluster) : IClassFixture<Cluster>
{
    [Fact]
    public async Task A_client_with_a_key_prefix_sees_the_keys_below_it_as_all_there_are()
    {
        using var all = cluster.Connect();
        var prefix = Cluster.NewKey();
        using var inside = new EtcdClient(new EtcdClientOptions { ConnectionString = cluster.Endpoint, KeyPrefix = prefix });
        var seen = new TaskCompletionSource<string>();
        var watch = inside.WatchRange("a", (WatchEvent[] events) => seen.TrySetResult(events[0].Key));
        inside.Put("a", "1");
        Assert.Equal("a", await seen.Task.Soon());
        inside.CancelWatch(watch);
        Assert.Equal("1", all.GetVal(prefix + "a"));
        Assert.Equal("1", inside.GetVal("a"));
        Assert.Equal("a", Assert.Single(inside.GetRangeVal("")).Key);
        var taken = inside.Lock("lock");
        Assert.StartsWith("lock/", taken.Key.ToStringUtf8(), StringComparison.Ordinal);
        Assert.Single(all.GetRangeVal(prefix + "lock/"));
        inside.Unlock(taken.Key.ToStringUtf8());
        inside.DeleteRange("a");
        Assert.Empty(all.GetRangeVal(prefix));
    }

    [Fact]
    public async Task What_is_put_is_read_in_every_form()
    {
        using var client = cluster.Connect();
        var key = Cluster.NewKey();
        client.Put(key + "a", "1");
        await client.PutAsync(key + "b", " 2 ");
        Assert.Equal("1", client.GetVal(key + "a"));
        Assert.Equal("2", await client.GetValAsync(key + "b"));
        Assert.Equal("", client.GetVal(key + "none"));
        Assert.Equal(1, client.Get(key + "a").Count);
        Assert.Equal(2, (await client.GetRangeAsync(key)).Count);
        Assert.Equal(" 2 ", client.GetRangeVal(key)[key + "b"]);
    }

    [Fact]
    public async Task What_is_deleted_is_gone()
    {
        using var client = cluster.Connect();
        var key = Cluster.NewKey();
        client.Put(key + "a", "1");
        client.Put(key + "b", "2");
        Assert.Equal(1, client.Delete(key + "a").Deleted);
        Assert.Equal(1, (await client.DeleteRangeAsync(key)).Deleted);
        Assert.Equal(0, client.GetRange(key).Count);
    }

    [Fact]
    public void A_transaction_runs_one_of_its_branches()
    {
        using var client = cluster.Connect();
        var key = ByteString.CopyFromUtf8(Cluster.NewKey());
        var txn = new TxnRequest
        {
            Compare = { new Compare { Key = key, Target = Compare.Types.CompareTarget.Version, Version = 0 } },
            Success = { new RequestOp { RequestPut = new PutRequest { Key = key, Value = ByteString.CopyFromUtf8("new") } } },
            Failure = { new RequestOp { RequestRange = new RangeRequest { Key = key } } },
        };
        Assert.True(client.Transaction(txn).Succeeded);
        var second = client.Transaction(txn);
        Assert.False(second.Succeeded);
        Assert.Equal("new", second.Responses[0].ResponseRange.Kvs[0].Value.ToStringUtf8());
    }

    [Fact]
    public void A_compacted_revision_is_refused_in_the_servers_words()
    {
        using var client = cluster.Connect();
        var key = Cluster.NewKey();
        var older = client.Put(key, "1").Header.Revision;
        var newer = client.Put(key, "2").Header.Revision;
        client.Compact(new CompactionRequest { Revision = newer });
        var request = new RangeRequest { Key = ByteString.CopyFromUtf8(key), Revision = older };
        var failure = Assert.Throws<RpcException>(() => client.Get(request));
        Assert.Equal(StatusCode.OutOfRange, failure.StatusCode);
        Assert.Equal("etcdserver: mvcc: required revision has been compacted", failure.Status.Detail);
    }

    [Fact]
    public void A_namespace_is_all_there_is()
    {
        using var client = cluster.Connect();
        var prefix = Cluster.NewKey();
        using var inside = client.WithNamespace(prefix);
        inside.Put("a", "1");
        Assert.Equal("1", client.GetVal(prefix + "a"));
        Assert.Equal("a", inside.GetRange("").Kvs[0].Key.ToStringUtf8());
    }

    [Fact]
    public async Task What_no_method_wraps_is_in_the_service_clients()
    {
        using var client = cluster.Connect();
        var lease = (await client.LeaseGrantAsync(new LeaseGrantRequest { TTL = 60 })).ID;
        var leases = await client.GetConnection().LeaseClient.LeaseLeasesAsync(new LeaseLeasesRequest());
        Assert.Contains(leases.Leases, entry => entry.ID == lease);
        var members = client.MemberList(new MemberListRequest());
        Assert.Single(members.Members);
        Assert.NotEqual(0ul, client.Status(new StatusRequest()).Leader);
    }

    [Fact]
    public async Task A_range_streams()
    {
        using var client = cluster.Connect();
        var key = Cluster.NewKey();
        for (var index = 0; index < 10; index++) client.Put(key + index, "x");
        using var call = client.GetConnection().KVClient.RangeStream(new RangeRequest
        {
            Key = ByteString.CopyFromUtf8(key),
            RangeEnd = ByteString.CopyFromUtf8(EtcdClient.GetRangeEnd(key)),
        });
        var read = 0;
        await foreach (var response in call.ResponseStream.ReadAllAsync()) read += response.RangeResponse.Kvs.Count;
        Assert.Equal(10, read);
    }

    [Fact]
    public async Task A_snapshot_streams()
    {
        using var client = cluster.Connect();
        client.Put(Cluster.NewKey(), "x");
        long bytes = 0;
        await client.Snapshot(new SnapshotRequest(), piece => bytes += piece.Blob.Length, default);
        Assert.True(bytes > 0);
    }
}

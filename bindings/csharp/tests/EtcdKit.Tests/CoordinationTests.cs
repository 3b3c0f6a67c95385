using System;
using System.Collections.Generic;
using System.Threading;
using System.Threading.Tasks;
using EtcdKit.Concurrency;
using EtcdKit.Grpc;

namespace EtcdKit.Tests;

public class CoordinationTests(Cluster cluster) : IClassFixture<Cluster>
{
    [Fact]
    public async Task A_lock_excludes_and_is_handed_on()
    {
        using var client = cluster.Connect();
        var name = Cluster.NewKey() + "lock";
        await using var first = await Session.OpenAsync(client);
        await using var second = await Session.OpenAsync(client);
        var held = await first.LockAsync(name);
        Assert.True(await held.IsOwnerAsync());
        Assert.Null(await second.TryLockAsync(name));
        Assert.Null(await second.TryLockAsync(name, TimeSpan.FromMilliseconds(100)));
        var waiting = second.LockAsync(name);
        Assert.False(waiting.IsCompleted);
        Assert.True(await held.UnlockAsync());
        Assert.False(await held.UnlockAsync());
        var next = await waiting.Soon();
        Assert.True(next.Revision > held.Revision);
        await next.UnlockAsync();
    }

    [Fact]
    public async Task A_lock_with_a_plain_key_excludes_clients_that_know_only_that()
    {
        using var client = cluster.Connect();
        var name = Cluster.NewKey() + "lock";
        var options = new LockOptions { PlainKey = "/locks" + name, PlainValue = "me" };
        await using var session = await Session.OpenAsync(client);
        client.Put(options.PlainKey, "an old client");
        Assert.Null(await session.TryLockAsync(name, options));
        client.Delete(options.PlainKey);
        await using (await session.LockAsync(name, options))
        {
            Assert.Equal("me", client.GetVal(options.PlainKey));
        }

        Assert.Equal("", client.GetVal(options.PlainKey));
    }

    [Fact]
    public async Task The_lock_service_and_the_sessions_lock_exclude_each_other()
    {
        using var client = cluster.Connect();
        var name = Cluster.NewKey() + "lock";
        var taken = client.Lock(name);
        await using var session = await Session.OpenAsync(client);
        Assert.Null(await session.TryLockAsync(name));
        await client.UnlockAsync(taken.Key.ToStringUtf8());
        await using var held = await session.LockAsync(name).Soon();
        Assert.StartsWith(name + "/", held.Key, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Cancelling_a_wait_leaves_the_line()
    {
        using var client = cluster.Connect();
        var name = Cluster.NewKey() + "lock";
        await using var first = await Session.OpenAsync(client);
        await using var second = await Session.OpenAsync(client);
        await using var held = await first.LockAsync(name);
        using var source = new CancellationTokenSource();
        var waiting = second.LockAsync(name, source.Token);
        await Waiting.UntilAsync(() => client.GetRange(name + "/").Count == 2);
        await source.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting).Soon();
        await Waiting.UntilAsync(() => client.GetRange(name + "/").Count == 1);
    }

    [Fact]
    public async Task A_lost_lock_is_told()
    {
        using var client = cluster.Connect();
        await using var session = await Session.OpenAsync(client);
        var held = await session.LockAsync(Cluster.NewKey() + "lock");
        var lost = new TaskCompletionSource();
        held.Lost.Register(lost.SetResult);
        client.LeaseRevoke(new Etcdserverpb.LeaseRevokeRequest { ID = session.Lease });
        await lost.Task.Soon();
    }

    [Fact]
    public async Task Leaders_follow_each_other()
    {
        using var client = cluster.Connect();
        var name = Cluster.NewKey() + "election";
        await using var first = await Session.OpenAsync(client);
        await using var second = await Session.OpenAsync(client);
        using var source = new CancellationTokenSource();
        var leadership = await first.CampaignAsync(name, "one");
        var seen = new List<string>();
        var observing = Task.Run(async () =>
        {
            await foreach (var leader in client.ObserveAsync(name, cancellationToken: source.Token)) seen.Add(leader.Kv.Value.ToStringUtf8());
        });
        await Waiting.UntilAsync(() => seen.Count == 1);
        await leadership.ProclaimAsync("uno");
        await Waiting.UntilAsync(() => seen.Count == 2);
        var waiting = second.CampaignAsync(name, "two");
        await leadership.ResignAsync();
        var next = await waiting.Soon();
        Assert.Equal("two", (await client.LeaderAsync(name)).Kv.Value.ToStringUtf8());
        await Waiting.UntilAsync(() => seen.Count == 3);
        Assert.Equal(["one", "uno", "two"], seen);
        await next.ResignAsync();
        await source.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => observing).Soon();
    }

    [Fact]
    public async Task A_campaign_of_the_service_needs_no_value()
    {
        using var client = cluster.Connect();
        var name = Cluster.NewKey() + "election";
        var won = client.Campaign(name);
        client.Proclaim(won.Leader, "mine");
        Assert.Equal("mine", client.Leader(name).Kv.Value.ToStringUtf8());
        await client.ResignAsync(won.Leader);
        Assert.Throws<RpcException>(() => client.Leader(name));
    }
}

using System;
using System.Threading;
using System.Threading.Tasks;
using Etcdserverpb;

namespace EtcdKit.Tests;

public class LeaseTests(Cluster cluster) : IClassFixture<Cluster>
{
    private const long Unknown = 0x123456;

    [Fact]
    public async Task A_lease_is_renewed_once_for_each_request()
    {
        using var client = cluster.Connect();
        var lease = client.LeaseGrant(new LeaseGrantRequest { TTL = 60 }).ID;
        var answers = 0;
        LeaseKeepAliveRequest[] requests = [new() { ID = lease }, new() { ID = lease }];
        await client.LeaseKeepAlive(requests, answer => answers += answer.TTL == 60 ? 1 : 0, CancellationToken.None).Soon();
        Assert.Equal(2, answers);
        long gone = -1;
        await client.LeaseKeepAlive(new LeaseKeepAliveRequest { ID = Unknown }, answer => gone = answer.TTL, default).Soon();
        Assert.Equal(0, gone);
    }

    [Fact]
    public async Task Keeping_alive_goes_on_until_it_is_cancelled()
    {
        using var client = cluster.Connect();
        var lease = client.LeaseGrant(new LeaseGrantRequest { TTL = 2 }).ID;
        using var source = new CancellationTokenSource();
        var kept = client.LeaseKeepAlive(lease, source.Token);
        await Task.Delay(TimeSpan.FromSeconds(4));
        Assert.True(client.LeaseTimeToLive(new LeaseTimeToLiveRequest { ID = lease }).TTL > 0);
        Assert.False(kept.IsCompleted);
        await source.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => kept).Soon();
    }

    [Fact]
    public async Task Keeping_alive_ends_when_the_lease_is_gone()
    {
        using var client = cluster.Connect();
        var lease = client.LeaseGrant(new LeaseGrantRequest { TTL = 2 }).ID;
        using var source = new CancellationTokenSource();
        var first = client.LeaseKeepAlive(lease, CancellationToken.None);
        var second = client.LeaseKeepAlive(source, lease);
        client.LeaseRevoke(new LeaseRevokeRequest { ID = lease });
        await first.Soon();
        await Assert.ThrowsAsync<LeaseExpiredException>(() => second).Soon();
        Assert.True(source.IsCancellationRequested);
    }

    [Fact]
    public async Task Keeping_alive_a_lease_that_is_gone_already_ends_the_same_way()
    {
        using var client = cluster.Connect();
        var lease = client.LeaseGrant(new LeaseGrantRequest { TTL = 2 }).ID;
        client.LeaseRevoke(new LeaseRevokeRequest { ID = lease });
        await client.LeaseKeepAlive(lease, CancellationToken.None).Soon();
        using var source = new CancellationTokenSource();
        await Assert.ThrowsAsync<LeaseExpiredException>(() => client.LeaseKeepAlive(source, lease)).Soon();
        Assert.True(source.IsCancellationRequested);
    }
}

using System;
using System.Diagnostics;
using System.Linq;
using System.Threading.Tasks;
using EtcdKit.Concurrency;
using Etcdserverpb;
using Google.Protobuf;

namespace EtcdKit.Tour;

/// <summary>Locks, leaders, services.</summary>
internal static class Coordination
{
    private const string LockName = "/locks/tour";

    internal static async Task<string> Lock(EtcdClient client, string endpoint)
    {
        using var session = await Session.OpenAsync(client);
        var held = await session.LockAsync(LockName);
        using var other = new EtcdClient(endpoint);
        using var otherSession = await Session.OpenAsync(other);
        var refused = await otherSession.TryLockAsync(LockName) is null;
        var waiting = otherSession.TryLockAsync(LockName, Say.Patience);
        await Say.UntilAsync(async () => await QueueLengthAsync(client) == 2);
        await held.UnlockAsync();
        var got = await waiting;
        if (got is not null) await got.UnlockAsync();
        return $"refused while held: {Say.Yes(refused)}, second gets it on release: {Say.Yes(got is not null)}";
    }

    internal static async Task<string> LockWithEtcdctl(EtcdClient client, string endpoint)
    {
        using var session = await Session.OpenAsync(client);
        var held = await session.LockAsync(LockName);
        using var etcdctl = Process.Start(new ProcessStartInfo
        {
            FileName = Environment.GetEnvironmentVariable("ETCDKIT") ?? "etcdkit",
            Arguments = $"--endpoints {endpoint} lock {LockName} echo mine",
            RedirectStandardOutput = true,
            UseShellExecute = false,
        })!;
        await Say.UntilAsync(async () => await QueueLengthAsync(client) == 2);
        var waited = !etcdctl.HasExited;
        await held.UnlockAsync();
        var output = await etcdctl.StandardOutput.ReadToEndAsync();
        etcdctl.WaitForExit((int)Say.Patience.TotalMilliseconds);
        return $"etcdctl waited: {Say.Yes(waited)}, then said: {output.Trim()}";
    }

    internal static async Task<string> LeaderByLease(EtcdClient client, string endpoint)
    {
        var key = ByteString.CopyFromUtf8("/leader");
        async Task<string> Claim(string name, long lease)
        {
            await client.TransactionAsync(new TxnRequest
            {
                Compare =
                {
                    new Compare
                    {
                        Key = key,
                        Target = Compare.Types.CompareTarget.Create,
                        Result = Compare.Types.CompareResult.Equal,
                        CreateRevision = 0,
                    },
                },
                Success =
                {
                    new RequestOp { RequestPut = new PutRequest { Key = key, Value = ByteString.CopyFromUtf8(name), Lease = lease } },
                },
            });
            return await client.GetValAsync("/leader");
        }

        long a = await Leases.GrantAsync(client, 120), b = await Leases.GrantAsync(client, 120);
        string first = await Claim("A", a), second = await Claim("B", b);
        await client.LeaseRevokeAsync(new LeaseRevokeRequest { ID = a });
        var third = await Claim("B", b);
        await client.LeaseRevokeAsync(new LeaseRevokeRequest { ID = b });
        return $"A asks: {first}, B asks: {second}, B asks after A's lease ended: {third}";
    }

    internal static async Task<string> LeaderByElection(EtcdClient client, string endpoint)
    {
        using var other = new EtcdClient(endpoint);
        using var a = await Session.OpenAsync(client);
        using var b = await Session.OpenAsync(other);
        async Task<string> Leader() => (await client.LeaderAsync("tour-election")).Kv.Value.ToStringUtf8();

        var leadership = await a.CampaignAsync("tour-election", "A");
        var waiting = b.CampaignAsync("tour-election", "B");
        var end = EtcdClient.GetRangeEnd("tour-election/");
        await Say.UntilAsync(async () => await Keys.CountAsync(client, "tour-election/", end) == 2);
        var first = await Leader();
        await leadership.ResignAsync();
        var next = await waiting;
        var second = await Leader();
        await next.ResignAsync();
        return $"{first} leads, then {second}";
    }

    internal static async Task<string> ServiceDiscovery(EtcdClient client, string endpoint)
    {
        // The layout that gRPC's resolvers for etcd read: a key an instance, with a lease, and its address in JSON.
        async Task<long> Register(string address)
        {
            var lease = await Leases.GrantAsync(client, 60);
            await Leases.PutAsync(client, $"/service/web/{address}", $"{{\"Op\":0,\"Addr\":\"{address}\",\"Metadata\":null}}", lease);
            return lease;
        }

        string Found() => string.Join(" ", client.GetRange("/service/web/").Kvs
            .Select(kv => kv.Value.ToStringUtf8().Split(new[] { "\"Addr\":\"" }, StringSplitOptions.None)[1].Split('"')[0])
            .OrderBy(address => address, StringComparer.Ordinal));

        long first = await Register("10.0.0.1:80"), second = await Register("10.0.0.2:80");
        var both = Found();
        await client.LeaseRevokeAsync(new LeaseRevokeRequest { ID = first });
        var one = Found();
        await client.LeaseRevokeAsync(new LeaseRevokeRequest { ID = second });
        return $"{both}; after one left: {one}";
    }

    private static Task<long> QueueLengthAsync(EtcdClient client) =>
        Keys.CountAsync(client, LockName + "/", EtcdClient.GetRangeEnd(LockName + "/"));
}

using System.Collections.Generic;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Etcdserverpb;
using Google.Protobuf;

namespace EtcdKit.Tour;

/// <summary>Leases.</summary>
internal static class Leases
{
    internal static async Task<string> Lease(EtcdClient client, string endpoint)
    {
        var lease = (await client.LeaseGrantAsync(new LeaseGrantRequest { TTL = 120 })).ID;
        await PutAsync(client, "/lskey/key1", "will be delete", lease);
        var info = await client.LeaseTimeToLiveAsync(new LeaseTimeToLiveRequest { ID = lease, Keys = true });
        var kept = 0L;
        await client.LeaseKeepAlive(new LeaseKeepAliveRequest { ID = lease }, answer => kept = answer.TTL, CancellationToken.None);
        var keys = string.Join(" ", info.Keys.Select(key => key.ToStringUtf8()));
        await client.LeaseRevokeAsync(new LeaseRevokeRequest { ID = lease });
        var left = await Keys.CountAsync(client, "/lskey/key1");
        return $"granted {info.GrantedTTL}s, keys {keys}, kept alive for {kept}s, keys left after revoke: {left}";
    }

    internal static async Task<string> Expiry(EtcdClient client, string endpoint)
    {
        const string Key = "/service/worker";
        var seen = new List<string>();
        await foreach (var response in client.WatchStreamAsync(Key))
        {
            // The first response tells that the watch is there.
            if (response.Created) await PutAsync(client, Key, "first life", await GrantAsync(client, 2));
            foreach (var change in response.Events)
            {
                seen.Add(Say.Event(change));
                // The lease expired: grant another and register again.
                if (change.Type == Mvccpb.Event.Types.EventType.Delete)
                {
                    await PutAsync(client, Key, "second life", await GrantAsync(client, 60));
                }
            }

            if (seen.Count == 3) break;
        }

        return string.Join(", ", seen);
    }

    internal static async Task<long> GrantAsync(EtcdClient client, long ttl) =>
        (await client.LeaseGrantAsync(new LeaseGrantRequest { TTL = ttl })).ID;

    internal static async Task PutAsync(EtcdClient client, string key, string value, long lease) =>
        await client.PutAsync(new PutRequest
        {
            Key = ByteString.CopyFromUtf8(key),
            Value = ByteString.CopyFromUtf8(value),
            Lease = lease,
        });
}

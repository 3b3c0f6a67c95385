using System.Collections.Generic;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Etcdserverpb;

namespace EtcdKit.SpecDriver;

// Leases.
internal sealed partial class Driver
{
    private static async Task<IEnumerable<string>> LeaseAsync(Line line, EtcdClient client, CancellationToken cancel)
    {
        var id = line.Number("lease");
        switch (line.Verb)
        {
            case "grant":
                var grant = new LeaseGrantRequest { TTL = line.Number("ttl"), ID = id };
                var granted = await client.LeaseGrantAsync(grant, cancellationToken: cancel);
                return [Revision(granted.Header), $"lease={granted.ID}", $"ttl={granted.TTL}"];
            case "revoke":
                return [Revision((await client.LeaseRevokeAsync(new LeaseRevokeRequest { ID = id }, cancellationToken: cancel)).Header)];
            case "keepalive":
                LeaseKeepAliveResponse? kept = null;
                await client.LeaseKeepAlive(new LeaseKeepAliveRequest { ID = id }, answer => kept = answer, cancel);
                return [Revision(kept!.Header), $"lease={kept.ID}", $"ttl={kept.TTL}"];
            case "ttl":
                var ask = new LeaseTimeToLiveRequest { ID = id, Keys = line.Has("keys") };
                var left = await client.LeaseTimeToLiveAsync(ask, cancellationToken: cancel);
                return
                [
                    Revision(left.Header), $"ttl={left.TTL}", $"granted={left.GrantedTTL}",
                    .. left.Keys.Select(key => $"key={Line.Hex(key)}"),
                ];
            default:
                var all = await client.LeaseLeasesAsync(new LeaseLeasesRequest(), cancellationToken: cancel);
                return [Revision(all.Header), $"count={all.Leases.Count}", .. all.Leases.Select(lease => $"lease={lease.ID}")];
        }
    }
}

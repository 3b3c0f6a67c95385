using System;
using System.Collections.Generic;
using System.Threading.Tasks;
using EtcdKit;

namespace EtcdKit.Tour;

/// <summary>
/// The guided tour in C#: the same steps, printing the same lines, in every language. Without an endpoint as its
/// argument it starts an embedded server. Each line is `step: what was seen`.
/// </summary>
internal static class Program
{
    // Every key the tour writes starts with one of these.
    private static readonly string[] Prefixes =
        ["/mykey/", "/ukey/", "/lskey/", "/service/", "/config/", "/leader", "/old/", "/locks/tour", "stock", "user1", "tour"];

    private static readonly (string Name, Func<EtcdClient, string, Task<string>> Run)[] Steps =
    [
        ("status", Keys.Status),
        ("put", Keys.Put),
        ("get", Keys.Get),
        ("get a prefix", Keys.GetPrefix),
        ("count", Keys.Count),
        ("exists", Keys.Exists),
        ("history", Keys.History),
        ("transaction", Keys.Transaction),
        ("lease", Leases.Lease),
        ("lease expiry", Leases.Expiry),
        ("watch a prefix", Watches.Prefix),
        ("watch from a revision", Watches.FromRevision),
        ("lock", Coordination.Lock),
        ("lock and etcdctl", Coordination.LockWithEtcdctl),
        ("leader by lease", Coordination.LeaderByLease),
        ("leader by election", Coordination.LeaderByElection),
        ("service discovery", Coordination.ServiceDiscovery),
        ("configuration", Watches.Configuration),
        ("compaction", Keys.Compaction),
        ("delete a key", Keys.Delete),
        ("delete a prefix", Keys.DeletePrefix),
    ];

    private static async Task Main(string[] arguments)
    {
        if (arguments.Length > 0)
        {
            await TourAsync(arguments[0]);
            return;
        }

        using var server = Server.Start();
        await TourAsync(server.Endpoint);
    }

    private static async Task TourAsync(string endpoint)
    {
        using var client = new EtcdClient(endpoint);
        foreach (var prefix in Prefixes) client.DeleteRange(prefix);
        foreach (var (name, run) in Steps)
        {
            Console.WriteLine($"{name}: {await run(client, endpoint)}");
        }

        foreach (var prefix in Prefixes) client.DeleteRange(prefix);
    }
}

using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Threading;
using System.Threading.Tasks;
using EtcdKit.Concurrency;
using V3Electionpb;
using V3Lockpb;

namespace EtcdKit.SpecDriver;

// Locks and elections: the SDK's own, and the services of the server.
internal sealed partial class Driver
{
    private readonly ConcurrentDictionary<long, (Session Session, LockGuard Guard)> _locks = new();
    private readonly ConcurrentDictionary<long, LeaderKey> _leaders = new();
    private readonly ConcurrentDictionary<long, (Session Session, Leadership Leadership)> _leaderships = new();

    private async Task<IEnumerable<string>> LockAsync(Line line, EtcdClient client, CancellationToken cancel)
    {
        switch (line.Verb)
        {
            case "lock":
                return await TakeAsync(line, client, cancel);
            case "unlock":
                if (!_locks.TryRemove(line.Number("lock"), out var held)) throw new ArgumentException("no such lock");
                await held.Guard.UnlockAsync();
                await held.Session.CloseAsync();
                return [];
            case "rpc_lock":
                var lockRequest = new LockRequest { Name = line.Data("name"), Lease = line.Number("lease") };
                var taken = await client.LockAsync(lockRequest, cancellationToken: cancel);
                return [Revision(taken.Header), $"key={Line.Hex(taken.Key)}"];
            default:
                return [Revision((await client.UnlockAsync(new UnlockRequest { Key = line.Data("key") }, cancellationToken: cancel)).Header)];
        }
    }

    private async Task<IEnumerable<string>> TakeAsync(Line line, EtcdClient client, CancellationToken cancel)
    {
        var session = await Session.OpenAsync(client, line.Number("ttl", 60), cancellationToken: cancel);
        try
        {
            var name = line.Data("name").ToStringUtf8();
            var options = line.Has("layout") ? new LockOptions { PlainKey = name, PlainValue = "csharp" } : null;
            var guard = line.Has("timeout")
                ? await session.TryLockAsync(name, options, TimeSpan.FromMilliseconds(line.Number("timeout")), cancel)
                : await session.LockAsync(name, options, cancel);
            if (guard is null)
            {
                await session.CloseAsync();
                return ["acquired=0"];
            }

            _locks[line.Id] = (session, guard);
            return ["acquired=1", $"rev={guard.Revision}", $"key={Hex(guard.Key)}"];
        }
        catch
        {
            await session.CloseAsync();
            throw;
        }
    }

    private async Task<IEnumerable<string>> ElectionAsync(Line line, EtcdClient client, CancellationToken cancel)
    {
        switch (line.Verb)
        {
            case "campaign" when line.Has("lease"):
                var campaign = new CampaignRequest { Name = line.Data("name"), Value = line.Data("value"), Lease = line.Number("lease") };
                var won = await client.CampaignAsync(campaign, cancellationToken: cancel);
                _leaders[line.Id] = won.Leader;
                return [Revision(won.Header), $"key={Line.Hex(won.Leader.Key)}", $"create={won.Leader.Rev}", $"lease={won.Leader.Lease}"];
            case "campaign":
                var session = await Session.OpenAsync(client, line.Number("ttl", 60), cancellationToken: cancel);
                var leadership = await session.CampaignAsync(line.Data("name").ToStringUtf8(), line.Data("value").ToStringUtf8(), cancel);
                _leaderships[line.Id] = (session, leadership);
                return ["untold=rev", $"key={Hex(leadership.Key)}", $"create={leadership.Revision}", $"lease={leadership.Lease}"];
            case "leader":
                var leader = await client.LeaderAsync(new LeaderRequest { Name = line.Data("name") }, cancellationToken: cancel);
                return [Revision(leader.Header), .. Pairs([leader.Kv])];
        }

        if (_leaderships.TryGetValue(line.Number("leader"), out var own)) return await OwnAsync(line, own.Session, own.Leadership, cancel);
        var key = _leaders[line.Number("leader")];
        if (line.Verb == "resign")
        {
            return [Revision((await client.ResignAsync(new ResignRequest { Leader = key }, cancellationToken: cancel)).Header)];
        }

        var proclaim = new ProclaimRequest { Leader = key, Value = line.Data("value") };
        return [Revision((await client.ProclaimAsync(proclaim, cancellationToken: cancel)).Header)];
    }

    private static async Task<IEnumerable<string>> OwnAsync(Line line, Session session, Leadership leadership, CancellationToken cancel)
    {
        if (line.Verb == "proclaim")
        {
            await leadership.ProclaimAsync(line.Data("value").ToStringUtf8(), cancel);
            return ["untold=rev"];
        }

        await leadership.ResignAsync();
        await session.CloseAsync();
        return ["untold=rev"];
    }

    private string[]? Observe(Line line, EtcdClient client)
    {
        Tell($"{line.Id} ok");
        _ = PumpAsync();
        return null;

        async Task PumpAsync()
        {
            await Task.Yield();
            try
            {
                await foreach (var leader in client.ObserveAsync(new LeaderRequest { Name = line.Data("name") }))
                {
                    Tell($"{line.Id} event type=LEADER kv={Line.Pair(leader.Kv)}");
                }
            }
            catch (Exception)
            {
                Tell($"{line.Id} end");
            }
        }
    }
}

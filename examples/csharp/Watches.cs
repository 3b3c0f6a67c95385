using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading.Tasks;
using Etcdserverpb;
using Google.Protobuf;

namespace EtcdKit.Tour;

/// <summary>Watches: by callback and as a stream.</summary>
internal static class Watches
{
    internal static async Task<string> Prefix(EtcdClient client, string endpoint)
    {
        var seen = new List<string>();
        var done = new TaskCompletionSource<bool>();
        var watch = client.WatchRange("stock", response =>
        {
            seen.AddRange(response.Events.Select(Say.Event));
            if (seen.Count == 3) done.TrySetResult(true);
        });
        client.Put("stock1", "10");
        client.Put("stock2", "20");
        client.Delete("stock1");
        if (await Task.WhenAny(done.Task, Task.Delay(Say.Patience)) != done.Task) throw new TimeoutException("no events");
        client.CancelWatch(watch);
        return string.Join(", ", seen);
    }

    internal static async Task<string> FromRevision(EtcdClient client, string endpoint)
    {
        var first = (await client.PutAsync("tour-history", "1")).Header.Revision;
        await client.PutAsync("tour-history", "2");
        var seen = await TakeAsync(client, "tour-history", "", first, 2);
        return string.Join(", ", seen);
    }

    internal static async Task<string> Configuration(EtcdClient client, string endpoint)
    {
        await client.PutAsync("/config/timeout", "30");
        await client.PutAsync("/config/retries", "3");
        var response = await client.GetRangeAsync("/config/");
        var loaded = response.Kvs
            .Select(kv => $"{kv.Key.ToStringUtf8().Substring("/config/".Length)}={kv.Value.ToStringUtf8()}")
            .OrderBy(text => text, StringComparer.Ordinal);
        // From the revision after the one that was read: nothing in between is missed.
        var changed = TakeAsync(client, "/config/", EtcdClient.GetRangeEnd("/config/"), response.Header.Revision + 1, 1);
        await client.PutAsync("/config/timeout", "60");
        return $"loaded {string.Join(" ", loaded)}; {(await changed)[0]}";
    }

    private static async Task<List<string>> TakeAsync(EtcdClient client, string key, string end, long from, int count)
    {
        var request = new WatchRequest
        {
            CreateRequest = new WatchCreateRequest
            {
                Key = ByteString.CopyFromUtf8(key),
                RangeEnd = ByteString.CopyFromUtf8(end),
                StartRevision = from,
            },
        };
        var seen = new List<string>();
        await foreach (var response in client.WatchStreamAsync(request))
        {
            seen.AddRange(response.Events.Select(Say.Event));
            if (seen.Count >= count) break;
        }

        return seen;
    }
}

using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Threading;
using System.Threading.Tasks;
using Etcdserverpb;

namespace EtcdKit.SpecDriver;

// Watches: one line an event.
internal sealed partial class Driver
{
    private readonly ConcurrentDictionary<long, long> _watches = new();

    private async Task<IEnumerable<string>?> WatchAsync(Line line, EtcdClient client, CancellationToken cancel)
    {
        var create = new WatchCreateRequest
        {
            Key = line.Data("key"),
            RangeEnd = line.Data("end"),
            StartRevision = line.Number("from"),
            PrevKv = line.Has("prev"),
            Fragment = line.Has("fragment"),
        };
        if (line.Has("noput")) create.Filters.Add(WatchCreateRequest.Types.FilterType.Noput);
        if (line.Has("nodelete")) create.Filters.Add(WatchCreateRequest.Types.FilterType.Nodelete);
        var batch = 0;
        // The token of a watch lives as long as the watch, and that of this request does not.
        _watches[line.Id] = await client.WatchAsync(
            new WatchRequest { CreateRequest = create }, response => Tell(line.Id, response, ref batch), cancellationToken: CancellationToken.None);
        cancel.ThrowIfCancellationRequested();
        return null;
    }

    private string[] Unwatch(Line line, EtcdClient client)
    {
        client.CancelWatch(_watches[line.Number("watch")]);
        return [];
    }

    private void Tell(long id, WatchResponse response, ref int batch)
    {
        if (response.Created)
        {
            Tell($"{id} ok {Revision(response.Header)}");
            return;
        }

        if (response.Canceled)
        {
            Tell($"{id} canceled compact={response.CompactRevision} reason={Hex(response.CancelReason)}");
            return;
        }

        batch++;
        foreach (var change in response.Events)
        {
            var text = $"{id} event rev={response.Header.Revision} batch={batch}";
            text += $" type={change.Type.ToString().ToUpperInvariant()} kv={Line.Pair(change.Kv)}";
            if (change.PrevKv is not null) text += $" prev={Line.Pair(change.PrevKv)}";
            Tell(text);
        }
    }
}

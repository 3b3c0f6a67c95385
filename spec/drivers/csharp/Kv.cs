using System.Collections.Generic;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Etcdserverpb;

namespace EtcdKit.SpecDriver;

// Put, get, delete, compact, transactions.
internal sealed partial class Driver
{
    private static async Task<IEnumerable<string>> KvAsync(Line line, EtcdClient client, CancellationToken cancel)
    {
        switch (line.Verb)
        {
            case "put":
                var put = await client.PutAsync(
                    new PutRequest
                    {
                        Key = line.Data("key"),
                        Value = line.Data("value"),
                        Lease = line.Number("lease"),
                        PrevKv = line.Has("prev"),
                        IgnoreValue = line.Has("ignore_value"),
                        IgnoreLease = line.Has("ignore_lease"),
                    },
                    cancellationToken: cancel);
                return [Revision(put.Header), .. Pairs([put.PrevKv])];
            case "get":
                var range = await client.GetAsync(Range(line), cancellationToken: cancel);
                return [Revision(range.Header), $"count={range.Count}", $"more={(range.More ? 1 : 0)}", .. Pairs(range.Kvs)];
            case "del":
                var delete = new DeleteRangeRequest { Key = line.Data("key"), RangeEnd = line.Data("end"), PrevKv = line.Has("prev") };
                var deleted = await client.DeleteAsync(delete, cancellationToken: cancel);
                return [Revision(deleted.Header), $"deleted={deleted.Deleted}", .. Pairs(deleted.PrevKvs)];
            case "compact":
                var compaction = new CompactionRequest { Revision = line.Number("rev"), Physical = line.Has("physical") };
                return [Revision((await client.CompactAsync(compaction, cancellationToken: cancel)).Header)];
            default:
                using (var tokens = line.Fields.Where(field => field.Name != "client").GetEnumerator())
                {
                    var txn = await client.TransactionAsync(Transactions.Read(tokens), cancellationToken: cancel);
                    return [Revision(txn.Header), $"succeeded={(txn.Succeeded ? 1 : 0)}", .. Transactions.Tell(txn)];
                }
        }
    }

    private static RangeRequest Range(Line line) => new()
    {
        Key = line.Data("key"),
        RangeEnd = line.Data("end"),
        Limit = line.Number("limit"),
        Revision = line.Number("rev"),
        SortOrder = !line.Has("order") ? RangeRequest.Types.SortOrder.None : line.Text("order") switch
        {
            "asc" => RangeRequest.Types.SortOrder.Ascend,
            "desc" => RangeRequest.Types.SortOrder.Descend,
            _ => RangeRequest.Types.SortOrder.None,
        },
        SortTarget = !line.Has("target") ? RangeRequest.Types.SortTarget.Key : line.Text("target") switch
        {
            "version" => RangeRequest.Types.SortTarget.Version,
            "create" => RangeRequest.Types.SortTarget.Create,
            "mod" => RangeRequest.Types.SortTarget.Mod,
            "value" => RangeRequest.Types.SortTarget.Value,
            _ => RangeRequest.Types.SortTarget.Key,
        },
        Serializable = line.Has("serializable"),
        KeysOnly = line.Has("keys_only"),
        CountOnly = line.Has("count_only"),
        MinModRevision = line.Number("min_mod"),
        MaxModRevision = line.Number("max_mod"),
        MinCreateRevision = line.Number("min_create"),
        MaxCreateRevision = line.Number("max_create"),
    };
}

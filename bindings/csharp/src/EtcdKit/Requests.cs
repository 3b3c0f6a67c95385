using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading.Tasks;
using Etcdserverpb;
using Google.Protobuf;
using V3Electionpb;

namespace EtcdKit;

/// <summary>Requests and results of the overloads that take and give text.</summary>
internal static class Requests
{
    /// <summary>As a key: the first possible one. As an end: every key from the first on.</summary>
    private static readonly ByteString Zero = ByteString.CopyFrom(0);

    internal static RangeRequest Key(string key) => new() { Key = Bytes(key, nameof(key)) };

    internal static RangeRequest Prefix(string prefixKey) =>
        new() { Key = FirstOf(prefixKey), RangeEnd = EndOf(prefixKey) };

    internal static PutRequest Put(string key, string val) =>
        new() { Key = Bytes(key, nameof(key)), Value = Bytes(val, nameof(val)) };

    internal static DeleteRangeRequest Delete(string key) => new() { Key = Bytes(key, nameof(key)) };

    internal static DeleteRangeRequest DeletePrefix(string prefixKey) =>
        new() { Key = FirstOf(prefixKey), RangeEnd = EndOf(prefixKey) };

    internal static WatchRequest Watch(string key) =>
        new() { CreateRequest = new WatchCreateRequest { Key = Bytes(key, nameof(key)), PrevKv = true } };

    internal static WatchRequest[] Watch(string[] keys) => [.. Listed(keys, nameof(keys)).Select(Watch)];

    internal static WatchRequest WatchPrefix(string path) => new()
    {
        CreateRequest = new WatchCreateRequest { Key = FirstOf(path), RangeEnd = EndOf(path), PrevKv = true },
    };

    internal static WatchRequest[] WatchPrefix(string[] paths) => [.. Listed(paths, nameof(paths)).Select(WatchPrefix)];

    internal static CampaignRequest Campaign(string name, string? value) =>
        new() { Name = Bytes(name, nameof(name)), Value = ByteString.CopyFromUtf8(value ?? "") };

    internal static ProclaimRequest Proclaim(LeaderKey leader, string value) =>
        new() { Leader = leader ?? throw new ArgumentNullException(nameof(leader)), Value = Bytes(value, nameof(value)) };

    internal static ResignRequest Resign(LeaderKey leader) =>
        new() { Leader = leader ?? throw new ArgumentNullException(nameof(leader)) };

    internal static LeaderRequest Leader(string name) => new() { Name = Bytes(name, nameof(name)) };

    internal static string FirstValue(RangeResponse response) =>
        response.Kvs.Count == 0 ? "" : response.Kvs[0].Value.ToStringUtf8().Trim();

    internal static async Task<string> FirstValueAsync(Task<RangeResponse> response) =>
        FirstValue(await response.ConfigureAwait(false));

    internal static IDictionary<string, string> Values(RangeResponse response) =>
        response.Kvs.ToDictionary(kv => kv.Key.ToStringUtf8(), kv => kv.Value.ToStringUtf8());

    internal static async Task<IDictionary<string, string>> ValuesAsync(Task<RangeResponse> response) =>
        Values(await response.ConfigureAwait(false));

    internal static ByteString Bytes(string text, string name) =>
        ByteString.CopyFromUtf8(text ?? throw new ArgumentNullException(name));

    /// <summary>Where the keys with a prefix begin.</summary>
    internal static ByteString FirstOf(string prefix) =>
        prefix is null ? throw new ArgumentNullException(nameof(prefix))
        : prefix.Length == 0 ? Zero
        : ByteString.CopyFromUtf8(prefix);

    /// <summary>
    /// The key after all keys with a prefix: the prefix with its last byte that can be raised raised by one, and cut
    /// after it. For example, the end of <c>a/</c> is <c>a0</c>.
    /// </summary>
    internal static ByteString EndOf(string prefix)
    {
        var end = FirstOf(prefix).ToByteArray();
        if (prefix.Length == 0) return Zero;
        // A byte of UTF-8 is never 0xff, so the last one can always be raised.
        end[end.Length - 1]++;
        return UnsafeByteOperations.UnsafeWrap(end);
    }

    private static string[] Listed(string[] keys, string name) => keys ?? throw new ArgumentNullException(name);
}

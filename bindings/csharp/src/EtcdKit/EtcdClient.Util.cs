using System;
using Google.Protobuf;

namespace EtcdKit;

// Prefixes as ranges.
public partial class EtcdClient
{
    private const int LastCodePoint = 0x10ffff;
    private const int FirstSurrogate = 0xd800;
    private const int AfterSurrogates = 0xe000;

    /// <summary>
    /// The end of the range of all keys that start with a prefix: its last character that can be raised, raised by one.
    /// UTF-8 sorts as its characters do, so that the range is the one of the bytes.
    /// </summary>
    /// <param name="prefixKey">The prefix; empty means every key.</param>
    public static string GetRangeEnd(string prefixKey)
    {
        var end = prefixKey ?? throw new ArgumentNullException(nameof(prefixKey));
        while (end.Length > 0)
        {
            var start = end.Length > 1 && char.IsSurrogatePair(end, end.Length - 2) ? end.Length - 2 : end.Length - 1;
            var last = char.ConvertToUtf32(end, start);
            end = end.Substring(0, start);
            if (last == LastCodePoint) continue;
            var next = last + 1 == FirstSurrogate ? AfterSurrogates : last + 1;
            return end + char.ConvertFromUtf32(next);
        }

        return "\0";
    }

    /// <summary>The first key of the range of all keys that start with a prefix.</summary>
    /// <param name="key">The prefix; empty means every key.</param>
    public static ByteString GetStringByteForRangeRequests(string key) => Requests.FirstOf(key);
}

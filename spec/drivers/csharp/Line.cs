using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using Google.Protobuf;
using Mvccpb;

namespace EtcdKit.SpecDriver;

/// <summary>A request: id, verb, fields in their order.</summary>
internal sealed class Line
{
    internal Line(string text)
    {
        var words = text.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        Id = long.Parse(words[0], CultureInfo.InvariantCulture);
        Verb = words[1];
        Fields = [.. words.Skip(2).Select(Field)];
    }

    internal long Id { get; }

    internal string Verb { get; }

    internal IReadOnlyList<(string Name, string Value)> Fields { get; }

    internal static string Hex(ByteString bytes) => Convert.ToHexStringLower(bytes.Span);

    internal static ByteString Bytes(string hex) => ByteString.CopyFrom(Convert.FromHexString(hex));

    internal static string Pair(KeyValue kv) =>
        $"{Hex(kv.Key)}:{Hex(kv.Value)}:{kv.CreateRevision}:{kv.ModRevision}:{kv.Version}:{kv.Lease}";

    internal bool Has(string name) => Fields.Any(field => field.Name == name);

    internal string Text(string name) =>
        Fields.FirstOrDefault(field => field.Name == name).Value ?? throw new ArgumentException($"{Verb} needs {name}");

    internal ByteString Data(string name) => Has(name) ? Bytes(Text(name)) : ByteString.Empty;

    internal long Number(string name, long otherwise = 0) =>
        Has(name) ? long.Parse(Text(name), CultureInfo.InvariantCulture) : otherwise;

    private static (string Name, string Value) Field(string word)
    {
        var at = word.IndexOf('=', StringComparison.Ordinal);
        return at < 0 ? (word, "") : (word[..at], word[(at + 1)..]);
    }
}

using System;
using System.Diagnostics;
using System.Threading.Tasks;
using Mvccpb;

namespace EtcdKit.Tour;

/// <summary>How what was seen is said, and how long something expected may take.</summary>
internal static class Say
{
    /// <summary>Longest wait for anything the tour expects to happen.</summary>
    internal static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    internal static string Yes(bool condition) => condition ? "yes" : "no";

    internal static string Pair(KeyValue kv) => $"{kv.Key.ToStringUtf8()}={kv.Value.ToStringUtf8()}";

    internal static string Event(Event change) =>
        change.Type == Mvccpb.Event.Types.EventType.Put ? $"PUT {Pair(change.Kv)}" : $"DELETE {change.Kv.Key.ToStringUtf8()}";

    internal static async Task UntilAsync(Func<Task<bool>> condition)
    {
        var waited = Stopwatch.StartNew();
        while (!await condition())
        {
            if (waited.Elapsed > Patience) throw new TimeoutException("what the tour waits for did not happen");
            await Task.Delay(10);
        }
    }
}

using Mvccpb;

namespace EtcdKit;

/// <summary>One change of one key, as text.</summary>
public class WatchEvent
{
    /// <summary>The key.</summary>
    public string Key { get; set; } = "";

    /// <summary>The new value; empty for a deletion.</summary>
    public string Value { get; set; } = "";

    /// <summary>Whether the key was written or deleted.</summary>
    public Event.Types.EventType Type { get; set; }

    internal static WatchEvent Of(Event change) => new()
    {
        Key = change.Kv.Key.ToStringUtf8(),
        Value = change.Kv.Value.ToStringUtf8(),
        Type = change.Type,
    };
}

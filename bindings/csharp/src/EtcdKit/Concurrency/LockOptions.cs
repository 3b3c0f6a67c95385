using EtcdKit.Bridge.V1;

namespace EtcdKit.Concurrency;

/// <summary>Which keys make a lock.</summary>
public sealed class LockOptions
{
    /// <summary>
    /// A plain key that the owner holds too, as clients use that invented locks of their own: python-etcd3 has
    /// <c>/locks/NAME</c>, microsoft/etcd3 the name itself. Programs on those clients are then excluded too. Neither
    /// empty nor one that starts with the lock's name and a slash. Default: none.
    /// </summary>
    public string? PlainKey { get; set; }

    /// <summary>The value of <see cref="PlainKey"/> while the lock is held. Default: empty.</summary>
    public string PlainValue { get; set; } = "";

    internal static MutexLock Request(string name, LockOptions? options)
    {
        var request = new MutexLock { Name = Requests.Bytes(name, nameof(name)) };
        if (options?.PlainKey is { } key)
        {
            request.Bridge = new PlainKey
            {
                Key = Requests.Bytes(key, nameof(PlainKey)),
                Value = Requests.Bytes(options.PlainValue, nameof(PlainValue)),
            };
        }

        return request;
    }
}

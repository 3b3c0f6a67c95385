using System;
using System.Threading;
using System.Threading.Tasks;

namespace EtcdKit.Tests;

/// <summary>One embedded server for all tests of a class; each test has keys of its own.</summary>
public sealed class Cluster : IDisposable
{
    /// <summary>Longest wait for what a test expects to happen.</summary>
    internal static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private static int _lastKey;

    private readonly Server _server = Server.Start();

    internal string Endpoint => _server.Endpoint;

    internal EtcdClient Connect() => new(Endpoint);

    /// <summary>A key that no other test uses.</summary>
    internal static string NewKey() => $"test/{Interlocked.Increment(ref _lastKey)}/";

    public void Dispose() => _server.Dispose();
}

/// <summary>Waiting for what happens elsewhere.</summary>
internal static class Waiting
{
    internal static async Task<T> Soon<T>(this Task<T> task) => await task.WaitAsync(Cluster.Patience);

    internal static async Task Soon(this Task task) => await task.WaitAsync(Cluster.Patience);

    internal static async Task UntilAsync(Func<bool> condition)
    {
        using var limit = new CancellationTokenSource(Cluster.Patience);
        while (!condition()) await Task.Delay(5, limit.Token);
    }
}

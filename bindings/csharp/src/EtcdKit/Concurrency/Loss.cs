using System;
using System.Threading;
using System.Threading.Tasks;
using EtcdKit.Bridge.V1;
using EtcdKit.Grpc;
using EtcdKit.Native;

namespace EtcdKit.Concurrency;

/// <summary>A token that is cancelled when the core tells that something is over.</summary>
internal sealed class Loss
{
    private readonly CancellationTokenSource _source = new();

    internal Loss(CoreObject watched, uint method) => _ = WaitAsync(watched, method);

    internal CancellationToken Token => _source.Token;

    internal void End() => _source.Cancel();

    private async Task WaitAsync(CoreObject watched, uint method)
    {
        try
        {
            await watched.CallAsync(method, new Empty(), Ended.Parser, default, CoreObject.NoTimeout).ConfigureAwait(false);
        }
        catch (Exception failure) when (failure is RpcException or ObjectDisposedException or OperationCanceledException)
        {
            // Closed: over as well.
        }

        End();
    }
}

using System;
using System.Threading;
using System.Threading.Tasks;
using EtcdKit.Grpc;
using Etcdserverpb;

namespace EtcdKit.Native;

/// <summary>
/// The call <c>Lease.LeaseKeepAlive</c> as programs of the generated client know it: one answer a request. Keeping a
/// lease alive for good is the core's, not this.
/// </summary>
internal sealed class KeepAliveCall : IClientStreamWriter<LeaseKeepAliveRequest>, IAsyncStreamReader<LeaseKeepAliveResponse>
{
    private readonly CoreClient _client;
    private readonly CallOptions _options;
    private readonly CancellationTokenSource _ended;
    private readonly AsyncQueue<LeaseKeepAliveResponse> _responses = new();
    private LeaseKeepAliveResponse? _current;

    internal KeepAliveCall(CoreClient client, CallOptions options)
    {
        _client = client;
        _options = options;
        _ended = CancellationTokenSource.CreateLinkedTokenSource(options.CancellationToken);
    }

    public WriteOptions? WriteOptions { get; set; }

    public LeaseKeepAliveResponse Current => _current ?? throw new InvalidOperationException("no message was read");

    public async Task WriteAsync(LeaseKeepAliveRequest message)
    {
        try
        {
            var answer = await _client.KeepAliveOnceAsync(message, _options, _ended.Token).ConfigureAwait(false);
            await _responses.AddAsync(answer, _ended.Token).ConfigureAwait(false);
        }
        catch (RpcException failure)
        {
            _responses.End(failure);
        }
    }

    public Task CompleteAsync()
    {
        _responses.End();
        return Task.CompletedTask;
    }

    public async Task<bool> MoveNext(CancellationToken cancellationToken)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _ended.Token);
        var (taken, response) = await _responses.TakeAsync(either.Token).ConfigureAwait(false);
        if (taken) _current = response;
        return taken;
    }

    internal void Dispose() => _ended.Cancel();
}

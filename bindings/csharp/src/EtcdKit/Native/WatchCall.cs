using System;
using System.Collections.Concurrent;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using EtcdKit.Grpc;
using Etcdserverpb;

namespace EtcdKit.Native;

/// <summary>
/// The call <c>Watch.Watch</c> as programs of the generated client know it, which carries many watches, on the core's
/// streams, of which each carries one.
/// </summary>
internal sealed class WatchCall : IClientStreamWriter<WatchRequest>, IAsyncStreamReader<WatchResponse>
{
    private readonly CoreClient _client;
    private readonly Metadata? _headers;
    private readonly CancellationTokenSource _ended;
    private readonly AsyncQueue<WatchResponse> _responses = new();
    private readonly ConcurrentDictionary<long, CoreStream<WatchResponse>> _streams = new();
    private long _lastId;
    private WatchResponse? _current;

    internal WatchCall(CoreClient client, CallOptions options)
    {
        _client = client;
        _headers = options.Headers;
        _ended = CancellationTokenSource.CreateLinkedTokenSource(options.CancellationToken);
    }

    public WriteOptions? WriteOptions { get; set; }

    public WatchResponse Current => _current ?? throw new InvalidOperationException("no message was read");

    public Task WriteAsync(WatchRequest message) => message.RequestUnionCase switch
    {
        WatchRequest.RequestUnionOneofCase.CreateRequest => CreateAsync(message.CreateRequest),
        WatchRequest.RequestUnionOneofCase.CancelRequest => CancelAsync(message.CancelRequest.WatchId),
        WatchRequest.RequestUnionOneofCase.ProgressRequest => Task.WhenAll(_streams.Values.Select(stream => stream.RequestProgressAsync(_ended.Token))),
        _ => Task.CompletedTask,
    };

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

    internal void Dispose()
    {
        _ended.Cancel();
        foreach (var stream in _streams.Values) stream.Dispose();
    }

    private async Task CreateAsync(WatchCreateRequest request)
    {
        var id = request.WatchId != 0 ? request.WatchId : Interlocked.Increment(ref _lastId);
        try
        {
            var stream = await _client.WatchAsync(request, _headers, CoreObject.NoTimeout, _ended.Token).ConfigureAwait(false);
            _streams[id] = stream;
            _ = PumpAsync(id, stream);
        }
        catch (RpcException failure)
        {
            _responses.End(failure);
        }
    }

    private async Task CancelAsync(long id)
    {
        if (!_streams.TryRemove(id, out var stream)) return;
        stream.Dispose();
        await _responses.AddAsync(new WatchResponse { WatchId = id, Canceled = true }, _ended.Token).ConfigureAwait(false);
    }

    private async Task PumpAsync(long id, CoreStream<WatchResponse> stream)
    {
        try
        {
            while (await stream.MoveNext(_ended.Token).ConfigureAwait(false))
            {
                // -1 is an answer about progress, which is for the whole call.
                if (stream.Current.WatchId >= 0) stream.Current.WatchId = id;
                await _responses.AddAsync(stream.Current, _ended.Token).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException)
        {
            // The call ended.
        }
        catch (Exception failure) when (failure is RpcException or ObjectDisposedException)
        {
            // A stream that was cancelled here fails too, and that is not the end of the others.
            if (_streams.ContainsKey(id)) _responses.End(failure);
        }
        finally
        {
            _streams.TryRemove(id, out _);
            stream.Dispose();
        }
    }
}

using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Linq;
using System.Text;
using System.Threading;
using System.Threading.Tasks;
using EtcdKit.DependencyInjection;
using EtcdKit.Grpc;
using Etcdserverpb;
using Mvccpb;

namespace EtcdKit.SpecDriver;

/// <summary>Performs lines and tells what came of them.</summary>
internal sealed partial class Driver
{
    private readonly ConcurrentDictionary<long, EtcdClient> _clients = new();
    private readonly ConcurrentDictionary<long, CancellationTokenSource> _calls = new();
    private readonly Lock _output = new();

    internal async Task ServeAsync(Line line)
    {
        using var source = new CancellationTokenSource();
        _calls[line.Id] = source;
        try
        {
            var parts = await PerformAsync(line, source.Token);
            if (parts is not null) Tell($"{line.Id} ok {string.Join(' ', parts)}".TrimEnd());
        }
        catch (NotSupportedException)
        {
            Tell($"{line.Id} unsupported");
        }
        catch (Exception failure)
        {
            Tell($"{line.Id} err code={Code(failure)} msg={Hex(failure is RpcException rpc ? rpc.Status.Detail : failure.Message)}");
        }
        finally
        {
            _calls.TryRemove(line.Id, out _);
        }
    }

    private static string Hex(string text) => Convert.ToHexStringLower(Encoding.UTF8.GetBytes(text));

    private static StatusCode Code(Exception failure) => failure switch
    {
        RpcException rpc => rpc.StatusCode,
        OperationCanceledException { InnerException: RpcException rpc } => rpc.StatusCode,
        OperationCanceledException or ObjectDisposedException => StatusCode.Cancelled,
        ArgumentException => StatusCode.InvalidArgument,
        TimeoutException => StatusCode.DeadlineExceeded,
        _ => StatusCode.Unknown,
    };

    private static IEnumerable<string> Pairs(IEnumerable<KeyValue?> pairs) =>
        pairs.Where(kv => kv is not null).Select(kv => $"kv={Line.Pair(kv!)}");

    private static string Revision(ResponseHeader? header) => header is null ? "untold=rev" : $"rev={header.Revision}";

    private void Tell(string text)
    {
        lock (_output)
        {
            Console.Out.WriteLine(text);
            Console.Out.Flush();
        }
    }

    /// <summary>The parts of the answer; none if it has been told already.</summary>
    private async Task<IEnumerable<string>?> PerformAsync(Line line, CancellationToken cancel)
    {
        switch (line.Verb)
        {
            case "hello":
                return ["lang=csharp"];
            case "open":
                _clients[line.Id] = new EtcdClient(new EtcdClientOptions
                {
                    ConnectionString = line.Text("endpoint"),
                    Username = line.Has("user") ? line.Text("user") : null,
                    Password = line.Has("user") ? line.Text("password") : null,
                    RequestTimeout = line.Has("timeout") ? TimeSpan.FromMilliseconds(line.Number("timeout")) : null,
                });
                return [$"client={line.Id}"];
            case "cancel":
                if (_calls.TryGetValue(line.Number("call"), out var call)) await call.CancelAsync();
                return [];
        }

        var client = _clients[line.Number("client")];
        return line.Verb switch
        {
            "close" => Close(client, line),
            "put" or "get" or "del" or "compact" or "txn" => await KvAsync(line, client, cancel),
            "grant" or "revoke" or "keepalive" or "ttl" or "leases" => await LeaseAsync(line, client, cancel),
            "auth" => await AuthAsync(line, client, cancel),
            "watch" => await WatchAsync(line, client, cancel),
            "unwatch" => Unwatch(line, client),
            "lock" or "unlock" or "rpc_lock" or "rpc_unlock" => await LockAsync(line, client, cancel),
            "campaign" or "proclaim" or "resign" or "leader" => await ElectionAsync(line, client, cancel),
            "observe" => Observe(line, client),
            "misuse" => Misuse(line, client),
            _ => throw new NotSupportedException(),
        };
    }

    private string[] Close(EtcdClient client, Line line)
    {
        client.Dispose();
        _clients.TryRemove(line.Number("client"), out _);
        return [];
    }

    private static string[] Misuse(Line line, EtcdClient client)
    {
        if (line.Text("kind") == "closed") client.Dispose();
        client.Put(line.Text("kind") == "type" ? null! : "key", "value");
        return [];
    }
}

using System;
using System.Diagnostics;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using EtcdKit;
using EtcdKit.Bench;
using EtcdKit.Grpc;
using EtcdKit.Native;
using Google.Protobuf;

// What the boundary and the SDK cost: echo without a server, then put, get and watch against one.
//
//     EtcdKit.Bench [ENDPOINT] [SECONDS]
//
// Without an endpoint (or with -) an embedded server in memory is started. Each line is `name value unit`.
var seconds = args.Length > 1 ? double.Parse(args[1], System.Globalization.CultureInfo.InvariantCulture) : 2.0;
var bytes = Marshallers.Create<byte[]>(message => message, message => message);
var begun = Stopwatch.StartNew();
using var server = args.Length == 0 || args[0] == "-" ? Server.Start() : null;
using var client = new EtcdClient(server?.Endpoint ?? args[0]);
client.Put("bench/first", "1");
Console.WriteLine($"first answer {begun.Elapsed.TotalMilliseconds:F0} ms");

Echo();
await EchoAsync();
var value = ByteString.CopyFrom(new byte[256]);
var put = new Etcdserverpb.PutRequest { Key = ByteString.CopyFromUtf8("bench/key"), Value = value };
var get = new Etcdserverpb.RangeRequest { Key = put.Key };
await RunAsync("put, blocking", 1, _ => Done(client.Put(put)));
await RunAsync("get, blocking", 1, _ => Done(client.Get(get)));
await RunAsync("put, awaited", 1, _ => client.PutAsync(put));
await RunAsync("get, awaited", 1, _ => client.GetAsync(get));
await RunAsync("put, 64 awaited", 64, _ => client.PutAsync(put));
await RunAsync("get, 64 awaited", 64, _ => client.GetAsync(get));
await WatchAsync();
using var process = Process.GetCurrentProcess();
Console.WriteLine($"memory {process.WorkingSet64 / 1048576} MB");

static Task Done(object response) => Task.CompletedTask;

void Echo()
{
    var core = CoreObject.None;
    var request = new byte[32];
    var calls = Loop(() => core.Call(Methods.Echo, request, CoreObject.NoTimeout, default).Read(bytes));
    Console.WriteLine($"echo, blocking {1e9 / calls:F0} ns");
}

async Task EchoAsync()
{
    var core = CoreObject.None;
    var request = new byte[32];
    async Task Call() => (await core.CallAsync(Methods.Echo, request, CoreObject.NoTimeout, default)).Read(bytes);
    using var queue = new QueueEcho();
    await RunAsync("echo, awaited", 1, _ => Call());
    await RunAsync("echo by queue, awaited", 1, _ => queue.CallAsync(request));
    await RunAsync("echo, 64 awaited", 64, _ => Call());
    await RunAsync("echo by queue, 64 awaited", 64, _ => queue.CallAsync(request));
}

double Loop(Action call)
{
    var clock = Stopwatch.StartNew();
    long calls = 0;
    for (; clock.Elapsed.TotalSeconds < seconds; calls++) call();
    return calls / clock.Elapsed.TotalSeconds;
}

async Task RunAsync(string name, int callers, Func<int, Task> call)
{
    long calls = 0;
    var clock = Stopwatch.StartNew();
    await Task.WhenAll(Enumerable.Range(0, callers).Select(async caller =>
    {
        await Task.Yield();
        while (clock.Elapsed.TotalSeconds < seconds)
        {
            await call(caller);
            Interlocked.Increment(ref calls);
        }
    }));
    Console.WriteLine($"{name} {calls / clock.Elapsed.TotalSeconds:F0} calls/s");
}

async Task WatchAsync()
{
    long events = 0;
    var watch = client.WatchRange("bench/", (Etcdserverpb.WatchResponse response) => Interlocked.Add(ref events, response.Events.Count));
    var clock = Stopwatch.StartNew();
    await RunAsync("put, 8 awaited, watched", 8, _ => client.PutAsync(put));
    Console.WriteLine($"watch {Interlocked.Read(ref events) / clock.Elapsed.TotalSeconds:F0} events/s");
    client.CancelWatch(watch);
}

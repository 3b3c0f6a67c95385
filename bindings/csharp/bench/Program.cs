using System;
using System.Diagnostics;
using System.Globalization;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using EtcdKit;
using EtcdKit.Bench;
using EtcdKit.Grpc;
using EtcdKit.Native;
using Etcdserverpb;
using Google.Protobuf;

// Calls a second of the C# SDK, see benches/sdk/programs.toml:      EtcdKit.Bench HOST:PORT SECONDS
// What one crossing of the boundary costs, in every way there is:   EtcdKit.Bench boundary SECONDS
const int Callers = 64;
const int Writers = 8;
var begun = Stopwatch.StartNew();
var core = Api.Instance;
var importMs = begun.Elapsed.TotalMilliseconds;
var seconds = double.Parse(args[1], CultureInfo.InvariantCulture);
var bytes = Marshallers.Create<byte[]>(message => message, message => message);
var echo = new byte[32];
if (args[0] == "boundary")
{
    await BoundaryAsync();
    return;
}

Print("import_ms", importMs);
using var client = new EtcdClient(args[0]);
var value = ByteString.CopyFrom(new byte[256]);
var keys = Enumerable.Range(0, 1_000).Select(index => Put($"put/{index}")).ToArray();
var get = new RangeRequest { Key = ByteString.CopyFromUtf8("put/0") };
client.Put(keys[0]);
Print("put", await RateAsync(1, (_, at) => client.PutAsync(keys[at % keys.Length])));
Print("get", await RateAsync(1, (_, _) => client.GetAsync(get)));
Print("put64", await RateAsync(Callers, (caller, _) => client.PutAsync(keys[caller])));
Print("get64", await RateAsync(Callers, (_, _) => client.GetAsync(get)));
Print("watch", await WatchedAsync());
using var process = Process.GetCurrentProcess();
Print("rss_mib", process.PeakWorkingSet64 / 1048576.0);
Print("echo_ns", 1e9 / Rate(() => CoreObject.None.Call(Methods.Echo, echo, CoreObject.NoTimeout, default).Read(bytes)));

void Print(string name, double figure) => Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name} {figure:F1}"));

PutRequest Put(string key) => new() { Key = ByteString.CopyFromUtf8(key), Value = value };

double Rate(Action call)
{
    var clock = Stopwatch.StartNew();
    long calls = 0;
    for (; clock.Elapsed.TotalSeconds < seconds; calls++) call();
    return calls / clock.Elapsed.TotalSeconds;
}

async Task<double> RateAsync(int callers, Func<int, int, Task> call)
{
    var clock = Stopwatch.StartNew();
    var calls = await Task.WhenAll(Enumerable.Range(0, callers).Select(caller => Task.Run(async () =>
    {
        var done = 0;
        for (; clock.Elapsed.TotalSeconds < seconds; done++) await call(caller, done);
        return done;
    })));
    return calls.Sum() / clock.Elapsed.TotalSeconds;
}

async Task<double> WatchedAsync()
{
    long events = 0;
    var watched = Enumerable.Range(0, Writers).Select(index => Put($"watched/{index}")).ToArray();
    var watch = await client.WatchRangeAsync(
        "watched/", (WatchResponse response) => Interlocked.Add(ref events, response.Events.Count));
    var clock = Stopwatch.StartNew();
    await RateAsync(Writers, (writer, _) => client.PutAsync(watched[writer]));
    client.CancelWatch(watch);
    return Interlocked.Read(ref events) / clock.Elapsed.TotalSeconds;
}

async Task BoundaryAsync()
{
    async Task Call() => (await CoreObject.None.CallAsync(Methods.Echo, echo, CoreObject.NoTimeout, default)).Read(bytes);
    using var queue = new QueueEcho();
    Print("blocking_ns", 1e9 / Rate(() => CoreObject.None.Call(Methods.Echo, echo, CoreObject.NoTimeout, default).Read(bytes)));
    Print("awaited_ns", 1e9 / await RateAsync(1, (_, _) => Call()));
    Print("awaited_by_queue_ns", 1e9 / await RateAsync(1, (_, _) => queue.CallAsync(echo)));
    Print("awaited64_ns", 1e9 / await RateAsync(Callers, (_, _) => Call()));
    Print("awaited64_by_queue_ns", 1e9 / await RateAsync(Callers, (_, _) => queue.CallAsync(echo)));
    Console.WriteLine($"core {core.Version}");
}

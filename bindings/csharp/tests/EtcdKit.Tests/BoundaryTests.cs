using System;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Runtime.InteropServices;
using System.Threading;
using System.Threading.Tasks;
using EtcdKit.Native;
using Etcdserverpb;

namespace EtcdKit.Tests;

/// <summary>Tests that count what is alive in the process, and so run alone.</summary>
[CollectionDefinition(nameof(Alone), DisableParallelization = true)]
public sealed class Alone : ICollectionFixture<Cluster>;

/// <summary>What crosses into the core comes back, and nothing stays behind.</summary>
[Collection(nameof(Alone))]
public class BoundaryTests(Cluster cluster)
{
    /// <summary>Clients opened and closed, a tenth of them with a watch; the full run is for releases.</summary>
    private static readonly int Clients =
        Environment.GetEnvironmentVariable("ETCDKIT_TEST_FULL") == "1" ? 100_000 : 1_000;

    [Fact]
    public void The_version_is_told() => Assert.Matches(@"^\d+\.\d+\.\d+", Api.Instance.Version);

    [Fact]
    public async Task Echo_returns_every_byte_from_many_threads()
    {
        var seed = Environment.TickCount;
        await Task.WhenAll(Enumerable.Range(0, 16).Select(thread => Task.Run(async () =>
        {
            var random = new Random(seed + thread);
            for (var round = 0; round < 200; round++)
            {
                var request = new byte[random.Next(0, 100_000)];
                random.NextBytes(request);
                var outcome = round % 2 == 0
                    ? CoreObject.None.Call(Methods.Echo, request, CoreObject.NoTimeout, default)
                    : await CoreObject.None.CallAsync(Methods.Echo, request, CoreObject.NoTimeout, default);
                Assert.True(outcome.Ok);
                var read = outcome.Read(Grpc.Marshallers.Create<byte[]>(bytes => bytes, bytes => bytes));
                Assert.True(request.AsSpan().SequenceEqual(read), $"seed {seed}");
            }
        })));
    }

    [Fact]
    public void An_unknown_method_is_an_error()
    {
        using var client = cluster.Connect();
        var outcome = client.Core.Object.Call(999, [], CoreObject.NoTimeout, default);
        Assert.False(outcome.Ok);
        Assert.NotEmpty(outcome.ToRpcException().Status.Detail);
    }

    [Fact]
    public void A_panic_of_the_core_is_an_error_and_the_next_call_works()
    {
        // A library that is not made for tests does not know the method, which is an error as well.
        var outcome = CoreObject.None.Call(Methods.Panic, [], CoreObject.NoTimeout, default);
        Assert.Contains(outcome.Kind, new[] { ErrorKind.Internal, ErrorKind.Unimplemented });
        using var client = cluster.Connect();
        client.Put("boundary", "x");
    }

    [Fact]
    public void A_request_that_is_no_message_is_an_error()
    {
        using var client = cluster.Connect();
        var outcome = client.Core.Object.Call(Methods.KvPut, [0xff, 0xff, 0xff], CoreObject.NoTimeout, default);
        Assert.False(outcome.Ok);
        Assert.NotEmpty(outcome.ToRpcException().Status.Detail);
    }

    [Fact]
    public async Task Opening_and_closing_clients_leaves_nothing_behind()
    {
        async Task OpenAndClose(int clients)
        {
            for (var index = 0; index < clients; index++)
            {
                using var client = cluster.Connect();
                if (index % 10 != 0) continue;
                client.Put("boundary", "x");
                await client.WatchAsync("boundary", (WatchResponse _) => { });
            }
        }

        await OpenAndClose(Clients / 10);
        var before = await SettledAsync();
        await OpenAndClose(Clients);
        var after = await SettledAsync();
        Assert.Equal(before.Handles, after.Handles);
        Assert.Equal(before.Calls, after.Calls);
        Assert.InRange(after.Files, 0, before.Files + 4);
        Assert.InRange(after.Threads, 0, before.Threads + 16);
        Assert.InRange(after.MemoryMb, 0, before.MemoryMb + 25);
    }

    [Fact]
    public void A_client_that_nobody_holds_is_closed_by_the_collector()
    {
        var before = Stats().Handles;
        [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]
        void Forget()
        {
            for (var index = 0; index < 50; index++) cluster.Connect().Put("boundary", "x");
        }

        Forget();
        for (var round = 0; round < 50 && Stats().Handles > before; round++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }

        Assert.InRange(Stats().Handles, 0ul, before + 10);
    }

    [Fact]
    public async Task Cancelling_at_any_moment_completes_every_call()
    {
        using var client = cluster.Connect();
        var seed = Environment.TickCount;
        var random = new Random(seed);
        var calls = Enumerable.Range(0, 2_000).Select(async index =>
        {
            using var source = new CancellationTokenSource();
            var call = client.GetAsync("boundary", cancellationToken: source.Token);
            if (index % 2 == 0) source.CancelAfter(TimeSpan.FromMicroseconds(random.Next(0, 500)));
            try
            {
                await call;
            }
            catch (OperationCanceledException)
            {
                Assert.True(source.IsCancellationRequested, $"seed {seed}");
            }
        });
        await Task.WhenAll(calls).Soon();
    }

    private static async Task<(ulong Handles, ulong Calls, int Files, int Threads, long MemoryMb)> SettledAsync()
    {
        for (var round = 0; round < 5; round++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
            await Task.Delay(200);
        }

        using var process = Process.GetCurrentProcess();
        var files = Directory.Exists("/proc/self/fd") ? Directory.GetFiles("/proc/self/fd").Length : 0;
        var stats = Stats();
        return (stats.Handles, stats.Calls, files, process.Threads.Count, process.WorkingSet64 / 1048576);
    }

    private static unsafe NativeStats Stats()
    {
        NativeStats stats;
        var tell = (delegate* unmanaged[Cdecl]<NativeStats*, void>)LibraryFile.Export(Api.Instance.Library, "etcdkit_stats");
        tell(&stats);
        return stats;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct NativeStats
    {
        internal ulong Handles;
        internal ulong Calls;
        internal ulong Threads;
    }
}

using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using EtcdKit.Grpc;
using Etcdserverpb;
using Google.Protobuf;

namespace EtcdKit.Tests;

public class WatchTests(Cluster cluster) : IClassFixture<Cluster>
{
    [Fact]
    public async Task A_watch_is_there_when_watching_returns()
    {
        using var client = cluster.Connect();
        var key = Cluster.NewKey();
        var seen = new BlockingCollection<WatchResponse>();
        var id = client.WatchRange(key, seen.Add);
        client.Put(key + "a", "1");
        client.Delete(key + "a");
        var first = Take(seen);
        Assert.True(first.Created);
        Assert.Empty(first.Events);
        Assert.Equal(id, first.WatchId);
        var events = Events(seen, 2);
        Assert.Equal("1", events[0].Kv.Value.ToStringUtf8());
        Assert.Equal(Mvccpb.Event.Types.EventType.Delete, events[1].Type);
        Assert.Equal("1", events[1].PrevKv.Value.ToStringUtf8());
        await Task.CompletedTask;
    }

    [Fact]
    public void A_callback_may_call_the_client_also_blocking()
    {
        using var client = cluster.Connect();
        var key = Cluster.NewKey();
        var done = new BlockingCollection<string>();
        client.Watch(key + "in", (WatchEvent[] events) =>
        {
            foreach (var change in events)
            {
                client.Put(key + "out", change.Value + "!");
                client.PutAsync(key + "out", change.Value + "!!").GetAwaiter().GetResult();
                client.Watch(key + "nested", (WatchResponse _) => { });
                done.Add(client.GetVal(key + "out"));
            }
        });
        client.Put(key + "in", "x");
        Assert.True(done.TryTake(out var value, Cluster.Patience));
        Assert.Equal("x!!", value);
    }

    [Fact]
    public void A_slow_callback_loses_nothing()
    {
        using var client = cluster.Connect();
        var key = Cluster.NewKey();
        const int Writes = 500;
        var seen = new BlockingCollection<WatchResponse>();
        client.Watch(key, (WatchResponse response) =>
        {
            if (response.Events.Count > 0 && seen.Count % 100 == 1) Thread.Sleep(50);
            seen.Add(response);
        });
        for (var index = 0; index < Writes; index++) client.Put(key, $"{index}");
        Assert.Equal(Enumerable.Range(0, Writes).Select(index => $"{index}"), Events(seen, Writes).Select(change => change.Kv.Value.ToStringUtf8()));
    }

    [Fact]
    public void An_exception_in_a_callback_is_told_and_the_watch_goes_on()
    {
        using var client = cluster.Connect();
        var key = Cluster.NewKey();
        var seen = new BlockingCollection<string>();
        var failures = new BlockingCollection<WatchFailedEventArgs>();
        ((WatchManager)client.GetWatchManager()).Failed += (_, failure) => failures.Add(failure);
        client.Watch(key, (WatchEvent[] events) =>
        {
            seen.Add(events[0].Value);
            if (events[0].Value == "bad") throw new InvalidOperationException("mine");
        });
        client.Put(key, "bad");
        Assert.Equal("bad", Take(seen));
        client.Put(key, "good");
        Assert.Equal("good", Take(seen));
        Assert.Equal("mine", Take(failures).Exception.Message);
    }

    [Fact]
    public void Cancelling_a_watch_leaves_the_others_alone()
    {
        using var client = cluster.Connect();
        var key = Cluster.NewKey();
        using var source = new CancellationTokenSource();
        BlockingCollection<WatchResponse> first = [], second = [], third = [];
        client.Watch(key, first.Add, cancellationToken: source.Token);
        var id = client.WatchRange(key, second.Add);
        client.Watch(key, third.Add);
        Assert.True(Take(first).Created && Take(second).Created && Take(third).Created);
        source.Cancel();
        client.CancelWatch(id);
        client.Put(key, "1");
        Assert.Single(Events(third, 1));
        Assert.Empty(first);
        Assert.Empty(second);
    }

    [Fact]
    public async Task Watching_many_keys_gives_an_id_each()
    {
        using var client = cluster.Connect();
        var key = Cluster.NewKey();
        var seen = new BlockingCollection<WatchResponse>();
        var ids = await client.WatchRangeAsync([key + "a", key + "b"], seen.Add);
        Assert.Equal(2, ids.Distinct().Count());
        client.Watch([key + "c", key + "d"], (WatchResponse response) => seen.Add(response));
        foreach (var name in "abcd") client.Put(key + name, "1");
        Assert.Equal(4, Events(seen, 4).Count);
    }

    [Fact]
    public async Task A_stream_ends_with_its_loop_and_with_its_token()
    {
        using var client = cluster.Connect();
        var key = Cluster.NewKey();
        using var source = new CancellationTokenSource();
        var seen = 0;
        await foreach (var response in client.WatchStreamAsync(key))
        {
            if (response.Created) client.Put(key, "1");
            seen += response.Events.Count;
            if (seen == 1) break;
        }

        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (var response in client.WatchRangeStreamAsync(key, source.Token))
            {
                if (response.Created) source.Cancel();
            }
        }).Soon();
    }

    [Fact]
    public void A_compacted_start_is_told_with_its_revision()
    {
        using var client = cluster.Connect();
        var key = Cluster.NewKey();
        var older = client.Put(key, "1").Header.Revision;
        var newer = client.Put(key, "2").Header.Revision;
        client.Compact(new CompactionRequest { Revision = newer });
        var seen = new BlockingCollection<WatchResponse>();
        client.Watch(new WatchRequest { CreateRequest = new WatchCreateRequest { Key = ByteString.CopyFromUtf8(key), StartRevision = older } }, seen.Add);
        Assert.True(Take(seen).Created);
        var last = Take(seen);
        Assert.True(last.Canceled);
        Assert.Equal(newer, last.CompactRevision);
    }

    [Fact]
    public async Task The_call_that_streams_both_ways_carries_many_watches()
    {
        using var client = cluster.Connect();
        var key = Cluster.NewKey();
        using var call = client.GetConnection().WatchClient.Watch();
        foreach (var name in new[] { "a", "b" })
        {
            var create = new WatchCreateRequest { Key = ByteString.CopyFromUtf8(key + name) };
            await call.RequestStream.WriteAsync(new WatchRequest { CreateRequest = create });
        }

        var ids = new HashSet<long>();
        for (var created = 0; created < 2; created++)
        {
            Assert.True(await call.ResponseStream.MoveNext().Soon());
            Assert.True(call.ResponseStream.Current.Created);
            ids.Add(call.ResponseStream.Current.WatchId);
        }

        Assert.Equal(2, ids.Count);
        client.Put(key + "b", "1");
        Assert.True(await call.ResponseStream.MoveNext().Soon());
        Assert.Single(call.ResponseStream.Current.Events);
        await call.RequestStream.WriteAsync(new WatchRequest { CancelRequest = new WatchCancelRequest { WatchId = ids.First() } });
        Assert.True(await call.ResponseStream.MoveNext().Soon());
        Assert.True(call.ResponseStream.Current.Canceled);
    }

    private static T Take<T>(BlockingCollection<T> seen) =>
        seen.TryTake(out var item, Cluster.Patience) ? item : throw new TimeoutException("nothing came");

    private static List<Mvccpb.Event> Events(BlockingCollection<WatchResponse> seen, int count)
    {
        var events = new List<Mvccpb.Event>();
        while (events.Count < count) events.AddRange(Take(seen).Events);
        return events;
    }
}

using System;
using System.Collections.Generic;
using System.Linq;
using System.Text;
using System.Threading.Tasks;
using EtcdKit.DependencyInjection;
using EtcdKit.Grpc;
using EtcdKit.Grpc.Interceptors;
using EtcdKit.interfaces;
using Etcdserverpb;
using Microsoft.Extensions.DependencyInjection;
using Moq;

namespace EtcdKit.Tests;

/// <summary>What programs written for dotnet-etcd rely on besides calls.</summary>
public class ShapeTests(Cluster cluster) : IClassFixture<Cluster>
{
    [Fact]
    public async Task Interceptors_see_every_call_by_its_name()
    {
        var seen = new Recording();
        using var client = new EtcdClient(cluster.Endpoint, interceptors: [seen]);
        client.Put(Cluster.NewKey(), "x");
        await client.GetAsync("x");
        await client.WatchAsync("x", (WatchResponse _) => { });
        Assert.Equal(["blocking /etcdserverpb.KV/Put", "async /etcdserverpb.KV/Range", "duplex /etcdserverpb.Watch/Watch"], seen.Calls);
    }

    [Fact]
    public void A_mocked_connection_takes_the_servers_place()
    {
        var kv = new Mock<KV.KVClient>();
        kv.Setup(mock => mock.Range(It.IsAny<RangeRequest>(), It.IsAny<Metadata>(), It.IsAny<DateTime?>(), default))
            .Returns(new RangeResponse { Count = 7 });
        var connection = new Mock<IConnection>();
        connection.Setup(mock => mock.KVClient).Returns(kv.Object);
        using var client = new EtcdClient(connection.Object);
        Assert.Equal(7, client.Get("any").Count);
    }

    [Theory]
    [InlineData("localhost", "http://localhost:2379/")]
    [InlineData("localhost:2380", "http://localhost:2380/")]
    [InlineData("https://a,https://b:1", "https://a:2379/ https://b:1/")]
    [InlineData("static://a:1,b", "http://a:1/ http://b:2379/")]
    [InlineData("dns://etcd.example", "http://etcd.example:2379/")]
    [InlineData("discovery-srv://etcd.example", "http://etcd.example:2379/")]
    [InlineData("http://[::1]", "http://[::1]:2379/")]
    [InlineData("http://a:80", "http://a:80/")]
    public void A_connection_string_is_read(string text, string uris)
    {
        var (read, _) = new ConnectionStringParser().ParseConnectionString(text, 2379, null);
        Assert.Equal(uris, string.Join(' ', read.Select(uri => uri.ToString().Replace(":80/", ":80/", StringComparison.Ordinal)).Select(Shown)));
        static string Shown(string uri) => uri == "http://a/" ? "http://a:80/" : uri;
    }

    [Fact]
    public void The_end_of_a_prefix_is_after_every_key_with_it_and_before_all_others()
    {
        var seed = Environment.TickCount;
        var random = new Random(seed);
        for (var round = 0; round < 2_000; round++)
        {
            var prefix = Text(random, random.Next(1, 5));
            var end = Encoding.UTF8.GetBytes(EtcdClient.GetRangeEnd(prefix));
            var start = Encoding.UTF8.GetBytes(prefix);
            var key = Encoding.UTF8.GetBytes(random.Next(2) == 0 ? prefix + Text(random, 3) : Text(random, 4));
            var inside = key.AsSpan().SequenceCompareTo(start) >= 0 && (end is [0] || key.AsSpan().SequenceCompareTo(end) < 0);
            Assert.True(inside == key.AsSpan().StartsWith(start), $"seed {seed}: prefix {prefix}");
        }

        Assert.Equal("\0", EtcdClient.GetRangeEnd(""));
    }

    [Fact]
    public void Options_make_a_client()
    {
        using var client = new EtcdClient(new EtcdClientOptions { ConnectionString = cluster.Endpoint });
        client.Put(Cluster.NewKey(), "1");
        Assert.Throws<NotSupportedException>(() => new EtcdClient("https://a", configureSslOptions: options =>
            options.RemoteCertificateValidationCallback = (_, certificate, _, _) => certificate is not null));
    }

    [Fact]
    public void A_registered_client_is_one_and_is_disposed_with_the_services()
    {
        var services = new ServiceCollection();
        services.AddEtcdClient(cluster.Endpoint);
        IEtcdClient client;
        using (var provider = services.BuildServiceProvider())
        {
            client = provider.GetRequiredService<IEtcdClient>();
            Assert.Same(client, provider.GetRequiredService<EtcdClient>());
            client.Put(Cluster.NewKey(), "1");
        }

        Assert.Throws<ObjectDisposedException>(() => client.Get("a"));
    }

    private static string Text(Random random, int length)
    {
        int[] alphabet = ['a', 'b', 0x7f, 0x80, 0x7ff, 0x800, 0xd7ff, 0xe000, 0xffff, 0x10000, 0x10ffff];
        return string.Concat(Enumerable.Range(0, length).Select(_ => char.ConvertFromUtf32(alphabet[random.Next(alphabet.Length)])));
    }

    private sealed class Recording : Interceptor
    {
        internal List<string> Calls { get; } = [];

        public override TResponse BlockingUnaryCall<TRequest, TResponse>(
            TRequest request,
            ClientInterceptorContext<TRequest, TResponse> context,
            BlockingUnaryCallContinuation<TRequest, TResponse> continuation)
        {
            Calls.Add($"blocking {context.Method.FullName}");
            return continuation(request, context);
        }

        public override AsyncUnaryCall<TResponse> AsyncUnaryCall<TRequest, TResponse>(
            TRequest request,
            ClientInterceptorContext<TRequest, TResponse> context,
            AsyncUnaryCallContinuation<TRequest, TResponse> continuation)
        {
            Calls.Add($"async {context.Method.FullName}");
            return continuation(request, context);
        }

        public override AsyncDuplexStreamingCall<TRequest, TResponse> AsyncDuplexStreamingCall<TRequest, TResponse>(
            ClientInterceptorContext<TRequest, TResponse> context,
            AsyncDuplexStreamingCallContinuation<TRequest, TResponse> continuation)
        {
            Calls.Add($"duplex {context.Method.FullName}");
            return continuation(context);
        }
    }
}

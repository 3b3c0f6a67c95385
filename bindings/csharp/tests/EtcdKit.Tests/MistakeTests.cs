using System;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Threading;
using System.Threading.Tasks;
using EtcdKit.DependencyInjection;
using EtcdKit.Grpc;
using Etcdserverpb;

namespace EtcdKit.Tests;

public class MistakeTests(Cluster cluster) : IClassFixture<Cluster>
{
    [Fact]
    public void A_null_is_refused_by_name()
    {
        using var client = cluster.Connect();
        Assert.Equal("key", Assert.Throws<ArgumentNullException>(() => client.Put(null!, "x")).ParamName);
        Assert.Equal("request", Assert.Throws<ArgumentNullException>(() => client.Put(null!)).ParamName);
        Assert.Throws<ArgumentNullException>(() => client.Watch("a", (Action<WatchResponse>)null!));
        Assert.Throws<ArgumentNullException>(() => new EtcdClient((string)null!));
    }

    [Theory]
    [InlineData("http://")]
    [InlineData("ftp://host")]
    [InlineData("a b:1")]
    [InlineData(",")]
    public void An_endpoint_that_makes_no_sense_is_refused(string endpoint) =>
        Assert.ThrowsAny<ArgumentException>(() => new EtcdClient(endpoint));

    [Fact]
    public async Task A_disposed_client_says_so()
    {
        var client = cluster.Connect();
        client.Put(Cluster.NewKey(), "x");
        client.Dispose();
        client.Dispose();
        Assert.Contains("closed", Assert.Throws<ObjectDisposedException>(() => client.GetVal("x")).Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<ObjectDisposedException>(() => client.GetAsync("x"));
        await Assert.ThrowsAsync<ObjectDisposedException>(() => client.WatchAsync("x", (WatchResponse _) => { }));
    }

    [Fact]
    public async Task Disposing_ends_what_waits()
    {
        using var owner = cluster.Connect();
        var client = cluster.Connect();
        var name = Cluster.NewKey() + "lock";
        owner.Lock(name);
        var waiting = client.LockAsync(name);
        var reading = Task.Run(async () =>
        {
            await foreach (var response in client.WatchStreamAsync(name)) Assert.NotNull(response);
        });
        await Waiting.UntilAsync(() => owner.GetRange(name + "/").Count == 2);
        client.Dispose();
        await Assert.ThrowsAnyAsync<Exception>(() => waiting).Soon();
        await Assert.ThrowsAnyAsync<Exception>(() => reading).Soon();
    }

    [Fact]
    public async Task A_dead_endpoint_fails_within_the_time_limit()
    {
        var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var port = ((IPEndPoint)listener.LocalEndpoint).Port;
        listener.Stop();
        using var client = new EtcdClient(new EtcdClientOptions
        {
            ConnectionString = $"http://127.0.0.1:{port}",
            RequestTimeout = TimeSpan.FromMilliseconds(500),
        });
        var clock = Stopwatch.StartNew();
        var failure = await Assert.ThrowsAsync<RpcException>(() => client.GetAsync("x")).Soon();
        Assert.Contains(failure.StatusCode, new[] { StatusCode.Unavailable, StatusCode.DeadlineExceeded });
        Assert.True(clock.Elapsed < TimeSpan.FromSeconds(3), $"took {clock.Elapsed}");
    }

    [Fact]
    public async Task A_token_cancels_a_call_down_to_the_server()
    {
        using var client = cluster.Connect();
        var name = Cluster.NewKey() + "lock";
        client.Lock(name);
        using var source = new CancellationTokenSource();
        var waiting = client.LockAsync(name, cancellationToken: source.Token);
        await Waiting.UntilAsync(() => client.GetRange(name + "/").Count == 2);
        await source.CancelAsync();
        var cancelled = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting).Soon();
        Assert.Equal(source.Token, cancelled.CancellationToken);
        Assert.ThrowsAny<OperationCanceledException>(() => client.Get("x", cancellationToken: source.Token));
        await Waiting.UntilAsync(() => client.GetRange(name + "/").Count == 1);
    }

    [Fact]
    public async Task A_deadline_ends_a_call()
    {
        using var client = cluster.Connect();
        var name = Cluster.NewKey() + "lock";
        client.Lock(name);
        var soon = DateTime.UtcNow.AddMilliseconds(200);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => client.LockAsync(name, deadline: soon)).Soon();
        Assert.ThrowsAny<OperationCanceledException>(() => client.Get("x", deadline: DateTime.UtcNow.AddSeconds(-1)));
        using var grpc = new EtcdClient(cluster.Endpoint, configureChannelOptions: options => options.ThrowOperationCanceledOnCancellation = false);
        soon = DateTime.UtcNow.AddMilliseconds(200);
        var failure = Assert.Throws<RpcException>(() => grpc.Lock(name, deadline: soon));
        Assert.Equal(StatusCode.DeadlineExceeded, failure.StatusCode);
    }

    [Fact]
    public void A_value_too_large_is_refused_and_the_client_stays_usable()
    {
        using var client = cluster.Connect();
        var key = Cluster.NewKey();
        var failure = Assert.Throws<RpcException>(() => client.Put(key, new string('x', 1_600_000)));
        Assert.Equal("etcdserver: request is too large", failure.Status.Detail);
        client.Put(key, "x");
    }

    [Fact]
    public void Message_sizes_can_be_limited_by_the_client()
    {
        using var client = new EtcdClient(cluster.Endpoint, configureChannelOptions: options =>
        {
            options.MaxSendMessageSize = 10_000;
            options.MaxReceiveMessageSize = 20_000;
        });
        var key = Cluster.NewKey();
        var large = Assert.Throws<RpcException>(() => client.Put(key, new string('x', 10_000)));
        Assert.Equal(StatusCode.ResourceExhausted, large.StatusCode);
        for (var index = 0; index < 3; index++) client.Put($"{key}{index}", new string('x', 9_000));
        Assert.Equal(9_000, client.GetVal(key + "1").Length);
        var many = Assert.Throws<RpcException>(() => client.GetRange(key));
        Assert.Equal(StatusCode.ResourceExhausted, many.StatusCode);
    }

    [Fact]
    public void A_failed_login_says_so()
    {
        using var server = Server.Start();
        using var root = new EtcdClient(server.Endpoint);
        root.UserAdd(new AuthUserAddRequest { Name = "root", Password = "secret" });
        root.RoleAdd(new AuthRoleAddRequest { Name = "root" });
        root.UserGrantRole(new AuthUserGrantRoleRequest { User = "root", Role = "root" });
        root.AuthEnable(new AuthEnableRequest());
        Assert.Equal("etcdserver: user name is empty", Assert.Throws<RpcException>(() => root.Put("a", "1")).Status.Detail);
        root.SetCredentials("root", "secret");
        root.Put("a", "1");
        var token = root.Authenticate(new AuthenticateRequest { Name = "root", Password = "secret" }).Token;
        using var anonymous = new EtcdClient(server.Endpoint);
        Assert.Equal("1", anonymous.GetVal("a", new Metadata { { "token", token } }));
        using var wrong = new EtcdClient(server.Endpoint, "root", "wrong");
        Assert.Equal(StatusCode.InvalidArgument, Assert.Throws<RpcException>(() => wrong.Put("a", "1")).StatusCode);
    }
}

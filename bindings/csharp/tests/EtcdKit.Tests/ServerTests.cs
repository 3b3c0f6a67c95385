using System;
using System.IO;
using System.Threading.Tasks;
using EtcdKit.Grpc;
using Etcdserverpb;
using Google.Protobuf;

namespace EtcdKit.Tests;

public class ServerTests
{
    [Fact]
    public async Task A_durable_server_keeps_its_data_on_the_same_port()
    {
        var folder = Directory.CreateTempSubdirectory("etcdkit");
        try
        {
            string endpoint;
            await using (var server = await Server.StartAsync(new ServerOptions { DataDir = folder.FullName }))
            {
                endpoint = server.Endpoint;
                using var client = new EtcdClient(endpoint);
                client.Put("kept", "yes");
            }

            var listen = endpoint["http://".Length..];
            using var again = Server.Start(new ServerOptions { DataDir = folder.FullName, Listen = listen });
            Assert.Equal(endpoint, again.Endpoint);
            using var second = new EtcdClient(again.Endpoint);
            Assert.Equal("yes", second.GetVal("kept"));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public void Several_servers_run_at_once()
    {
        using var first = Server.Start();
        using var second = Server.Start();
        using var one = new EtcdClient(first.Endpoint);
        using var two = new EtcdClient(second.Endpoint);
        one.Put("which", "first");
        Assert.Equal("", two.GetVal("which"));
    }

    [Fact]
    public void A_server_without_a_port_is_reached_in_the_process()
    {
        using var server = Server.Start(new ServerOptions { InProcessOnly = true });
        Assert.Equal("", server.Endpoint);
        using var client = new EtcdClient(server);
        client.Put("inside", "yes");
        Assert.Equal("yes", client.GetVal("inside"));
    }

    [Fact]
    public void Flags_set_what_has_no_property()
    {
        using var server = Server.Start(new ServerOptions { Arguments = { "--max-txn-ops=1" } });
        using var client = new EtcdClient(server.Endpoint);
        var put = new RequestOp { RequestPut = new PutRequest { Key = ByteString.CopyFromUtf8("a") } };
        var delete = new RequestOp { RequestDeleteRange = new DeleteRangeRequest { Key = ByteString.CopyFromUtf8("b") } };
        var failure = Assert.Throws<RpcException>(() => client.Transaction(new TxnRequest { Success = { put, delete } }));
        Assert.Equal("etcdserver: too many operations in txn request", failure.Status.Detail);

        var refused = Assert.Throws<RpcException>(() => Server.Start(new ServerOptions { Arguments = { "--cert-file=x" } }));
        Assert.Equal(StatusCode.InvalidArgument, refused.StatusCode);
        Assert.Contains("--quota-backend-bytes", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_server_that_cannot_start_says_why()
    {
        using var server = Server.Start();
        var taken = server.Endpoint["http://".Length..];
        var failure = Assert.Throws<RpcException>(() => Server.Start(new ServerOptions { Listen = taken }));
        Assert.Contains(taken, failure.Status.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public void Stopping_twice_does_no_harm()
    {
        var server = Server.Start();
        server.Stop();
        server.Dispose();
        Assert.Throws<ObjectDisposedException>(() => new EtcdClient(server));
    }
}

using System;
using EtcdKit.Grpc;
using EtcdKit.interfaces;
using Etcdserverpb;
using V3Electionpb;
using V3Lockpb;

namespace EtcdKit;

/// <summary>The service clients of one invoker.</summary>
public class Connection : IConnection
{
    /// <summary>Makes the clients.</summary>
    /// <param name="callInvoker">What makes their calls.</param>
    public Connection(CallInvoker callInvoker)
    {
        if (callInvoker is null) throw new ArgumentNullException(nameof(callInvoker));
        KVClient = new KV.KVClient(callInvoker);
        WatchClient = new Watch.WatchClient(callInvoker);
        LeaseClient = new Lease.LeaseClient(callInvoker);
        LockClient = new Lock.LockClient(callInvoker);
        ClusterClient = new Cluster.ClusterClient(callInvoker);
        MaintenanceClient = new Maintenance.MaintenanceClient(callInvoker);
        AuthClient = new Auth.AuthClient(callInvoker);
        ElectionClient = new Election.ElectionClient(callInvoker);
    }

    /// <inheritdoc/>
    public KV.KVClient KVClient { get; }

    /// <inheritdoc/>
    public Watch.WatchClient WatchClient { get; }

    /// <inheritdoc/>
    public Lease.LeaseClient LeaseClient { get; }

    /// <inheritdoc/>
    public Lock.LockClient LockClient { get; }

    /// <inheritdoc/>
    public Cluster.ClusterClient ClusterClient { get; }

    /// <inheritdoc/>
    public Maintenance.MaintenanceClient MaintenanceClient { get; }

    /// <inheritdoc/>
    public Auth.AuthClient AuthClient { get; }

    /// <inheritdoc/>
    public Election.ElectionClient ElectionClient { get; }
}

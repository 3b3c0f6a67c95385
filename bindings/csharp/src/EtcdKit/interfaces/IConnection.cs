using Etcdserverpb;
using V3Electionpb;
using V3Lockpb;

namespace EtcdKit.interfaces;

/// <summary>The service clients that a client's calls go through.</summary>
public interface IConnection
{
    /// <summary>Keys.</summary>
    KV.KVClient KVClient { get; }

    /// <summary>Watches.</summary>
    Watch.WatchClient WatchClient { get; }

    /// <summary>Leases.</summary>
    Lease.LeaseClient LeaseClient { get; }

    /// <summary>The lock service.</summary>
    Lock.LockClient LockClient { get; }

    /// <summary>Members.</summary>
    Cluster.ClusterClient ClusterClient { get; }

    /// <summary>Maintenance.</summary>
    Maintenance.MaintenanceClient MaintenanceClient { get; }

    /// <summary>Users and roles.</summary>
    Auth.AuthClient AuthClient { get; }

    /// <summary>The election service.</summary>
    Election.ElectionClient ElectionClient { get; }
}

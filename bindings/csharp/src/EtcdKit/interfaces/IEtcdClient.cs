namespace EtcdKit.interfaces;

/// <summary>What <see cref="EtcdClient"/> can do; for programs that put something else in its place, such as a mock.</summary>
public partial interface IEtcdClient
{
    /// <summary>The service clients that the calls go through.</summary>
    IConnection GetConnection();

    /// <summary>What keeps the watches of this client.</summary>
    IWatchManager GetWatchManager();

    /// <summary>Ends a watch; unknown ids are ignored.</summary>
    /// <param name="watchId">The id that watching returned.</param>
    void CancelWatch(long watchId);

    /// <summary>Ends watches; unknown ids are ignored.</summary>
    /// <param name="watchIds">The ids that watching returned.</param>
    void CancelWatch(long[] watchIds);
}

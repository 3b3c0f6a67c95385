using System;
using System.Linq;
using EtcdKit.Grpc;
using Etcdserverpb;

namespace EtcdKit;

/// <summary>The many forms of functions that a watch can be given, as the one that it calls.</summary>
internal static class Callbacks
{
    internal static Action<WatchResponse> Of(Action<WatchResponse> method) =>
        method ?? throw new ArgumentNullException(nameof(method));

    internal static Action<WatchResponse> Of(Action<WatchResponse>[] methods)
    {
        if (methods is null) throw new ArgumentNullException(nameof(methods));
        return response =>
        {
            foreach (var method in methods) method(response);
        };
    }

    internal static Action<WatchResponse> Of(Action<WatchEvent[]> method)
    {
        if (method is null) throw new ArgumentNullException(nameof(method));
        return response =>
        {
            if (response.Events.Count > 0) method([.. response.Events.Select(WatchEvent.Of)]);
        };
    }

    internal static Action<WatchResponse> Of(Action<WatchEvent[]>[] methods)
    {
        if (methods is null) throw new ArgumentNullException(nameof(methods));
        return Of((Action<WatchEvent[]>)(events =>
        {
            foreach (var method in methods) method(events);
        }));
    }

    internal static Action<WatchResponse>[] OfEach(Action<WatchResponse>[] methods) =>
        [.. (methods ?? throw new ArgumentNullException(nameof(methods))).Select(Of)];

    internal static Action<WatchResponse>[] OfEach(Action<WatchEvent[]>[] methods) =>
        [.. (methods ?? throw new ArgumentNullException(nameof(methods))).Select(Of)];
}

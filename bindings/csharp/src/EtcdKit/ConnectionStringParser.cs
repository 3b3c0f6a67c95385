using System;
using System.Collections.Generic;
using System.Linq;
using EtcdKit.Grpc;

namespace EtcdKit;

/// <summary>Reads the endpoints that a client is made with.</summary>
public class ConnectionStringParser
{
    private const string StaticPrefix = "static://";
    private const string DnsPrefix = "dns://";
    private const string DiscoveryPrefix = "discovery-srv://";
    private const string Http = "http";
    private const string Https = "https";

    /// <summary>Reads a connection string.</summary>
    /// <param name="connectionString">Endpoints with commas between them.</param>
    /// <param name="port">The port of endpoints without one.</param>
    /// <param name="credentials">TLS credentials make <c>https</c> the scheme of endpoints without one.</param>
    /// <returns>The endpoints, and whether they are one name that DNS resolves to all members.</returns>
    /// <exception cref="ArgumentException">An endpoint makes no sense.</exception>
    public (Uri[] Uris, bool IsDnsConnection) ParseConnectionString(
        string connectionString, int port, ChannelCredentials? credentials)
    {
        if (string.IsNullOrWhiteSpace(connectionString)) throw new ArgumentNullException(nameof(connectionString));
        var scheme = credentials?.Tls is null ? Http : Https;
        var text = connectionString.Trim();
        foreach (var prefix in new[] { DnsPrefix, DiscoveryPrefix })
        {
            if (!text.StartsWith(prefix, StringComparison.OrdinalIgnoreCase)) continue;
            return ([Endpoint(text.Substring(prefix.Length).TrimStart('/'), port, scheme)], true);
        }

        if (text.StartsWith(StaticPrefix, StringComparison.OrdinalIgnoreCase)) text = text.Substring(StaticPrefix.Length);
        IEnumerable<string> parts = text.Split(',').Select(part => part.Trim()).Where(part => part.Length > 0);
        var uris = parts.Select(part => Endpoint(part, port, scheme)).ToArray();
        if (uris.Length == 0) throw new ArgumentException("the connection string names no endpoint", nameof(connectionString));
        return (uris, false);
    }

    private static Uri Endpoint(string text, int port, string scheme)
    {
        var whole = text.Contains("://") ? text : $"{scheme}://{text}";
        if (!Uri.TryCreate(whole, UriKind.Absolute, out var uri) || uri.Host.Length == 0)
        {
            throw new ArgumentException($"{text} is no endpoint: write host, host:port, http://host:port or https://host:port");
        }

        if (uri.Scheme is not (Http or Https))
        {
            throw new ArgumentException($"{uri.Scheme} is no scheme of an endpoint: write http or https");
        }

        // A URI without a port has that of its scheme, which is none of etcd's.
        var authority = whole.Substring(whole.IndexOf("://", StringComparison.Ordinal) + 3).TrimEnd('/');
        var hasPort = authority.LastIndexOf(':') > authority.LastIndexOf(']');
        return new UriBuilder(uri) { Port = hasPort ? uri.Port : port, Path = "" }.Uri;
    }
}

using System;
using System.Net.Security;
using EtcdKit.Bridge.V1;
using EtcdKit.DependencyInjection;
using EtcdKit.Grpc;
using EtcdKit.Grpc.Interceptors;
using EtcdKit.interfaces;
using EtcdKit.Native;

namespace EtcdKit;

/// <summary>
/// A client of an etcd cluster. One object serves a whole program: every method may be called from any thread at any
/// time. Retries, failover, logging in, watches that go on after an outage and leases that stay alive are the work of
/// the native core. Making a client does not connect: the first call does.
/// </summary>
/// <remarks>
/// A failed call throws <see cref="RpcException"/>; one whose token is cancelled or whose deadline passes throws
/// <see cref="OperationCanceledException"/>; a call of a disposed client throws <see cref="ObjectDisposedException"/>.
/// A call without a deadline ends after 5 seconds, except those that wait: locks, campaigns, watches.
/// </remarks>
public partial class EtcdClient : IDisposable, IEtcdClient
{
    private const string DefaultServerName = "my-etcd-server";

    private readonly IConnection _connection;
    private readonly IWatchManager _watches;
    private readonly WatchOpener _openWatch;
    private readonly CoreClient? _core;
    private readonly CallCredentials? _credentials;
    private readonly EtcdClientOptions? _options;

    /// <summary>A client whose calls somebody else makes; for tests.</summary>
    /// <param name="callInvoker">What makes the calls.</param>
    public EtcdClient(CallInvoker callInvoker)
        : this(new Connection(callInvoker))
    {
    }

    /// <summary>A client of service clients; for tests with mocks.</summary>
    /// <param name="connection">The service clients.</param>
    /// <param name="watchManager">What keeps the watches; none is the client's own.</param>
    public EtcdClient(IConnection connection, IWatchManager? watchManager = null)
    {
        _connection = Required(connection);
        _openWatch = DuplexWatch.Opener(connection);
        _watches = watchManager ?? new WatchManager(_openWatch);
    }

    /// <summary>A client of the given endpoints.</summary>
    /// <param name="connectionString">
    /// Endpoints, with commas between them: <c>host</c>, <c>host:port</c>, <c>http://host:port</c>,
    /// <c>https://host:port</c>, <c>unix:path</c>; or <c>static://</c>, <c>dns://</c>, <c>discovery-srv://</c> before
    /// them.
    /// </param>
    /// <param name="port">The port of endpoints without one.</param>
    /// <param name="serverName">Has no effect.</param>
    /// <param name="configureChannelOptions">Sets how to connect.</param>
    /// <param name="interceptors">See every call, the first one first.</param>
    /// <exception cref="ArgumentException">The connection string or an option makes no sense.</exception>
    public EtcdClient(
        string connectionString,
        int port = 2379,
        string serverName = DefaultServerName,
        Action<GrpcChannelOptions>? configureChannelOptions = null,
        Interceptor[]? interceptors = null)
        : this(new EtcdClientOptions
        {
            ConnectionString = connectionString,
            Port = port,
            ServerName = serverName,
            ConfigureChannel = configureChannelOptions,
            Interceptors = interceptors,
        })
    {
    }

#if NET8_0_OR_GREATER
    /// <summary>A client of the given endpoints, over TLS.</summary>
    /// <param name="connectionString">Endpoints, as in the other constructors.</param>
    /// <param name="configureSslOptions">Sets trusted roots, the client's certificate, the server's name.</param>
    /// <param name="port">The port of endpoints without one.</param>
    /// <param name="serverName">Has no effect; set <c>TargetHost</c> to check for another name.</param>
    /// <param name="configureChannelOptions">Sets how to connect.</param>
    /// <param name="interceptors">See every call, the first one first.</param>
    /// <exception cref="ArgumentException">The connection string or an option makes no sense.</exception>
    public EtcdClient(
        string connectionString,
        Action<SslClientAuthenticationOptions> configureSslOptions,
        int port = 2379,
        string serverName = DefaultServerName,
        Action<GrpcChannelOptions>? configureChannelOptions = null,
        Interceptor[]? interceptors = null)
        : this(new EtcdClientOptions
        {
            ConnectionString = connectionString,
            Port = port,
            ServerName = serverName,
            ConfigureSslOptions = Required(configureSslOptions),
            ConfigureChannel = configureChannelOptions,
            Interceptors = interceptors,
        })
    {
    }
#endif

    /// <summary>A client that logs in as a user, and again whenever the server asks for it.</summary>
    /// <param name="connectionString">Endpoints, as in the other constructors.</param>
    /// <param name="username">The user.</param>
    /// <param name="password">The password.</param>
    /// <param name="port">The port of endpoints without one.</param>
    /// <param name="serverName">Has no effect.</param>
    /// <param name="configureChannelOptions">Sets how to connect.</param>
    /// <param name="tokenCacheDuration">Has no effect: a token is renewed when the server says so.</param>
    /// <exception cref="ArgumentException">The connection string or an option makes no sense.</exception>
    public EtcdClient(
        string connectionString,
        string username,
        string password,
        int port = 2379,
        string serverName = DefaultServerName,
        Action<GrpcChannelOptions>? configureChannelOptions = null,
        TimeSpan? tokenCacheDuration = null)
        : this(new EtcdClientOptions
        {
            ConnectionString = connectionString,
            Port = port,
            ServerName = serverName,
            Username = Required(username),
            Password = Required(password),
            ConfigureChannel = configureChannelOptions,
        })
    {
        _ = tokenCacheDuration;
    }

    /// <summary>A client over TLS, with certificates as PEM text; the form of dotnet-etcd before version 6.</summary>
    /// <param name="connectionString">Endpoints, as in the other constructors.</param>
    /// <param name="port">The port of endpoints without one.</param>
    /// <param name="caCert">The trusted roots; empty is the roots of the system.</param>
    /// <param name="clientCert">The client's certificate; empty is none.</param>
    /// <param name="clientKey">Its key.</param>
    /// <param name="publicRootCa">Trust the roots of the system and not <paramref name="caCert"/>.</param>
    /// <exception cref="ArgumentException">The connection string or a certificate makes no sense.</exception>
    public EtcdClient(
        string connectionString, int port, string caCert, string clientCert, string clientKey, bool publicRootCa = false)
        : this(new EtcdClientOptions
        {
            ConnectionString = connectionString,
            Port = port,
            ConfigureChannel = options => options.Credentials = CredentialsOf(caCert, clientCert, clientKey, publicRootCa),
        })
    {
    }

    /// <summary>A client with everything that can be set.</summary>
    /// <param name="options">The options.</param>
    /// <exception cref="ArgumentException">An option makes no sense.</exception>
    public EtcdClient(EtcdClientOptions options)
        : this(Required(options).ToConfig(), options)
    {
    }

    /// <summary>A client of a server of this process, which is reached without a socket.</summary>
    /// <param name="server">The server.</param>
    public EtcdClient(Server server)
        : this((new ClientConfig { Server = Required(server).Handle }, new GrpcChannelOptions()), new EtcdClientOptions())
    {
    }

    private EtcdClient((ClientConfig Config, GrpcChannelOptions Channel) made, EtcdClientOptions options)
        : this(
            new CoreClient(made.Config, made.Channel.ThrowOperationCanceledOnCancellation),
            made.Channel.Credentials?.Call,
            options)
    {
    }

    private EtcdClient(CoreClient core, CallCredentials? credentials, EtcdClientOptions options)
    {
        _core = core;
        _credentials = (credentials, options.CallCredentials) switch
        {
            ({ } one, { } other) => CallCredentials.Compose(one, other),
            var (one, other) => one ?? other,
        };
        _options = options;
        CallInvoker invoker = new CoreCallInvoker(core, _credentials);
        var intercepted = options.Interceptors is { Length: > 0 } interceptors ? invoker.Intercept(interceptors) : null;
        _connection = new Connection(intercepted ?? invoker);
        // Interceptors see the calls of watches too.
        _openWatch = intercepted is null && _credentials is null ? OpenedWatch.On(core) : DuplexWatch.Opener(_connection);
        _watches = new WatchManager(_openWatch);
    }

    /// <inheritdoc/>
    public IConnection GetConnection() => _connection;

    /// <inheritdoc/>
    public IWatchManager GetWatchManager() => _watches;

    /// <summary>Goes on as another user; the next call logs in.</summary>
    /// <param name="username">The user.</param>
    /// <param name="password">The password.</param>
    /// <param name="tokenCacheDuration">Has no effect: a token is renewed when the server says so.</param>
    public void SetCredentials(string username, string password, TimeSpan? tokenCacheDuration = null)
    {
        _ = tokenCacheDuration;
        Core.SetUser(Required(username), Required(password));
    }

    /// <summary>Goes on without a user.</summary>
    public void ClearCredentials() => Core.SetUser("", "");

    /// <summary>
    /// A client of the keys below a prefix, as if they were all there is: of reads, writes, watches, locks and
    /// elections. It shares the connections of this client and is disposed by itself.
    /// </summary>
    /// <param name="prefix">The prefix, with its separator, such as <c>app/</c>.</param>
    public EtcdClient WithNamespace(string prefix) =>
        new(Core.Below(Requests.Bytes(prefix, nameof(prefix)).ToByteArray()), _credentials, _options!);

    /// <summary>Ends the watches of the client and the calls in progress, and closes its connections.</summary>
    public void Dispose()
    {
        _watches.Dispose();
        _core?.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>The core's client.</summary>
    internal CoreClient Core =>
        _core ?? throw new NotSupportedException("this client was made for a connection of its own and not for the core");

    private static T Required<T>(T? argument, [System.Runtime.CompilerServices.CallerArgumentExpression(nameof(argument))] string? name = null)
        where T : class => argument ?? throw new ArgumentNullException(name);

    private static SslCredentials CredentialsOf(string caCert, string clientCert, string clientKey, bool publicRootCa) => new(
        publicRootCa || string.IsNullOrEmpty(caCert) ? null : caCert,
        string.IsNullOrEmpty(clientCert) ? null : new KeyCertificatePair(clientCert, clientKey));
}

using System;
using EtcdKit.Grpc;
using EtcdKit.Grpc.Interceptors;
using EtcdKit.interfaces;
using Microsoft.Extensions.DependencyInjection;

namespace EtcdKit.DependencyInjection;

/// <summary>
/// Registers one client for the whole program, as <see cref="IEtcdClient"/> and as <see cref="EtcdClient"/>. It is made
/// when it is first asked for, and disposed with the services.
/// </summary>
public static class ServiceCollectionExtensions
{
    /// <summary>Registers a client of the given endpoints.</summary>
    /// <param name="services">Where to register.</param>
    /// <param name="connectionString">Endpoints with commas between them.</param>
    /// <param name="port">The port of endpoints without one.</param>
    /// <param name="serverName">Has no effect.</param>
    /// <param name="configureChannel">Sets how to connect.</param>
    /// <param name="interceptors">See every call, the first one first.</param>
    public static IServiceCollection AddEtcdClient(
        this IServiceCollection services,
        string connectionString,
        int port = 2379,
        string serverName = "my-etcd-server",
        Action<GrpcChannelOptions>? configureChannel = null,
        Interceptor[]? interceptors = null) => services.AddEtcdClient(new EtcdClientOptions
        {
            ConnectionString = connectionString ?? throw new ArgumentNullException(nameof(connectionString)),
            Port = port,
            ServerName = serverName,
            ConfigureChannel = configureChannel,
            Interceptors = interceptors,
        });

    /// <summary>Registers a client whose options a function sets.</summary>
    /// <param name="services">Where to register.</param>
    /// <param name="configureClient">Sets the options.</param>
    public static IServiceCollection AddEtcdClient(
        this IServiceCollection services, Action<EtcdClientOptions> configureClient)
    {
        if (configureClient is null) throw new ArgumentNullException(nameof(configureClient));
        return services.AddEtcdClient((_, options) => configureClient(options));
    }

    /// <summary>Registers a client whose options a function sets that may ask other services.</summary>
    /// <param name="services">Where to register.</param>
    /// <param name="configureClient">Sets the options.</param>
    public static IServiceCollection AddEtcdClient(
        this IServiceCollection services, Action<IServiceProvider, EtcdClientOptions> configureClient)
    {
        if (configureClient is null) throw new ArgumentNullException(nameof(configureClient));
        return services.AddEtcdClient(provider =>
        {
            var options = new EtcdClientOptions();
            configureClient(provider, options);
            return options;
        });
    }

    /// <summary>Registers a client with these options.</summary>
    /// <param name="services">Where to register.</param>
    /// <param name="options">The options.</param>
    public static IServiceCollection AddEtcdClient(this IServiceCollection services, EtcdClientOptions options)
    {
        if (options is null) throw new ArgumentNullException(nameof(options));
        return services.AddEtcdClient(_ => options);
    }

    /// <summary>Registers a client whose options a function makes.</summary>
    /// <param name="services">Where to register.</param>
    /// <param name="optionsFunc">Makes the options.</param>
    public static IServiceCollection AddEtcdClient(
        this IServiceCollection services, Func<IServiceProvider, EtcdClientOptions> optionsFunc)
    {
        if (optionsFunc is null) throw new ArgumentNullException(nameof(optionsFunc));
        return Add(services, provider => new EtcdClient(optionsFunc(provider)));
    }

    /// <summary>Registers a client of service clients, such as mocks.</summary>
    /// <param name="services">Where to register.</param>
    /// <param name="connectionFactory">Makes the service clients.</param>
    /// <param name="watchManagerFactory">Makes what keeps the watches; none is the client's own.</param>
    public static IServiceCollection AddEtcdClient(
        this IServiceCollection services,
        Func<IServiceProvider, IConnection> connectionFactory,
        Func<IServiceProvider, IWatchManager>? watchManagerFactory = null)
    {
        if (connectionFactory is null) throw new ArgumentNullException(nameof(connectionFactory));
        return Add(services, provider => new EtcdClient(connectionFactory(provider), watchManagerFactory?.Invoke(provider)));
    }

    private static IServiceCollection Add(IServiceCollection services, Func<IServiceProvider, EtcdClient> make)
    {
        if (services is null) throw new ArgumentNullException(nameof(services));
        services.AddSingleton(make);
        services.AddSingleton<IEtcdClient>(provider => provider.GetRequiredService<EtcdClient>());
        return services;
    }
}

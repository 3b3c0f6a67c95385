package io.etcdkit;

import io.etcdkit.bridge.v1.ClientConfig;
import io.etcdkit.bridge.v1.TlsConfig;
import io.etcdkit.grpc.SslContext;
import io.etcdkit.grpc.SslContextBuilder;
import io.etcdkit.internal.Bytes;
import io.etcdkit.internal.ClientImpl;
import io.etcdkit.internal.Targets;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import javax.net.ssl.SSLException;

/** Collects what a client needs to know. Not for use by many threads at once. */
public final class ClientBuilder implements Cloneable {
    private String target;
    private Server server;
    private ByteSequence user;
    private ByteSequence password;
    private ByteSequence namespace = ByteSequence.EMPTY;
    private ExecutorService executorService;
    private String loadBalancerPolicy = "round_robin";
    private SslContext sslContext;
    private String authority;
    private Integer maxInboundMessageSize;
    private long retryDelay = 500;
    private long retryMaxDelay = 2500;
    private int retryMaxAttempts = 2;
    private ChronoUnit retryChronoUnit = ChronoUnit.MILLIS;
    private Duration retryMaxDuration;
    private Duration keepaliveTime = Duration.ofSeconds(30);
    private Duration keepaliveTimeout = Duration.ofSeconds(10);
    private Boolean keepaliveWithoutCalls = true;
    private Duration connectTimeout;
    private boolean waitForReady = true;

    ClientBuilder() {}

    /** {@return the target, or null} */
    public String target() {
        return target;
    }

    /**
     * Names the servers.
     *
     * @param target {@code ip:///host:port,host:port}, {@code dns:///host:port} or an endpoint
     * @return this builder
     * @throws IllegalArgumentException for a target of another kind
     */
    public ClientBuilder target(String target) {
        Targets.endpoints(target);
        this.target = target;
        return this;
    }

    /**
     * Names the servers.
     *
     * @param endpoints such as {@code http://127.0.0.1:2379}
     * @return this builder
     */
    public ClientBuilder endpoints(String... endpoints) {
        return endpoints(Arrays.stream(endpoints).map(URI::create).collect(Collectors.toList()));
    }

    /**
     * Names the servers.
     *
     * @param endpoints such as {@code http://127.0.0.1:2379}
     * @return this builder
     */
    public ClientBuilder endpoints(URI... endpoints) {
        return endpoints(List.of(endpoints));
    }

    /**
     * Names the servers.
     *
     * @param endpoints such as {@code http://127.0.0.1:2379}
     * @return this builder
     */
    public ClientBuilder endpoints(Iterable<URI> endpoints) {
        return target(String.join(",", Targets.endpoints(endpoints)));
    }

    /**
     * Names a server of this process, which is then reached without a socket. It must outlive the
     * client.
     *
     * @param server the server
     * @return this builder
     */
    public ClientBuilder server(Server server) {
        this.server = server;
        return this;
    }

    /**
     * Sets how https endpoints are spoken to.
     *
     * @param consumer is given the builder to fill
     * @return this builder
     * @throws SSLException if what was given cannot be read
     */
    public ClientBuilder sslContext(Consumer<SslContextBuilder> consumer) throws SSLException {
        SslContextBuilder builder = SslContextBuilder.forClient();
        consumer.accept(builder);
        return sslContext(builder.build());
    }

    /** {@return the user; null for none} */
    public ByteSequence user() {
        return user;
    }

    /**
     * Logs in as a user, with the first call.
     *
     * @param value the user; null for none
     * @return this builder
     */
    public ClientBuilder user(ByteSequence value) {
        user = value;
        return this;
    }

    /** {@return the password; null for none} */
    public ByteSequence password() {
        return password;
    }

    /**
     * Sets the password of the user.
     *
     * @param value the password; null for none
     * @return this builder
     */
    public ClientBuilder password(ByteSequence value) {
        password = value;
        return this;
    }

    /** {@return the prefix put before every key and taken off again; empty for none} */
    public ByteSequence namespace() {
        return namespace;
    }

    /**
     * Puts a prefix before every key of this client and takes it off again.
     *
     * @param value the prefix put before every key and taken off again; empty for none
     * @return this builder
     */
    public ClientBuilder namespace(ByteSequence value) {
        namespace = value;
        return this;
    }

    /** {@return what runs callbacks; null for threads of the SDK} */
    public ExecutorService executorService() {
        return executorService;
    }

    /**
     * Sets what runs callbacks. It is not shut down with the client.
     *
     * @param value what runs callbacks; null for threads of the SDK
     * @return this builder
     */
    public ClientBuilder executorService(ExecutorService value) {
        executorService = value;
        return this;
    }

    /** {@return the policy; the core always spreads calls over healthy endpoints} */
    public String loadBalancerPolicy() {
        return loadBalancerPolicy;
    }

    /**
     * Accepted for programs that say it: the core always spreads calls over healthy endpoints.
     *
     * @param value the policy; the core always spreads calls over healthy endpoints
     * @return this builder
     */
    public ClientBuilder loadBalancerPolicy(String value) {
        loadBalancerPolicy = value;
        return this;
    }

    /** {@return how https endpoints are spoken to; null for the roots of the system} */
    public SslContext sslContext() {
        return sslContext;
    }

    /**
     * Sets how https endpoints are spoken to.
     *
     * @param value how https endpoints are spoken to; null for the roots of the system
     * @return this builder
     */
    public ClientBuilder sslContext(SslContext value) {
        sslContext = value;
        return this;
    }

    /**
     * {@return the name the server's certificate must be for; null for the host of the endpoint}
     */
    public String authority() {
        return authority;
    }

    /**
     * Sets the name the server's certificate must be for.
     *
     * @param value the name the server's certificate must be for; null for the host of the endpoint
     * @return this builder
     */
    public ClientBuilder authority(String value) {
        authority = value;
        return this;
    }

    /** {@return the largest answer in bytes; null for no limit but gRPC's} */
    public Integer maxInboundMessageSize() {
        return maxInboundMessageSize;
    }

    /**
     * Sets the largest answer in bytes.
     *
     * @param value the largest answer in bytes; null for no limit but gRPC's
     * @return this builder
     */
    public ClientBuilder maxInboundMessageSize(Integer value) {
        maxInboundMessageSize = value;
        return this;
    }

    /** {@return accepted, see the setter} */
    public long retryDelay() {
        return retryDelay;
    }

    /**
     * Accepted for programs that say it: the core has delays of its own.
     *
     * @param value accepted, see the setter
     * @return this builder
     */
    public ClientBuilder retryDelay(long value) {
        retryDelay = value;
        return this;
    }

    /** {@return accepted, see the setter} */
    public long retryMaxDelay() {
        return retryMaxDelay;
    }

    /**
     * Accepted for programs that say it: the core has delays of its own.
     *
     * @param value accepted, see the setter
     * @return this builder
     */
    public ClientBuilder retryMaxDelay(long value) {
        retryMaxDelay = value;
        return this;
    }

    /** {@return accepted, see the setter} */
    public int retryMaxAttempts() {
        return retryMaxAttempts;
    }

    /**
     * Accepted for programs that say it: the core repeats what is safe to repeat until the time
     * limit.
     *
     * @param value accepted, see the setter
     * @return this builder
     */
    public ClientBuilder retryMaxAttempts(int value) {
        retryMaxAttempts = value;
        return this;
    }

    /** {@return accepted, see the setter} */
    public ChronoUnit retryChronoUnit() {
        return retryChronoUnit;
    }

    /**
     * Accepted for programs that say it.
     *
     * @param value accepted, see the setter
     * @return this builder
     */
    public ClientBuilder retryChronoUnit(ChronoUnit value) {
        retryChronoUnit = value;
        return this;
    }

    /** {@return the time limit of a call with its repetitions; null for five seconds} */
    public Duration retryMaxDuration() {
        return retryMaxDuration;
    }

    /**
     * Sets the time limit of a call with its repetitions. Calls that wait for something, as for a
     * lock, have none.
     *
     * @param value the time limit of a call with its repetitions; null for five seconds
     * @return this builder
     */
    public ClientBuilder retryMaxDuration(Duration value) {
        retryMaxDuration = value;
        return this;
    }

    /** {@return silence after which a connection is pinged} */
    public Duration keepaliveTime() {
        return keepaliveTime;
    }

    /**
     * Sets after how much silence a connection is pinged.
     *
     * @param value silence after which a connection is pinged
     * @return this builder
     */
    public ClientBuilder keepaliveTime(Duration value) {
        keepaliveTime = value;
        return this;
    }

    /** {@return how long a ping may stay unanswered} */
    public Duration keepaliveTimeout() {
        return keepaliveTimeout;
    }

    /**
     * Sets how long a ping may stay unanswered before the connection is given up.
     *
     * @param value how long a ping may stay unanswered
     * @return this builder
     */
    public ClientBuilder keepaliveTimeout(Duration value) {
        keepaliveTimeout = value;
        return this;
    }

    /** {@return accepted, see the setter} */
    public Boolean keepaliveWithoutCalls() {
        return keepaliveWithoutCalls;
    }

    /**
     * Accepted for programs that say it: connections without calls are not pinged, since etcd
     * closes connections that do.
     *
     * @param value accepted, see the setter
     * @return this builder
     */
    public ClientBuilder keepaliveWithoutCalls(Boolean value) {
        keepaliveWithoutCalls = value;
        return this;
    }

    /** {@return the time limit of making a connection; null for two seconds} */
    public Duration connectTimeout() {
        return connectTimeout;
    }

    /**
     * Sets the time limit of making a connection.
     *
     * @param value the time limit of making a connection; null for two seconds
     * @return this builder
     */
    public ClientBuilder connectTimeout(Duration value) {
        connectTimeout = value;
        return this;
    }

    /** {@return accepted, see the setter} */
    public boolean waitForReady() {
        return waitForReady;
    }

    /**
     * Accepted for programs that say it: calls wait for a server until their time limit.
     *
     * @param value accepted, see the setter
     * @return this builder
     */
    public ClientBuilder waitForReady(boolean value) {
        waitForReady = value;
        return this;
    }

    /**
     * Opens a client. Needs no server that is there: the first call connects.
     *
     * @return the client
     * @throws IllegalStateException if no server is named
     * @throws io.etcdkit.common.exception.EtcdException if something given is wrong
     */
    public Client build() {
        ClientConfig.Builder config = ClientConfig.newBuilder();
        if (server != null) {
            config.setServer(server.handle());
        } else if (target != null) {
            config.addAllEndpoints(endpoints());
        } else {
            throw new IllegalStateException("name the servers with endpoints(...) before build()");
        }
        if (user != null) {
            config.setUser(user.toString(StandardCharsets.UTF_8));
            config.setPassword(password == null ? "" : password.toString(StandardCharsets.UTF_8));
        }
        config.setNamespace(Bytes.of(namespace))
                .setConnectTimeoutMs(millis(connectTimeout))
                .setRequestTimeoutMs(millis(retryMaxDuration))
                .setKeepaliveTimeMs(millis(keepaliveTime))
                .setKeepaliveTimeoutMs(millis(keepaliveTimeout));
        if (maxInboundMessageSize != null) {
            config.setMaxRecvBytes(maxInboundMessageSize);
        }
        if (sslContext != null || authority != null) {
            config.setTls(tls());
        }
        return ClientImpl.open(config.build(), executorService);
    }

    private TlsConfig tls() {
        TlsConfig.Builder tls =
                sslContext == null ? TlsConfig.newBuilder() : Bytes.tls(sslContext).toBuilder();
        return authority == null ? tls.build() : tls.setServerName(authority).build();
    }

    /** With a TLS context jetcd speaks TLS to every endpoint, also to those that do not say so. */
    private List<String> endpoints() {
        List<String> endpoints = new ArrayList<>();
        for (String endpoint : Targets.endpoints(target)) {
            boolean bare = !endpoint.contains("://") && !endpoint.startsWith("unix:");
            endpoints.add(bare && sslContext != null ? "https://" + endpoint : endpoint);
        }
        return endpoints;
    }

    private static long millis(Duration duration) {
        return duration == null ? 0 : Math.max(1, duration.toMillis());
    }

    /** {@return a copy of this builder} */
    public ClientBuilder copy() {
        try {
            return (ClientBuilder) super.clone();
        } catch (CloneNotSupportedException impossible) {
            throw new AssertionError(impossible);
        }
    }
}

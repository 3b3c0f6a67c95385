package io.etcdkit.internal;

import static java.util.Objects.requireNonNull;

import io.etcdkit.ByteSequence;
import io.etcdkit.Watch;
import io.etcdkit.bridge.v1.Empty;
import io.etcdkit.bridge.v1.WatchOptions;
import io.etcdkit.common.exception.ErrorCode;
import io.etcdkit.common.exception.EtcdException;
import io.etcdkit.common.exception.EtcdExceptionFactory;
import io.etcdkit.internal.etcdserverpb.WatchCreateRequest;
import io.etcdkit.internal.etcdserverpb.WatchResponse;
import io.etcdkit.options.WatchOption;

/** {@link Watch} on the core. */
final class WatchImpl implements Watch {
    /**
     * How long {@code watch} waits for the server to create the watch: longer than a server takes
     * that is there.
     */
    private static final long CREATED_WAIT_SECONDS = 5;

    private final Connection connection;
    private final Streams streams = new Streams();

    WatchImpl(Connection connection) {
        this.connection = connection;
    }

    @Override
    public Watcher watch(ByteSequence key, WatchOption option, Listener listener) {
        requireNonNull(key, "key");
        requireNonNull(option, "option");
        requireNonNull(listener, "listener");
        if (streams.isClosed()) {
            throw EtcdExceptionFactory.newClosedWatchClientException();
        }
        WatcherImpl watcher = new WatcherImpl(option, listener);
        watcher.open(request(key, option));
        return watcher;
    }

    private static WatchOptions request(ByteSequence key, WatchOption option) {
        WatchCreateRequest.Builder create =
                WatchCreateRequest.newBuilder()
                        .setKey(Requests.first(key, option.isPrefix()))
                        .setRangeEnd(Requests.end(key, option.getEndKey(), option.isPrefix()))
                        .setStartRevision(option.getRevision())
                        .setPrevKv(option.isPrevKV())
                        .setProgressNotify(option.isProgressNotify());
        if (option.isNoPut()) {
            create.addFilters(WatchCreateRequest.FilterType.NOPUT);
        }
        if (option.isNoDelete()) {
            create.addFilters(WatchCreateRequest.FilterType.NODELETE);
        }
        return WatchOptions.newBuilder()
                .setCreate(create)
                .setDeliverCreated(option.isCreatedNotify())
                .build();
    }

    @Override
    public void requestProgress() {
        // The server answers for all watches of the connection at once.
        requestProgress(streams.any());
    }

    private void requestProgress(Pump<?> pump) {
        long stream = pump == null ? 0 : pump.stream();
        if (stream != 0) {
            byte[] nothing = Empty.getDefaultInstance().toByteArray();
            Core.get().start(ignored -> {}, stream, Methods.WATCH_PROGRESS, nothing, 0);
        }
    }

    @Override
    public void close() {
        streams.close();
    }

    private final class WatcherImpl implements Watcher, Pump.Sink<WatchResponse> {
        private final WatchOption option;
        private final Listener listener;
        private final Pump<WatchResponse> pump =
                new Pump<>(connection, WatchResponse.parser(), this);

        WatcherImpl(WatchOption option, Listener listener) {
            this.option = option;
            this.listener = listener;
        }

        void open(WatchOptions request) {
            streams.add(pump);
            pump.open(Methods.WATCH_OPEN, request);
            pump.awaitOpen(CREATED_WAIT_SECONDS);
        }

        @Override
        public void close() {
            pump.close();
        }

        @Override
        public boolean isClosed() {
            return pump.isClosed();
        }

        @Override
        public void requestProgress() {
            WatchImpl.this.requestProgress(pump);
        }

        @Override
        public void item(WatchResponse response) {
            if (response.getCanceled()) {
                listener.onError(reason(response));
                pump.close();
                return;
            }
            boolean wanted =
                    response.getCreated() ? option.isCreatedNotify() : !response.getFragment();
            if (wanted) {
                listener.onNext(WatchResponses.of(response));
            }
        }

        @Override
        public void failed(EtcdException error, int kind) {
            streams.remove(pump);
            listener.onError(error);
            listener.onCompleted();
        }

        @Override
        public void ended(boolean closed) {
            streams.remove(pump);
            listener.onCompleted();
        }
    }

    private static EtcdException reason(WatchResponse response) {
        if (response.getCompactRevision() != 0) {
            return EtcdExceptionFactory.newCompactedException(response.getCompactRevision());
        }
        if (response.getCancelReason().isEmpty()) {
            return EtcdExceptionFactory.newEtcdException(
                    ErrorCode.OUT_OF_RANGE,
                    "etcdserver: mvcc: required revision is a future revision");
        }
        return EtcdExceptionFactory.newEtcdException(
                ErrorCode.FAILED_PRECONDITION, response.getCancelReason());
    }
}

package io.etcdkit.internal;

import static java.util.Objects.requireNonNull;

import io.etcdkit.ByteSequence;
import io.etcdkit.KV;
import io.etcdkit.Txn;
import io.etcdkit.internal.etcdserverpb.CompactionRequest;
import io.etcdkit.internal.etcdserverpb.CompactionResponse;
import io.etcdkit.internal.etcdserverpb.DeleteRangeResponse;
import io.etcdkit.internal.etcdserverpb.RangeResponse;
import io.etcdkit.kv.CompactResponse;
import io.etcdkit.kv.DeleteResponse;
import io.etcdkit.kv.GetResponse;
import io.etcdkit.kv.PutResponse;
import io.etcdkit.options.CompactOption;
import io.etcdkit.options.DeleteOption;
import io.etcdkit.options.GetOption;
import io.etcdkit.options.PutOption;
import io.etcdkit.options.TxnOption;
import java.util.concurrent.CompletableFuture;

/** {@link KV} on the core. */
final class KVImpl implements KV {
    private final Connection connection;

    KVImpl(Connection connection) {
        this.connection = connection;
    }

    @Override
    public CompletableFuture<PutResponse> put(ByteSequence key, ByteSequence value) {
        return put(key, value, PutOption.DEFAULT);
    }

    @Override
    public CompletableFuture<PutResponse> put(
            ByteSequence key, ByteSequence value, PutOption option) {
        requireNonNull(key, "key");
        requireNonNull(value, "value");
        requireNonNull(option, "option");
        return connection.call(
                Methods.KV_PUT,
                Requests.put(key, value, option),
                io.etcdkit.internal.etcdserverpb.PutResponse.parser(),
                Responses::put);
    }

    @Override
    public CompletableFuture<GetResponse> get(ByteSequence key) {
        return get(key, GetOption.DEFAULT);
    }

    @Override
    public CompletableFuture<GetResponse> get(ByteSequence key, GetOption option) {
        requireNonNull(key, "key");
        requireNonNull(option, "option");
        return connection.call(
                Methods.KV_RANGE,
                Requests.get(key, option),
                RangeResponse.parser(),
                Responses::get);
    }

    @Override
    public CompletableFuture<DeleteResponse> delete(ByteSequence key) {
        return delete(key, DeleteOption.DEFAULT);
    }

    @Override
    public CompletableFuture<DeleteResponse> delete(ByteSequence key, DeleteOption option) {
        requireNonNull(key, "key");
        requireNonNull(option, "option");
        return connection.call(
                Methods.KV_DELETE_RANGE,
                Requests.delete(key, option),
                DeleteRangeResponse.parser(),
                Responses::delete);
    }

    @Override
    public CompletableFuture<CompactResponse> compact(long rev) {
        return compact(rev, CompactOption.DEFAULT);
    }

    @Override
    public CompletableFuture<CompactResponse> compact(long rev, CompactOption option) {
        requireNonNull(option, "option");
        CompactionRequest request =
                CompactionRequest.newBuilder()
                        .setRevision(rev)
                        .setPhysical(option.isPhysical())
                        .build();
        return connection.call(
                Methods.KV_COMPACT, request, CompactionResponse.parser(), Responses::compact);
    }

    @Override
    public Txn txn() {
        return txn(TxnOption.DEFAULT);
    }

    @Override
    public Txn txn(TxnOption option) {
        requireNonNull(option, "option");
        return new TxnImpl(connection);
    }
}

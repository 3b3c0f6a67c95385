package io.etcdkit;

import io.etcdkit.kv.CompactResponse;
import io.etcdkit.kv.DeleteResponse;
import io.etcdkit.kv.GetResponse;
import io.etcdkit.kv.PutResponse;
import io.etcdkit.options.CompactOption;
import io.etcdkit.options.DeleteOption;
import io.etcdkit.options.GetOption;
import io.etcdkit.options.PutOption;
import io.etcdkit.options.TxnOption;
import io.etcdkit.support.CloseableClient;
import java.util.concurrent.CompletableFuture;

/**
 * Reads and writes keys.
 *
 * <p>Safe for use by many threads. Futures fail with an {@link
 * io.etcdkit.common.exception.EtcdException}; cancelling one withdraws the request from the server.
 * Nothing may be null.
 */
public interface KV extends CloseableClient {
    /**
     * Writes a key (RPC KV.Put).
     *
     * @param key the key; not empty
     * @param value its new value
     * @return the answer
     */
    CompletableFuture<PutResponse> put(ByteSequence key, ByteSequence value);

    /**
     * Writes a key (RPC KV.Put).
     *
     * @param key the key; not empty
     * @param value its new value
     * @param option how
     * @return the answer
     */
    CompletableFuture<PutResponse> put(ByteSequence key, ByteSequence value, PutOption option);

    /**
     * Reads a key (RPC KV.Range).
     *
     * @param key the key; not empty
     * @return what was found
     */
    CompletableFuture<GetResponse> get(ByteSequence key);

    /**
     * Reads keys (RPC KV.Range).
     *
     * @param key the key, or the first one
     * @param option which keys, and how
     * @return what was found
     */
    CompletableFuture<GetResponse> get(ByteSequence key, GetOption option);

    /**
     * Deletes a key (RPC KV.DeleteRange).
     *
     * @param key the key; not empty
     * @return the answer
     */
    CompletableFuture<DeleteResponse> delete(ByteSequence key);

    /**
     * Deletes keys (RPC KV.DeleteRange).
     *
     * @param key the key, or the first one
     * @param option which keys, and what to answer
     * @return the answer
     */
    CompletableFuture<DeleteResponse> delete(ByteSequence key, DeleteOption option);

    /**
     * Forgets history (RPC KV.Compact): what was replaced or deleted up to a revision cannot be
     * read any more.
     *
     * @param rev the revision
     * @return the answer
     */
    CompletableFuture<CompactResponse> compact(long rev);

    /**
     * Forgets history (RPC KV.Compact): what was replaced or deleted up to a revision cannot be
     * read any more.
     *
     * @param rev the revision
     * @param option how
     * @return the answer
     */
    CompletableFuture<CompactResponse> compact(long rev, CompactOption option);

    /**
     * Begins a transaction (RPC KV.Txn).
     *
     * @return the transaction; nothing happens until it is committed
     */
    Txn txn();

    /**
     * Begins a transaction (RPC KV.Txn).
     *
     * @param option how
     * @return the transaction; nothing happens until it is committed
     */
    Txn txn(TxnOption option);
}

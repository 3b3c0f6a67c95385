package io.etcdkit;

import io.etcdkit.kv.TxnResponse;
import io.etcdkit.op.Cmp;
import io.etcdkit.op.Op;
import java.util.concurrent.CompletableFuture;

/**
 * A transaction: if all comparisons hold, one list of operations is run, otherwise another, at once
 * and at one revision.
 *
 * <p>The parts are said in the order {@code If}, {@code Then}, {@code Else}; each may be left out.
 * Not for use by many threads at once.
 */
public interface Txn {
    /**
     * Adds comparisons; all must hold. None at all always hold.
     *
     * @param cmps the comparisons
     * @return this transaction
     * @throws IllegalArgumentException after {@code Then} or {@code Else}
     */
    Txn If(Cmp... cmps);

    /**
     * Adds operations to run if the comparisons hold.
     *
     * @param ops the operations
     * @return this transaction
     * @throws IllegalArgumentException after {@code Else}
     */
    Txn Then(Op... ops);

    /**
     * Adds operations to run if a comparison does not hold.
     *
     * @param ops the operations
     * @return this transaction
     */
    Txn Else(Op... ops);

    /**
     * Sends the transaction (RPC KV.Txn).
     *
     * @return what was done
     */
    CompletableFuture<TxnResponse> commit();
}

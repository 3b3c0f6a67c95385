package io.etcdkit.internal;

import io.etcdkit.Txn;
import io.etcdkit.kv.TxnResponse;
import io.etcdkit.op.Cmp;
import io.etcdkit.op.Op;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/** {@link Txn} on the core. */
final class TxnImpl implements Txn {
    private final Connection connection;
    private final List<Cmp> cmps = new ArrayList<>();
    private final List<Op> thenOps = new ArrayList<>();
    private final List<Op> elseOps = new ArrayList<>();
    private boolean seenThen;
    private boolean seenElse;

    TxnImpl(Connection connection) {
        this.connection = connection;
    }

    @Override
    public Txn If(Cmp... more) {
        refuse(seenThen, "cannot call If after Then!");
        refuse(seenElse, "cannot call If after Else!");
        cmps.addAll(List.of(more));
        return this;
    }

    @Override
    public Txn Then(Op... more) {
        refuse(seenElse, "cannot call Then after Else!");
        seenThen = true;
        thenOps.addAll(List.of(more));
        return this;
    }

    @Override
    public Txn Else(Op... more) {
        seenElse = true;
        elseOps.addAll(List.of(more));
        return this;
    }

    @Override
    public CompletableFuture<TxnResponse> commit() {
        return connection.call(
                Methods.KV_TXN,
                Requests.txn(cmps, thenOps, elseOps),
                io.etcdkit.internal.etcdserverpb.TxnResponse.parser(),
                Responses::txn);
    }

    private static void refuse(boolean wrong, String message) {
        if (wrong) {
            throw new IllegalArgumentException(message);
        }
    }
}

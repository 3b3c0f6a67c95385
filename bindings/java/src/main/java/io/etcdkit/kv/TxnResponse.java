package io.etcdkit.kv;

import io.etcdkit.AbstractResponse;
import java.util.ArrayList;
import java.util.List;

/** The answer to a transaction. */
public class TxnResponse extends AbstractResponse {
    private final boolean succeeded;
    private final List<AbstractResponse> responses;

    /**
     * Makes a response.
     *
     * @param header which server answered
     * @param succeeded whether the comparisons held
     * @param responses the answers to the operations that were run, in their order
     */
    public TxnResponse(Header header, boolean succeeded, List<AbstractResponse> responses) {
        super(header);
        this.succeeded = succeeded;
        this.responses = List.copyOf(responses);
    }

    /** {@return whether the comparisons held, and so the operations of {@code Then} were run} */
    public boolean isSucceeded() {
        return succeeded;
    }

    /** {@return the answers to all operations that were run, in their order} */
    public List<AbstractResponse> getResponses() {
        return responses;
    }

    /** {@return the answers to the deletes} */
    public List<DeleteResponse> getDeleteResponses() {
        return of(DeleteResponse.class);
    }

    /** {@return the answers to the gets} */
    public List<GetResponse> getGetResponses() {
        return of(GetResponse.class);
    }

    /** {@return the answers to the puts} */
    public List<PutResponse> getPutResponses() {
        return of(PutResponse.class);
    }

    /** {@return the answers to the transactions inside} */
    public List<TxnResponse> getTxnResponses() {
        return of(TxnResponse.class);
    }

    private <T> List<T> of(Class<T> type) {
        List<T> found = new ArrayList<>();
        for (AbstractResponse response : responses) {
            if (type.isInstance(response)) {
                found.add(type.cast(response));
            }
        }
        return List.copyOf(found);
    }
}

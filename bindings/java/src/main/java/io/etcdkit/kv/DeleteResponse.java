package io.etcdkit.kv;

import io.etcdkit.AbstractResponse;
import io.etcdkit.KeyValue;
import java.util.List;

/** The answer to a delete. */
public class DeleteResponse extends AbstractResponse {
    private final long deleted;
    private final List<KeyValue> prevKvs;

    /**
     * Makes a response.
     *
     * @param header which server answered
     * @param deleted how many keys were deleted
     * @param prevKvs the deleted pairs; empty unless asked for
     */
    public DeleteResponse(Header header, long deleted, List<KeyValue> prevKvs) {
        super(header);
        this.deleted = deleted;
        this.prevKvs = List.copyOf(prevKvs);
    }

    /** {@return how many keys were deleted} */
    public long getDeleted() {
        return deleted;
    }

    /** {@return the deleted pairs; empty unless asked for} */
    public List<KeyValue> getPrevKvs() {
        return prevKvs;
    }
}

package io.etcdkit.kv;

import io.etcdkit.AbstractResponse;
import io.etcdkit.KeyValue;

/** The answer to a put. */
public class PutResponse extends AbstractResponse {
    private final KeyValue prevKv;

    /**
     * Makes a response.
     *
     * @param header which server answered
     * @param prevKv the previous pair; {@link KeyValue#NONE} when there was none or it was not
     *     asked for
     */
    public PutResponse(Header header, KeyValue prevKv) {
        super(header);
        this.prevKv = prevKv;
    }

    /**
     * {@return the previous pair; {@link KeyValue#NONE} when there was none or it was not asked
     * for}
     */
    public KeyValue getPrevKv() {
        return prevKv;
    }

    /** {@return whether there is a previous pair} */
    public boolean hasPrevKv() {
        return prevKv != KeyValue.NONE;
    }
}

package io.etcdkit.lock;

import io.etcdkit.AbstractResponse;
import io.etcdkit.ByteSequence;

/** The answer that a lock is held. */
public class LockResponse extends AbstractResponse {
    private final ByteSequence key;

    /**
     * Makes a response.
     *
     * @param header which server answered
     * @param key the key of the owner, for unlocking
     */
    public LockResponse(Header header, ByteSequence key) {
        super(header);
        this.key = key;
    }

    /** {@return the key of the owner, for unlocking} */
    public ByteSequence getKey() {
        return key;
    }
}

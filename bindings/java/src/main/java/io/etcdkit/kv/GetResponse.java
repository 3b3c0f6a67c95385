package io.etcdkit.kv;

import io.etcdkit.AbstractResponse;
import io.etcdkit.KeyValue;
import java.util.List;

/** The keys that were found. */
public class GetResponse extends AbstractResponse {
    private final List<KeyValue> kvs;
    private final boolean more;
    private final long count;

    /**
     * Makes a response.
     *
     * @param header which server answered
     * @param kvs the keys with their values
     * @param more whether the limit cut some off
     * @param count the number of keys in the range, whatever the limit
     */
    public GetResponse(Header header, List<KeyValue> kvs, boolean more, long count) {
        super(header);
        this.kvs = List.copyOf(kvs);
        this.more = more;
        this.count = count;
    }

    /** {@return the keys with their values} */
    public List<KeyValue> getKvs() {
        return kvs;
    }

    /** {@return whether the limit cut some off} */
    public boolean isMore() {
        return more;
    }

    /** {@return the number of keys in the range, whatever the limit} */
    public long getCount() {
        return count;
    }
}

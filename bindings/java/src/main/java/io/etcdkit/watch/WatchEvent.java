package io.etcdkit.watch;

import io.etcdkit.KeyValue;

/** A change of a key. */
public class WatchEvent {
    /** What happened. */
    public enum EventType {
        /** The key was written. */
        PUT,
        /** The key was deleted, or its lease ended. */
        DELETE,
        /** Something this version does not know. */
        UNRECOGNIZED
    }

    private final KeyValue keyValue;
    private final KeyValue prevKV;
    private final EventType eventType;

    /**
     * Makes an event.
     *
     * @param keyValue the key after the change; of a deleted one the key and the revision alone
     * @param prevKV the pair before the change, {@link KeyValue#NONE} if there was none or it was
     *     not asked for
     * @param eventType what happened
     */
    public WatchEvent(KeyValue keyValue, KeyValue prevKV, EventType eventType) {
        this.keyValue = keyValue;
        this.prevKV = prevKV;
        this.eventType = eventType;
    }

    /** {@return the key after the change; of a deleted one the key and the revision alone} */
    public KeyValue getKeyValue() {
        return keyValue;
    }

    /**
     * {@return the pair before the change; {@link KeyValue#NONE} if there was none or it was not
     * asked for}
     */
    public KeyValue getPrevKV() {
        return prevKV;
    }

    /** {@return what happened} */
    public EventType getEventType() {
        return eventType;
    }

    @Override
    public String toString() {
        return eventType + " " + keyValue;
    }
}

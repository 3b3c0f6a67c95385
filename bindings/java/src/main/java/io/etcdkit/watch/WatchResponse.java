package io.etcdkit.watch;

import io.etcdkit.AbstractResponse;
import java.util.List;

/**
 * What a watch tells: events of one or more revisions, whole revisions at a time; or that it was
 * created; or how far it is.
 */
public class WatchResponse extends AbstractResponse {
    private final List<WatchEvent> events;
    private final boolean created;

    /**
     * Makes a response.
     *
     * @param header which server answered
     * @param events the events, in the order in which they happened
     * @param created whether it tells that the watch was created
     */
    public WatchResponse(Header header, List<WatchEvent> events, boolean created) {
        super(header);
        this.events = List.copyOf(events);
        this.created = created;
    }

    /** {@return the events, in the order in which they happened} */
    public List<WatchEvent> getEvents() {
        return events;
    }

    /**
     * {@return whether it tells only up to which revision, that of the header, the watch has been
     * served}
     */
    public boolean isProgressNotify() {
        return events.isEmpty() && !created && getHeader().getRevision() != 0;
    }

    /** {@return whether it tells that the watch was created} */
    public boolean isCreatedNotify() {
        return created;
    }
}

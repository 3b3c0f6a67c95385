package io.etcdkit.internal;

import io.etcdkit.KeyValue;
import io.etcdkit.internal.mvccpb.Event;
import io.etcdkit.watch.WatchEvent;
import io.etcdkit.watch.WatchResponse;
import java.util.ArrayList;
import java.util.List;

/** Messages of a watch as responses. */
final class WatchResponses {
    private WatchResponses() {}

    static WatchResponse of(io.etcdkit.internal.etcdserverpb.WatchResponse response) {
        List<WatchEvent> events = new ArrayList<>(response.getEventsCount());
        for (Event event : response.getEventsList()) {
            events.add(event(event));
        }
        return new WatchResponse(
                Responses.header(response.getHeader()), events, response.getCreated());
    }

    private static WatchEvent event(Event event) {
        return new WatchEvent(
                Responses.keyValue(event.getKv()),
                event.hasPrevKv() ? Responses.keyValue(event.getPrevKv()) : KeyValue.NONE,
                type(event.getType()));
    }

    private static WatchEvent.EventType type(Event.EventType type) {
        switch (type) {
            case PUT:
                return WatchEvent.EventType.PUT;
            case DELETE:
                return WatchEvent.EventType.DELETE;
            default:
                return WatchEvent.EventType.UNRECOGNIZED;
        }
    }
}

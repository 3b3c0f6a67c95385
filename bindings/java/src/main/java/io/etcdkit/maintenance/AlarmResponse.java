package io.etcdkit.maintenance;

import io.etcdkit.AbstractResponse;
import java.util.List;

/** Alarms that are raised. */
public class AlarmResponse extends AbstractResponse {
    private final List<AlarmMember> alarms;

    /**
     * Makes a response.
     *
     * @param header which server answered
     * @param alarms the alarms
     */
    public AlarmResponse(Header header, List<AlarmMember> alarms) {
        super(header);
        this.alarms = List.copyOf(alarms);
    }

    /** {@return the alarms} */
    public List<AlarmMember> getAlarms() {
        return alarms;
    }
}

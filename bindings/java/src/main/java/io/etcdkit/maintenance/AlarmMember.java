package io.etcdkit.maintenance;

/** An alarm of a member. */
public class AlarmMember {
    private final long memberId;
    private final AlarmType alarmType;

    /**
     * Makes a value.
     *
     * @param memberId the member
     * @param alarmType the alarm
     */
    public AlarmMember(long memberId, AlarmType alarmType) {
        this.memberId = memberId;
        this.alarmType = alarmType;
    }

    /** {@return the member} */
    public long getMemberId() {
        return memberId;
    }

    /** {@return the alarm} */
    public AlarmType getAlarmType() {
        return alarmType;
    }
}

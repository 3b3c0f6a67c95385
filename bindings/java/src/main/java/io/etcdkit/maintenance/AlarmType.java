package io.etcdkit.maintenance;

/** What an alarm is about. */
public enum AlarmType {
    /** Nothing; for all alarms where they are listed or cleared. */
    NONE,
    /** The storage has reached its limit: writes are refused. */
    NOSPACE,
    /** The member's data is damaged. */
    CORRUPT,
    /** Something this version does not know. */
    UNRECOGNIZED
}

package io.etcdkit.election;

import io.etcdkit.ByteSequence;

/** Who leads an election, as the leader proves it. */
public class LeaderKey {
    private final ByteSequence name;
    private final ByteSequence key;
    private final long revision;
    private final long lease;

    /**
     * Makes a value.
     *
     * @param name the name of the election
     * @param key the key of the leader
     * @param revision the revision at which the key was created; it grows from leader to leader
     * @param lease the lease of the leader
     */
    public LeaderKey(ByteSequence name, ByteSequence key, long revision, long lease) {
        this.name = name;
        this.key = key;
        this.revision = revision;
        this.lease = lease;
    }

    /** {@return the name of the election} */
    public ByteSequence getName() {
        return name;
    }

    /** {@return the key of the leader} */
    public ByteSequence getKey() {
        return key;
    }

    /** {@return the revision at which the key was created; it grows from leader to leader} */
    public long getRevision() {
        return revision;
    }

    /** {@return the lease of the leader} */
    public long getLease() {
        return lease;
    }
}

package io.etcdkit.maintenance;

import io.etcdkit.AbstractResponse;
import java.util.List;

/** The state of a member. */
public class StatusResponse extends AbstractResponse {
    private final String version;
    private final long dbSize;
    private final long leader;
    private final long raftIndex;
    private final long raftTerm;
    private final long raftAppliedIndex;
    private final List<String> errorList;
    private final long dbSizeInUse;
    private final boolean learner;

    /**
     * Makes a response.
     *
     * @param header which server answered
     * @param version the version of the server
     * @param dbSize the size of its storage in bytes
     * @param leader the member that leads; 0 when it sees none
     * @param raftIndex the end of its committed log
     * @param raftTerm its term
     * @param raftAppliedIndex how far it has applied its log
     * @param errorList what is wrong with it; empty when nothing is
     * @param dbSizeInUse how much of the storage is in use, in bytes
     * @param learner whether it does not vote yet
     */
    public StatusResponse(
            Header header,
            String version,
            long dbSize,
            long leader,
            long raftIndex,
            long raftTerm,
            long raftAppliedIndex,
            List<String> errorList,
            long dbSizeInUse,
            boolean learner) {
        super(header);
        this.version = version;
        this.dbSize = dbSize;
        this.leader = leader;
        this.raftIndex = raftIndex;
        this.raftTerm = raftTerm;
        this.raftAppliedIndex = raftAppliedIndex;
        this.errorList = List.copyOf(errorList);
        this.dbSizeInUse = dbSizeInUse;
        this.learner = learner;
    }

    /** {@return the version of the server} */
    public String getVersion() {
        return version;
    }

    /** {@return the size of its storage in bytes} */
    public long getDbSize() {
        return dbSize;
    }

    /** {@return the member that leads; 0 when it sees none} */
    public long getLeader() {
        return leader;
    }

    /** {@return the end of its committed log} */
    public long getRaftIndex() {
        return raftIndex;
    }

    /** {@return its term} */
    public long getRaftTerm() {
        return raftTerm;
    }

    /** {@return how far it has applied its log} */
    public long getRaftAppliedIndex() {
        return raftAppliedIndex;
    }

    /** {@return what is wrong with it; empty when nothing is} */
    public List<String> getErrorList() {
        return errorList;
    }

    /** {@return how much of the storage is in use, in bytes} */
    public long getDbSizeInUse() {
        return dbSizeInUse;
    }

    /** {@return whether it does not vote yet} */
    public boolean isLearner() {
        return learner;
    }
}

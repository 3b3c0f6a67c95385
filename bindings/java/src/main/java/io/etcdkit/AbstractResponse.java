package io.etcdkit;

/** What all responses have. */
public abstract class AbstractResponse implements Response {
    /**
     * The header of a response that has none of its own, such as that of an operation in a
     * transaction.
     */
    public static final Header NO_HEADER = header(0, 0, 0, 0);

    private final Header header;

    /**
     * Makes a response.
     *
     * @param header which server answered
     */
    protected AbstractResponse(Header header) {
        this.header = header;
    }

    /**
     * Makes a header.
     *
     * @param clusterId the cluster
     * @param memberId the member that answered
     * @param revision the revision of the key space
     * @param raftTerm the term of the member
     * @return the header
     */
    public static Header header(long clusterId, long memberId, long revision, long raftTerm) {
        return new PlainHeader(clusterId, memberId, revision, raftTerm);
    }

    @Override
    public Header getHeader() {
        return header;
    }

    private static final class PlainHeader implements Header {
        private final long clusterId;
        private final long memberId;
        private final long revision;
        private final long raftTerm;

        PlainHeader(long clusterId, long memberId, long revision, long raftTerm) {
            this.clusterId = clusterId;
            this.memberId = memberId;
            this.revision = revision;
            this.raftTerm = raftTerm;
        }

        @Override
        public long getClusterId() {
            return clusterId;
        }

        @Override
        public long getMemberId() {
            return memberId;
        }

        @Override
        public long getRevision() {
            return revision;
        }

        @Override
        public long getRaftTerm() {
            return raftTerm;
        }

        @Override
        public String toString() {
            return "cluster "
                    + clusterId
                    + ", member "
                    + memberId
                    + ", revision "
                    + revision
                    + ", term "
                    + raftTerm;
        }
    }
}

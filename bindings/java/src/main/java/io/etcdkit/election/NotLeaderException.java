package io.etcdkit.election;

/** The election is led by somebody else now. */
public class NotLeaderException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** Makes an exception. */
    public NotLeaderException() {
        super("election: not leader");
    }
}

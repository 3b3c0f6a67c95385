package io.etcdkit.election;

/** Nobody leads the election. */
public class NoLeaderException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** Makes an exception. */
    public NoLeaderException() {
        super("election: no leader");
    }
}

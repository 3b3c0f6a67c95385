package io.etcdkit.cluster;

import java.net.URI;
import java.util.List;

/** A member of the cluster. */
public class Member {
    private final long id;
    private final String name;
    private final List<URI> peerURIs;
    private final List<URI> clientURIs;
    private final boolean learner;

    /**
     * Makes a value.
     *
     * @param id its id
     * @param name its name; empty until it has started
     * @param peerURIs where other members reach it
     * @param clientURIs where clients reach it; empty until it has started
     * @param learner whether it does not vote yet
     */
    public Member(long id, String name, List<URI> peerURIs, List<URI> clientURIs, boolean learner) {
        this.id = id;
        this.name = name;
        this.peerURIs = List.copyOf(peerURIs);
        this.clientURIs = List.copyOf(clientURIs);
        this.learner = learner;
    }

    /** {@return its id} */
    public long getId() {
        return id;
    }

    /** {@return its name; empty until it has started} */
    public String getName() {
        return name;
    }

    /** {@return where other members reach it} */
    public List<URI> getPeerURIs() {
        return peerURIs;
    }

    /** {@return where clients reach it; empty until it has started} */
    public List<URI> getClientURIs() {
        return clientURIs;
    }

    /** {@return whether it does not vote yet} */
    public boolean isLearner() {
        return learner;
    }
}

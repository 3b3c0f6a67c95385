package io.etcdkit.election;

import io.etcdkit.AbstractResponse;

/** The answer that an election is won. */
public class CampaignResponse extends AbstractResponse {
    private final LeaderKey leader;

    /**
     * Makes a response.
     *
     * @param header which server answered
     * @param leader what the leader proves its lead with
     */
    public CampaignResponse(Header header, LeaderKey leader) {
        super(header);
        this.leader = leader;
    }

    /** {@return what the leader proves its lead with} */
    public LeaderKey getLeader() {
        return leader;
    }
}

package io.etcdkit;

import io.etcdkit.election.CampaignResponse;
import io.etcdkit.election.LeaderKey;
import io.etcdkit.election.LeaderResponse;
import io.etcdkit.election.ProclaimResponse;
import io.etcdkit.election.ResignResponse;
import io.etcdkit.support.CloseableClient;
import java.util.concurrent.CompletableFuture;

/** Elections: of all who campaign for a name one leads. Safe for use by many threads. */
public interface Election extends CloseableClient {
    /**
     * Waits, without limit, until the lease leads (RPC Election.Campaign). Cancelling the future
     * withdraws.
     *
     * @param electionName the election
     * @param leaseId the lease; the lead ends with it
     * @param proposal what the leader shows to all
     * @return the lead
     */
    CompletableFuture<CampaignResponse> campaign(
            ByteSequence electionName, long leaseId, ByteSequence proposal);

    /**
     * Changes what the leader shows (RPC Election.Proclaim).
     *
     * @param leaderKey the lead
     * @param proposal what to show
     * @return the answer; fails with {@link io.etcdkit.election.NotLeaderException} when the lead
     *     is lost
     */
    CompletableFuture<ProclaimResponse> proclaim(LeaderKey leaderKey, ByteSequence proposal);

    /**
     * Tells who leads (RPC Election.Leader).
     *
     * @param electionName the election
     * @return the leader; fails with {@link io.etcdkit.election.NoLeaderException} when there is
     *     none
     */
    CompletableFuture<LeaderResponse> leader(ByteSequence electionName);

    /**
     * Tells who leads and every change, until the client is closed. Goes on after lost connections.
     *
     * @param electionName the election
     * @param listener is told
     */
    void observe(ByteSequence electionName, Listener listener);

    /**
     * Gives the lead up (RPC Election.Resign).
     *
     * @param leaderKey the lead
     * @return the answer
     */
    CompletableFuture<ResignResponse> resign(LeaderKey leaderKey);

    /** Is told who leads, one call at a time. */
    interface Listener {
        /**
         * Somebody leads, or the leader shows something else.
         *
         * @param response who and what
         */
        void onNext(LeaderResponse response);

        /**
         * Observing has failed; nothing follows.
         *
         * @param throwable why
         */
        void onError(Throwable throwable);

        /** The client was closed; nothing follows. */
        void onCompleted();
    }
}

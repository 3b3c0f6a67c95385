package io.etcdkit;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.etcdkit.common.exception.ErrorCode;
import io.etcdkit.common.exception.EtcdException;
import io.etcdkit.lease.LeaseKeepAliveResponse;
import io.etcdkit.options.LeaseOption;
import io.etcdkit.options.PutOption;
import io.etcdkit.support.CloseableClient;
import io.etcdkit.support.Observers;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class LeaseTest extends WithServer {
    private final Lease leases = client.getLeaseClient();

    @Test
    void a_lease_takes_its_keys_with_it() throws Exception {
        long lease = get(leases.grant(60)).getID();
        get(kv.put(bytes("l/a"), bytes("1"), PutOption.builder().withLeaseId(lease).build()));
        LeaseOption keys = LeaseOption.builder().withAttachedKeys().build();
        assertEquals("l/a", text(get(leases.timeToLive(lease, keys)).getKeys().get(0)));
        get(leases.revoke(lease));
        assertEquals(0, get(kv.get(bytes("l/a"))).getCount());
        assertEquals(-1, get(leases.timeToLive(lease, LeaseOption.DEFAULT)).getTTL());
    }

    @Test
    void leases_are_listed_and_may_have_an_id_of_their_own() throws Exception {
        assertEquals(4711, get(leases.grantWithId(60, 4711)).getID());
        assertTrue(get(leases.leases()).contains(4711L));
        get(leases.revoke(4711));
    }

    @Test
    void renewing_a_lease_that_is_gone_fails() {
        EtcdException error = failure(EtcdException.class, leases.keepAliveOnce(123456));
        assertEquals(ErrorCode.NOT_FOUND, error.getErrorCode());
        assertEquals("etcdserver: requested lease not found", error.getMessage());
    }

    @Test
    void a_keep_alive_tells_renewals_and_the_loss_of_the_lease() throws Exception {
        BlockingQueue<LeaseKeepAliveResponse> renewals = new LinkedBlockingQueue<>();
        BlockingQueue<Throwable> errors = new LinkedBlockingQueue<>();
        long lease = get(leases.grant(5)).getID();
        try (CloseableClient keepAlive =
                leases.keepAlive(
                        lease,
                        Observers.<LeaseKeepAliveResponse>builder()
                                .onNext(renewals::add)
                                .onError(errors::add)
                                .build())) {
            assertEquals(5, renewals.poll(PATIENCE_SECONDS, TimeUnit.SECONDS).getTTL());
            get(leases.revoke(lease));
            Throwable error = errors.poll(PATIENCE_SECONDS, TimeUnit.SECONDS);
            assertEquals(ErrorCode.NOT_FOUND, ((EtcdException) error).getErrorCode());
        }
    }
}

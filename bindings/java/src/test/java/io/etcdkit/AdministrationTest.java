package io.etcdkit;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.etcdkit.cluster.Member;
import io.etcdkit.maintenance.StatusResponse;
import org.junit.jupiter.api.Test;

class AdministrationTest extends WithServer {
    @Test
    void the_member_tells_who_and_how_it_is() throws Exception {
        Member member = get(client.getClusterClient().listMember()).getMembers().get(0);
        assertEquals(server.memberId(), member.getId());
        assertFalse(member.isLearner());
        assertEquals(server.endpoint(), member.getClientURIs().get(0).toString());
        StatusResponse status = get(client.getMaintenanceClient().statusMember(server.endpoint()));
        assertEquals(member.getId(), status.getLeader());
        assertTrue(status.getErrorList().isEmpty());
    }

    @Test
    void members_are_asked_by_the_forms_of_target_jetcd_knows() throws Exception {
        String address = server.endpoint().substring("http://".length());
        Maintenance maintenance = client.getMaintenanceClient();
        for (String target : new String[] {address, "ip:///" + address, "http://" + address}) {
            assertTrue(get(maintenance.hashKV(target, 0)).getHeader().getRevision() > 0);
        }
    }

    @Test
    void there_are_no_alarms() throws Exception {
        assertTrue(get(client.getMaintenanceClient().listAlarms()).getAlarms().isEmpty());
    }
}

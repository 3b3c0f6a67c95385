package io.etcdkit.cluster;

import io.etcdkit.AbstractResponse;
import java.util.List;

/** The cluster with the member changed. */
public class MemberUpdateResponse extends AbstractResponse {
    private final List<Member> members;

    /**
     * Makes a response.
     *
     * @param header which server answered
     * @param members all members
     */
    public MemberUpdateResponse(Header header, List<Member> members) {
        super(header);
        this.members = List.copyOf(members);
    }

    /** {@return all members} */
    public List<Member> getMembers() {
        return members;
    }
}

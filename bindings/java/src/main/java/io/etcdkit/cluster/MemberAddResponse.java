package io.etcdkit.cluster;

import io.etcdkit.AbstractResponse;
import java.util.List;

/** The cluster with a new member. */
public class MemberAddResponse extends AbstractResponse {
    private final Member member;
    private final List<Member> members;

    /**
     * Makes a response.
     *
     * @param header which server answered
     * @param member the new member
     * @param members all members
     */
    public MemberAddResponse(Header header, Member member, List<Member> members) {
        super(header);
        this.member = member;
        this.members = List.copyOf(members);
    }

    /** {@return the new member} */
    public Member getMember() {
        return member;
    }

    /** {@return all members} */
    public List<Member> getMembers() {
        return members;
    }
}

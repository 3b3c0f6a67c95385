package io.etcdkit;

/** The answer to a request. */
public interface Response {
    /** {@return which server answered, and the state it was in} */
    Header getHeader();

    /** Which server answered, and the state it was in. */
    interface Header {
        /** {@return the cluster} */
        long getClusterId();

        /** {@return the member that answered} */
        long getMemberId();

        /** {@return the revision of the key space when the request was carried out} */
        long getRevision();

        /** {@return the term of the member} */
        long getRaftTerm();
    }
}

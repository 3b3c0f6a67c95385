package io.etcdkit.internal;

import java.net.URI;
import java.util.ArrayList;
import java.util.List;

/** What jetcd programs name servers by, as endpoints of the core. */
public final class Targets {
    private static final String SRV = "dns+srv:";

    private Targets() {}

    /**
     * Reads a target: {@code ip:///host:port,host:port}, {@code dns:///host:port}, {@code
     * http://host:port}, {@code https://host:port}, {@code unix:path} or {@code host:port}.
     *
     * @param target the target
     * @return its endpoints, at least one
     * @throws IllegalArgumentException for a target of another kind
     */
    public static List<String> endpoints(String target) {
        if (target.startsWith(SRV)) {
            throw new IllegalArgumentException(
                    target + ": SRV records are not looked up; name the endpoints instead");
        }
        int path = target.indexOf(":///");
        String hosts = path < 0 ? target : target.substring(path + ":///".length());
        List<String> endpoints = new ArrayList<>();
        for (String host : hosts.split(",")) {
            if (!host.isBlank()) {
                endpoints.add(host.trim());
            }
        }
        if (endpoints.isEmpty()) {
            throw new IllegalArgumentException("no endpoint in the target \"" + target + "\"");
        }
        return endpoints;
    }

    /**
     * Reads a list of addresses.
     *
     * @param uris the addresses
     * @return their endpoints
     */
    public static List<String> endpoints(Iterable<URI> uris) {
        List<String> endpoints = new ArrayList<>();
        for (URI uri : uris) {
            endpoints.addAll(endpoints(uri.toString()));
        }
        return endpoints;
    }
}

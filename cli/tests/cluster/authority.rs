//! Flags of members that show certificates of an authority and want such of others.

use etcdkit_authority::{Authority, CA_FILE, Signed};

/// Signs a certificate for this host, which the member of this name shows from now on.
pub(crate) fn renew(authority: &Authority, name: &str, host: &str) {
    let Signed { cert, key } = authority.sign(name, &[host]);
    authority.write(&cert_file(name), &cert);
    authority.write(&key_file(name), &key);
}

/// The flags of a member of this name, with a certificate for this host.
pub(crate) fn peer_flags(authority: &Authority, name: &str, host: &str) -> Vec<String> {
    renew(authority, name, host);
    let flag = |name: &str, file: &str| format!("--{name}={}", authority.path(file).display());
    vec![
        flag("peer-cert-file", &cert_file(name)),
        flag("peer-key-file", &key_file(name)),
        flag("peer-trusted-ca-file", CA_FILE),
        "--peer-client-cert-auth".to_owned(),
    ]
}

fn cert_file(name: &str) -> String {
    format!("{name}.pem")
}

fn key_file(name: &str) -> String {
    format!("{name}-key.pem")
}

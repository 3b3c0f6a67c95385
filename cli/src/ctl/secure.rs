//! The flags that say how far a connection is to be trusted: certificates, keys, and what is left unchecked.

use std::io;

use etcdkit::TlsPem;

use super::globals;
use crate::console::failure::{Failure, Outcome};
use crate::console::flags::{Flag, Values};

/// The flags that belong together.
pub(super) struct TlsFlags<'f> {
    pub(super) cacert: &'f Flag,
    pub(super) cert: &'f Flag,
    pub(super) key: &'f Flag,
    pub(super) insecure_transport: &'f Flag,
    pub(super) skip_verify: Option<&'f Flag>,
}

/// The flags of the cluster that a command talks to.
pub(super) const OF_THE_CLUSTER: TlsFlags<'static> = TlsFlags {
    cacert: &globals::CACERT,
    cert: &globals::CERT,
    key: &globals::KEY,
    insecure_transport: &globals::INSECURE_TRANSPORT,
    skip_verify: Some(&globals::INSECURE_SKIP_TLS_VERIFY),
};

/// The TLS settings, if any flag asks for TLS. An `https://` endpoint is encrypted without them too.
pub(super) fn tls(values: &Values, flags: &TlsFlags<'_>) -> Outcome<Option<TlsPem>> {
    let (ca, cert, key) = (file(values, flags.cacert)?, file(values, flags.cert)?, file(values, flags.key)?);
    if cert.is_some() != key.is_some() {
        return Err(Failure::bad_args(format!(
            "KeyFile and CertFile must both be present[key: {}, cert: {}]",
            key.unwrap_or_default(),
            cert.unwrap_or_default()
        )));
    }
    let skip_verify = flags.skip_verify.is_some_and(|flag| values.switch(flag));
    let plain = values.switch(flags.insecure_transport) && !skip_verify;
    if plain && ca.is_none() && cert.is_none() {
        return Ok(None);
    }
    // In this order etcdctl complains about files that are not there.
    Ok(Some(TlsPem { cert: read(cert)?, key: read(key)?, ca: read(ca)?, skip_verify, ..TlsPem::default() }))
}

fn file(values: &Values, flag: &Flag) -> Outcome<Option<String>> {
    let name = values.text(flag);
    match (values.is_set(flag), name.is_empty()) {
        (true, true) => Err(Failure::bad_args(format!("empty string is passed to --{} option", flag.name))),
        (_, true) => Ok(None),
        _ => Ok(Some(name)),
    }
}

fn read(name: Option<String>) -> Outcome<Vec<u8>> {
    let Some(name) = name else { return Ok(Vec::new()) };
    let worded = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => "no such file or directory".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string(),
    };
    std::fs::read(&name).map_err(|error| Failure::bad_args(format!("open {name}: {}", worded(error))))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn given(flags: &[(Flag, &str)]) -> Outcome<Option<TlsPem>> {
        let mut values = Values::default();
        for (flag, value) in flags {
            values.set(flag, value.as_bytes()).unwrap();
        }
        tls(&values, &OF_THE_CLUSTER)
    }

    #[test]
    fn plain_is_what_nobody_changes() {
        assert!(given(&[]).unwrap().is_none());
        assert!(given(&[(globals::INSECURE_TRANSPORT, "false")]).unwrap().is_some());
        assert!(given(&[(globals::INSECURE_SKIP_TLS_VERIFY, "true")]).unwrap().unwrap().skip_verify);
    }

    #[test]
    fn what_is_wrong_is_worded_as_etcdctl_words_it() {
        let table: &[(&[(Flag, &str)], &str)] = &[
            (&[(globals::CACERT, "")], "empty string is passed to --cacert option"),
            (&[(globals::CACERT, "/nope")], "open /nope: no such file or directory"),
            (&[(globals::CERT, "/c")], "KeyFile and CertFile must both be present[key: , cert: /c]"),
            (&[(globals::KEY, "/k")], "KeyFile and CertFile must both be present[key: /k, cert: ]"),
        ];
        for (flags, message) in table {
            assert_eq!(given(flags).unwrap_err().message.as_deref(), Some(*message));
        }
    }
}

//! Addresses on loopback for servers that are processes of their own, and so cannot be asked for port 0: other members
//! must know where they will be before they are there.

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::ops::Range;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// Below the ports that systems give to connections by themselves: a server that is away for a while finds its port
/// free when it comes back.
const PORTS: Range<u16> = 15_000..32_000;

/// So many ports are tried; the range is nearly empty on any machine.
const TRIES: u32 = 100;

/// From a random port on, so that two processes are seldom near each other.
static PORTS_LEFT: LazyLock<Ports> =
    LazyLock::new(|| Ports(AtomicU64::new(RandomState::new().hash_one(std::process::id()) >> 1)));

/// An address nobody listens on, and that no other caller in this process is given.
///
/// # Errors
///
/// When a hundred ports in a row are in use.
pub fn free_address() -> io::Result<SocketAddr> {
    PORTS_LEFT.free_address()
}

/// An address nobody listens on, as a member's URL.
///
/// # Errors
///
/// Those of [`free_address`].
pub fn free_url() -> io::Result<String> {
    Ok(format!("http://{}", free_address()?))
}

/// Counts the ports that were tried: none comes again before all have been.
struct Ports(AtomicU64);

impl Ports {
    fn free_address(&self) -> io::Result<SocketAddr> {
        for _ in 0..TRIES {
            let number = self.0.fetch_add(1, Ordering::Relaxed) % PORTS.len() as u64;
            let port = PORTS.start + u16::try_from(number).map_err(io::Error::other)?;
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            if TcpListener::bind(address).is_ok() {
                return Ok(address);
            }
        }
        Err(io::Error::other(format!("none of {TRIES} ports from {} to {} is free", PORTS.start, PORTS.end)))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_address_is_given_twice() {
        let given: HashSet<_> = (0..1000).map(|_| free_address().unwrap()).collect();
        assert_eq!(given.len(), 1000);
    }

    #[test]
    fn where_somebody_listens_is_passed_over() {
        let first = free_address().unwrap();
        let listener = TcpListener::bind(first).unwrap();
        let ports = Ports(AtomicU64::new(u64::from(first.port() - PORTS.start)));
        assert!(ports.free_address().unwrap().port() != first.port());
        drop(listener);
    }
}

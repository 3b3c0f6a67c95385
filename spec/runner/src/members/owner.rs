//! Which process has a connection: members do not say who they are in a way that a proxy understands, the kernel does.

use std::net::SocketAddr;

/// The process among these that holds the other end of a connection from this address; Linux only.
pub(super) fn owner(of: SocketAddr, pids: &[Option<u32>]) -> Option<usize> {
    let inode = inode(of)?;
    let wanted = format!("socket:[{inode}]");
    pids.iter().position(|pid| pid.is_some_and(|pid| holds(pid, &wanted)))
}

/// The socket whose own address this is. IPv4 addresses stand there as the machine's bytes in hex.
fn inode(of: SocketAddr) -> Option<String> {
    let SocketAddr::V4(of) = of else { return None };
    let wanted = format!("{:08X}:{:04X}", u32::from_ne_bytes(of.ip().octets()), of.port());
    let table = std::fs::read_to_string("/proc/net/tcp").ok()?;
    table.lines().find_map(|line| {
        let mut fields = line.split_ascii_whitespace();
        (fields.nth(1)? == wanted).then(|| fields.nth(7).map(str::to_owned)).flatten()
    })
}

fn holds(pid: u32, socket: &str) -> bool {
    let Ok(files) = std::fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
    let mut links = files.filter_map(|file| std::fs::read_link(file.ok()?.path()).ok());
    links.any(|link| link.to_str() == Some(socket))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_connection_is_found_at_its_process() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let connection = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let own = Some(std::process::id());
        assert_eq!(owner(connection.local_addr().unwrap(), &[None, Some(1), own]), Some(2));
    }
}

//! The guides that users learn etcd from: every command line of each document, in its order, cited by its line.
//!
//! What a document shows comes out as it shows it, or as etcd 3.7 words it now. Document 003 is about programs and has no
//! command line. What needs two windows is played by two processes.

use std::path::Path;

use crate::holding::{Running, output};
use crate::program::{Programs, Server, free_url};
use crate::transcript::Transcript;

/// Plays the lines of a document that need one window.
fn played(document: &str) -> (Programs, Server) {
    let programs = Programs::find();
    let server = Server::start(&[programs.binary.to_str().unwrap(), "server"]);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/guides/{document}.txt"));
    let written = Transcript::read(&path);
    let differences = written.compare(&written.run(&programs.ours, &server.endpoint));
    assert!(differences.is_empty(), "\n{}", differences.join("\n"));
    (programs, server)
}

/// The headers of a table in its second line.
fn headers(table: &str) -> Vec<String> {
    let line = table.lines().nth(1).unwrap();
    line.trim_matches('│').split('│').map(|cell| cell.trim().to_owned()).collect()
}

#[test]
fn document_000() {
    let (programs, server) = played("000");
    let (ctl, endpoint) = (&programs.ours, server.endpoint.as_str());
    // Lines 73 to 78
    let status = output(ctl, endpoint, &["--write-out=table", "endpoint", "status"]);
    assert_eq!(headers(&status)[..3], ["ENDPOINT", "ID", "VERSION"]);
    assert!(status.contains(endpoint), "{status}");
    let health = output(ctl, endpoint, &["--write-out=table", "endpoint", "health"]);
    assert_eq!(headers(&health), ["ENDPOINT", "HEALTH", "TOOK", "ERROR"]);
    let members = output(ctl, endpoint, &["--write-out=table", "member", "list"]);
    assert_eq!(headers(&members), ["ID", "STATUS", "NAME", "PEER ADDRS", "CLIENT ADDRS", "IS LEARNER"]);
    // Lines 143 to 153
    crate::second_gets_the_lock_on_interrupt(ctl, ctl, endpoint, "/lock/kv/uuid_a", "-INT");
}

#[test]
fn document_001() {
    let (programs, server) = played("001");
    let (ctl, endpoint) = (&programs.ours, server.endpoint.as_str());
    // Lines 203 to 222: the watcher of the document, with the commands that it sees
    let mut watch = Running::start(ctl, endpoint, &["watch", "q1mi", "--rev=2"]);
    for expected in [["PUT", "q1mi", "dsb2"], ["DELETE", "q1mi", ""], ["PUT", "q1mi", "dsb3"]] {
        assert_eq!([watch.line(), watch.line(), watch.line()], expected);
    }
}

/// Lines 92 to 128 and 171 to 177: three machines, of which each is started with one line. Lines 130 to 165, the token of
/// `curl …/new?size=3`, are played by the tests of clusters, `members_find_each_other_behind_the_url_of_a_token`.
#[test]
fn document_001_cluster() {
    let programs = Programs::find();
    let names = ["n1", "n2", "n3"];
    let peers = names.map(|_| free_url());
    let pairs: Vec<String> = names.iter().zip(&peers).map(|(name, peer)| format!("{name}={peer}")).collect();
    let cluster = pairs.join(",");
    let lines: Vec<(String, String)> = names
        .iter()
        .zip(&peers)
        .map(|(name, peer)| {
            let client = free_url();
            let flags = format!(
                "--data-dir=data.etcd --name {name} \
                 --initial-advertise-peer-urls {peer} --listen-peer-urls {peer} \
                 --advertise-client-urls {client} --listen-client-urls {client} \
                 --initial-cluster {cluster} \
                 --initial-cluster-state new --initial-cluster-token token-01"
            );
            (client.trim_start_matches("http://").to_owned(), flags)
        })
        .collect();
    let servers = Server::start_as_written(&[programs.binary.to_str().unwrap(), "server"], &lines);
    let endpoints = servers.iter().map(|server| server.endpoint.as_str()).collect::<Vec<_>>().join(",");
    let members = output(&programs.ours, &endpoints, &["member", "list"]);
    let mut started: Vec<&str> = members.lines().map(|line| line.split(", ").nth(2).unwrap()).collect();
    started.sort_unstable();
    assert_eq!(started, names, "{members}");
    assert!(members.lines().all(|line| line.contains(", started, ")), "{members}");
    output(&programs.ours, &endpoints, &["put", "q1mi", "dsb"]);
    assert_eq!(output(&programs.ours, &servers[2].endpoint, &["get", "q1mi"]), "q1mi\ndsb\n");
}

#[test]
fn document_002() {
    let (programs, server) = played("002");
    let (ctl, endpoint) = (&programs.ours, server.endpoint.as_str());
    output(ctl, endpoint, &["--user=root:123", "auth", "disable"]);
    // Lines 101 to 110
    let mut watch = Running::start(ctl, endpoint, &["watch", "stock1", "--rev=1"]);
    output(ctl, endpoint, &["put", "stock1", "1000"]);
    assert_eq!([watch.line(), watch.line(), watch.line()], ["PUT", "stock1", "1000"]);
    // Lines 112 to 123
    let revision = output(ctl, endpoint, &["get", "stock1", "-w", "fields"]);
    let revision = revision.lines().find_map(|line| line.strip_prefix("\"Revision\" : ")).unwrap();
    let next = (revision.parse::<i64>().unwrap() + 1).to_string();
    let mut watch = Running::start(ctl, endpoint, &["watch", "stock", "--prefix", "--rev", &next]);
    output(ctl, endpoint, &["put", "stock1", "10"]);
    output(ctl, endpoint, &["put", "stock2", "20"]);
    for expected in [["PUT", "stock1", "10"], ["PUT", "stock2", "20"]] {
        assert_eq!([watch.line(), watch.line(), watch.line()], expected);
    }
    // Line 126
    let mut watch = Running::start(ctl, endpoint, &["watch", "--rev=1", "foo"]);
    assert_eq!([watch.line(), watch.line(), watch.line()], ["PUT", "foo", "Hello World!"]);
    // Lines 160 to 168
    crate::second_gets_the_lock_on_interrupt(ctl, ctl, endpoint, "mutex1", "-INT");
    // Lines 184 to 205
    let status = output(ctl, endpoint, &["--write-out=table", "endpoint", "status"]);
    assert!(headers(&status).contains(&"RAFT APPLIED INDEX".to_owned()), "{status}");
    // Lines 211 to 227
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("my.db");
    let file = file.to_str().unwrap();
    let saved = output(ctl, endpoint, &["snapshot", "save", file]);
    assert_eq!(saved.lines().next().unwrap(), format!("Snapshot saved at {file}"));
    let status = output(ctl, endpoint, &["--write-out=table", "snapshot", "status", file]);
    assert_eq!(headers(&status), ["HASH", "REVISION", "TOTAL KEYS", "TOTAL SIZE", "VERSION"]);
}

#[test]
fn document_004() {
    let (programs, server) = played("004");
    let (ctl, endpoint) = (&programs.ours, server.endpoint.as_str());
    // Lines 39 to 48
    let mut one = Running::start(ctl, endpoint, &["watch", "mykey", "--rev=1"]);
    assert_eq!([one.line(), one.line(), one.line()], ["PUT", "mykey", "initialvalue"]);
    let mut from_key = Running::start(ctl, endpoint, &["watch", "--from-key", "mykey", "--revision", "3"]);
    assert_eq!([from_key.line(), from_key.line(), from_key.line()], ["PUT", "mykey", "newvalue"]);
    let mut in_json = Running::start(ctl, endpoint, &["watch", "--prefix", "my", "--output=json", "--rev=1"]);
    assert!(in_json.line().starts_with("{\"Header\":"), "no JSON");
    // Lines 137 to 157: window B takes over the key; the end of A's lease leaves it alone
    let id = |granted: String| granted.split(' ').nth(1).unwrap().to_owned();
    let a = id(output(ctl, endpoint, &["lease", "grant", "120"]));
    output(ctl, endpoint, &["put", "/leader", "A", &format!("--lease={a}")]);
    let mut keeper = Running::start(ctl, endpoint, &["lease", "keep-alive", &a]);
    assert_eq!(keeper.line(), format!("lease {a} keepalived with TTL(120)"));
    let b = id(output(ctl, endpoint, &["lease", "grant", "120"]));
    output(ctl, endpoint, &["put", "/leader", "B", &format!("--lease={b}")]);
    output(ctl, endpoint, &["lease", "revoke", &a]);
    assert_eq!(keeper.line(), format!("lease {a} expired or revoked."));
    assert_eq!(output(ctl, endpoint, &["get", "/leader"]), "/leader\nB\n");
}

/// Document 002, lines 281 to 284, at a terminal.
#[test]
fn a_password_is_asked_for_twice_at_a_terminal() {
    let programs = Programs::find();
    let server = Server::start(&[programs.binary.to_str().unwrap(), "server"]);
    let Some(screen) =
        crate::holding::at_a_terminal(&programs.ours, &server.endpoint, "user add root", "123\n123\n")
    else {
        return;
    };
    assert!(screen.contains("Password of root: "), "{screen}");
    assert!(screen.contains("Type password of root again for confirmation: "), "{screen}");
    assert!(screen.contains("User root created"), "{screen}");
    assert_eq!(output(&programs.ours, &server.endpoint, &["user", "list"]), "root\n");
}

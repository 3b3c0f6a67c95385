//! What `etcdctl` prints, as recorded from etcdctl 3.7.1.
//!
//! The transcripts hold command lines with all they print. The same transcript must be true of three pairs: our program
//! on our server, our program on a real etcd, and the real etcdctl on a real etcd, which proves the transcript itself.
//! The real programs are looked for in `target/oracle`; the tests that need them pass with a note where they are absent.
//! `ETCDKIT_RECORD=1 cargo test -p etcdkit-cli --test etcdctl the_transcripts` writes the transcripts anew from the real
//! programs.

#![allow(clippy::unwrap_used, missing_docs)]

#[cfg(unix)]
mod guides;
#[cfg(unix)]
mod holding;
mod members;
mod normal;
#[cfg(unix)]
mod own;
mod program;
#[cfg(unix)]
mod snapshots;
mod transcript;
#[cfg(unix)]
mod wrong_use;

use std::path::{Path, PathBuf};

#[cfg(unix)]
use holding::{Running, output};
use program::{Programs, Server};
use transcript::Transcript;

fn transcripts() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts");
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

/// Runs every transcript on a fresh server and gives those that came out different, as differences to read.
fn differences(ctl: &Path, server: &[&str]) -> String {
    let mut all = String::new();
    for path in transcripts() {
        let server = Server::start(server);
        let recorded = Transcript::read(&path);
        let seen = recorded.run(ctl, &server.endpoint);
        for difference in recorded.compare(&seen) {
            all.push_str(&format!("{}: {difference}\n", path.file_name().unwrap().display()));
        }
    }
    all
}

fn assert_same(ctl: &Path, server: &[&str]) {
    let differences = differences(ctl, server);
    assert!(differences.is_empty(), "\n{differences}");
}

#[test]
fn ours_on_our_server() {
    let programs = Programs::find();
    assert_same(&programs.ours, &[programs.binary.to_str().unwrap(), "server"]);
}

#[test]
fn ours_on_etcd() {
    let programs = Programs::find();
    let Some(oracle) = programs.oracle() else { return };
    assert_same(&programs.ours, &[oracle.etcd.to_str().unwrap()]);
}

#[test]
fn the_transcripts_are_true_of_etcdctl() {
    let programs = Programs::find();
    let Some(oracle) = programs.oracle() else { return };
    if std::env::var_os("ETCDKIT_RECORD").is_none() {
        return assert_same(&oracle.etcdctl, &[oracle.etcd.to_str().unwrap()]);
    }
    for path in transcripts() {
        let server = Server::start(&[oracle.etcd.to_str().unwrap()]);
        let seen = Transcript::read(&path).run(&oracle.etcdctl, &server.endpoint);
        std::fs::write(&path, seen.to_string()).unwrap();
    }
}

/// The scene of the guides: two terminals, one lock; the second gets it when the first is interrupted.
#[cfg(unix)]
fn second_gets_the_lock_on_interrupt(first: &Path, second: &Path, endpoint: &str, name: &str, signal: &str) {
    let below = format!("{name}/");
    let mut holder = Running::start(first, endpoint, &["lock", name]);
    let key = holder.line();
    assert!(key.starts_with(&below), "{key}");
    assert_eq!(holder.line(), "");

    let mut waiter = Running::start(second, endpoint, &["lock", name]);
    while output(first, endpoint, &["get", &below, "--prefix", "--keys-only"]).lines().count() < 4 {}
    assert!(waiter.runs());

    assert_eq!(holder.stop(signal), Some(0));
    let next = waiter.line();
    assert!(next.starts_with(&below) && next != key, "{next}");
    assert_eq!(waiter.line(), "");
    assert_eq!(waiter.stop("-TERM"), Some(0));
    assert_eq!(output(first, endpoint, &["get", &below, "--prefix"]), "");
}

#[cfg(unix)]
fn a_watch_sees_changes_as_they_happen(ctl: &Path, endpoint: &str) {
    let mut watch = Running::start(ctl, endpoint, &["watch", "stock", "--prefix", "--rev=1"]);
    output(ctl, endpoint, &["put", "stock1", "10"]);
    assert_eq!([watch.line(), watch.line(), watch.line()], ["PUT", "stock1", "10"]);
    output(ctl, endpoint, &["put", "stock2", "20"]);
    assert_eq!([watch.line(), watch.line(), watch.line()], ["PUT", "stock2", "20"]);
    output(ctl, endpoint, &["del", "stock1"]);
    assert_eq!([watch.line(), watch.line(), watch.line()], ["DELETE", "stock1", ""]);
}

#[cfg(unix)]
fn an_election_has_one_leader_at_a_time(first: &Path, second: &Path, endpoint: &str) {
    let mut leader = Running::start(first, endpoint, &["elect", "boss", "one"]);
    let key = leader.line();
    assert!(key.starts_with("boss/"), "{key}");
    assert_eq!(leader.line(), "one");

    let mut listener = Running::start(second, endpoint, &["elect", "-l", "boss"]);
    assert_eq!([listener.line(), listener.line()], [key, "one".to_owned()]);

    let mut candidate = Running::start(second, endpoint, &["elect", "boss", "two"]);
    while output(first, endpoint, &["get", "boss/", "--prefix", "--print-value-only"]).lines().count() < 2 {}
    assert_eq!(leader.stop("-INT"), Some(0));
    let next = [candidate.line(), candidate.line()];
    assert_eq!(next[1], "two");
    assert_eq!([listener.line(), listener.line()], next);
    assert_eq!(listener.stop("-INT"), Some(0));
    assert_eq!(candidate.stop("-INT"), Some(0));
}

#[cfg(unix)]
fn keep_alive_ends_with_its_lease(ctl: &Path, endpoint: &str) {
    let granted = output(ctl, endpoint, &["lease", "grant", "3"]);
    let id = granted.split(' ').nth(1).unwrap();
    let mut keeper = Running::start(ctl, endpoint, &["lease", "keep-alive", id]);
    assert_eq!(keeper.line(), format!("lease {id} keepalived with TTL(3)"));
    output(ctl, endpoint, &["lease", "revoke", id]);
    assert_eq!(keeper.line(), format!("lease {id} expired or revoked."));
}

#[cfg(unix)]
#[test]
fn holding_commands_on_our_server() {
    let programs = Programs::find();
    let server = Server::start(&[programs.binary.to_str().unwrap(), "server"]);
    let (ours, endpoint) = (&programs.ours, server.endpoint.as_str());
    a_watch_sees_changes_as_they_happen(ours, endpoint);
    second_gets_the_lock_on_interrupt(ours, ours, endpoint, "mutex1", "-INT");
    an_election_has_one_leader_at_a_time(ours, ours, endpoint);
    keep_alive_ends_with_its_lease(ours, endpoint);
}

#[cfg(unix)]
#[test]
fn holding_commands_beside_those_of_etcdctl() {
    let programs = Programs::find();
    let Some(oracle) = programs.oracle() else { return };
    let server = Server::start(&[oracle.etcd.to_str().unwrap()]);
    let (ours, theirs, endpoint) = (&programs.ours, &oracle.etcdctl, server.endpoint.as_str());
    a_watch_sees_changes_as_they_happen(ours, endpoint);
    second_gets_the_lock_on_interrupt(ours, theirs, endpoint, "mutex1", "-INT");
    second_gets_the_lock_on_interrupt(theirs, ours, endpoint, "mutex1", "-TERM");
    an_election_has_one_leader_at_a_time(ours, theirs, endpoint);
    an_election_has_one_leader_at_a_time(theirs, ours, endpoint);
    keep_alive_ends_with_its_lease(ours, endpoint);
}

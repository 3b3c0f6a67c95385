//! Commands about members, on a cluster of three: its transcript is true of the same three pairs as the others.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::normal::MEMBERS;
use crate::program::{Programs, Server, free_url};
use crate::transcript::{Setting, Transcript};

/// A cluster that takes longer to settle is one that never does.
const SETTLE_MAX: Duration = Duration::from_secs(60);

fn transcript() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/members/members.txt")
}

fn said(ctl: &Path, endpoints: &str, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(ctl).args(arguments).env("ETCDCTL_ENDPOINTS", endpoints).output().unwrap();
    match output.status.success() {
        true => Ok(String::from_utf8(output.stdout).unwrap()),
        false => Err(String::from_utf8(output.stderr).unwrap()),
    }
}

/// Three members that know each other for long enough to take a fourth: etcd wants five seconds for that.
struct Cluster {
    _servers: Vec<Server>,
    setting: Setting,
}

impl Cluster {
    fn start(ctl: &Path, command: &[&str]) -> Self {
        let servers = Server::start_cluster(command, &MEMBERS[..3]);
        let endpoints: Vec<String> = servers.iter().map(|server| server.endpoint.clone()).collect();
        let all = endpoints.join(",");
        let begun = Instant::now();
        let probe = loop {
            match said(ctl, &all, &["member", "add", "probe", "--learner", "--peer-urls", &free_url()]) {
                Ok(said) => break said.split_whitespace().nth(1).unwrap().to_owned(),
                Err(why) => assert!(begun.elapsed() < SETTLE_MAX, "{why}"),
            }
        };
        said(ctl, &all, &["member", "remove", &probe]).unwrap();
        let setting = named(ctl, &endpoints);
        Cluster { _servers: servers, setting }
    }
}

/// Finds out who is who; the leader stands first.
fn named(ctl: &Path, endpoints: &[String]) -> Setting {
    let is_leader = |endpoint: &&String| {
        let status = said(ctl, endpoint, &["endpoint", "status", "-w", "simple"]).unwrap();
        status.split(", ").nth(8).unwrap() == "true"
    };
    let id = |endpoint: &str| {
        let status = said(ctl, endpoint, &["endpoint", "status", "-w", "simple"]).unwrap();
        status.split(", ").nth(1).unwrap().to_owned()
    };
    let (leaders, followers): (Vec<&String>, Vec<&String>) = endpoints.iter().partition(is_leader);
    let ordered: Vec<String> = leaders.iter().chain(&followers).map(|endpoint| (*endpoint).clone()).collect();
    Setting::new(&ordered)
        .with("$LEADER", &id(&ordered[0]))
        .with("$LEADER_ENDPOINT", &ordered[0])
        .with("$FOLLOWER", &id(&ordered[1]))
        .with("$FOLLOWER_ENDPOINT", &ordered[1])
        .with("$PEER", &free_url())
        .with("$OTHER_PEER", &free_url())
}

fn assert_same(ctl: &Path, ours: &Path, command: &[&str]) {
    let cluster = Cluster::start(ours, command);
    let recorded = Transcript::read(&transcript());
    let differences = recorded.compare(&recorded.run_in(ctl, cluster.setting.clone()));
    assert!(differences.is_empty(), "\n{}", differences.join("\n"));
}

#[test]
fn members_with_ours_on_ours() {
    let programs = Programs::find();
    assert_same(&programs.ours, &programs.ours, &[programs.binary.to_str().unwrap(), "server"]);
}

#[test]
fn members_with_ours_on_etcd() {
    let programs = Programs::find();
    let Some(oracle) = programs.oracle() else { return };
    assert_same(&programs.ours, &programs.ours, &[oracle.etcd.to_str().unwrap()]);
}

#[test]
fn members_with_etcdctl_on_etcd() {
    let programs = Programs::find();
    let Some(oracle) = programs.oracle() else { return };
    let command = [oracle.etcd.to_str().unwrap()];
    if std::env::var_os("ETCDKIT_RECORD").is_none() {
        return assert_same(&oracle.etcdctl, &programs.ours, &command);
    }
    let cluster = Cluster::start(&programs.ours, &command);
    let seen = Transcript::read(&transcript()).run_in(&oracle.etcdctl, cluster.setting.clone());
    std::fs::write(transcript(), seen.to_string()).unwrap();
}

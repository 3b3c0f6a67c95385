//! What etcdctl does not have, or words in its own way: its commands for people, its pages, a mirror at work. And what a
//! system's own programs hear of a server.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use crate::holding::{Running, output};
use crate::program::{Programs, Server};

fn ours(programs: &Programs) -> Server {
    Server::start(&[programs.binary.to_str().unwrap(), "server"])
}

fn page(program: &Path, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn keys_are_shown_as_a_tree_and_a_key_with_its_history() {
    let programs = Programs::find();
    let server = ours(&programs);
    let (ctl, endpoint) = (&programs.binary, server.endpoint.as_str());
    for (key, value) in [("a/b", "1"), ("a/c/d", "2"), ("a/b", "3")] {
        output(ctl, endpoint, &["put", key, value]);
    }
    output(ctl, endpoint, &["del", "a/b"]);
    assert_eq!(output(ctl, endpoint, &["history", "a/b"]), "2 PUT 1\n4 PUT 3\n5 DELETE\n");
    assert_eq!(output(ctl, endpoint, &["tree", "a/"]), "a/\n└── c/\n    └── d\n\n1 keys\n");
    let table = output(ctl, endpoint, &["top", "--cluster", "--interval=200ms"]);
    assert!(table.contains(&format!("http://{endpoint}")), "{table}");
}

#[test]
fn a_value_is_edited_unless_somebody_else_was_faster() {
    let programs = Programs::find();
    let server = ours(&programs);
    let (ctl, endpoint) = (&programs.binary, server.endpoint.as_str());
    output(ctl, endpoint, &["put", "k", "old"]);
    let folder = tempfile::tempdir().unwrap();
    let editor = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        path
    };
    let edit = |editor: &Path| {
        let mut command = Command::new(ctl);
        command
            .args(["edit", "k"])
            .env("ETCDCTL_ENDPOINTS", endpoint)
            .env_remove("VISUAL")
            .env("EDITOR", editor);
        command.output().unwrap()
    };
    assert!(edit(&editor("writes", "printf new > \"$1\"")).status.success());
    assert_eq!(output(ctl, endpoint, &["get", "k"]), "k\nnew\n");
    let slow = format!("printf mine > \"$1\"; {} put k theirs", ctl.display());
    let refused = edit(&editor("slow", &slow));
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("the edited text is in"), "{refused:?}");
    assert_eq!(output(ctl, endpoint, &["get", "k"]), "k\ntheirs\n");
}

#[test]
fn pages_and_completions_know_the_commands() {
    let programs = Programs::find();
    let (ctl, own) = (&programs.ours, &programs.binary);
    assert!(page(ctl, &["options"]).contains("--endpoints strings"));
    assert!(page(ctl, &["help", "lease", "grant"]).contains("etcdctl lease grant"));
    assert!(page(own, &["help", "top"]).contains("etcdkit top [flags]"));
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let script = page(ctl, &["completion", shell]);
        assert!(script.contains("make-mirror") && script.contains("etcdctl"), "{shell}");
    }
    let folder = tempfile::tempdir().unwrap();
    page(ctl, &["man", folder.path().to_str().unwrap()]);
    let written = std::fs::read_to_string(folder.path().join("etcdctl-lease-grant.1")).unwrap();
    assert!(written.starts_with(".TH ETCDCTL-LEASE-GRANT 1\n"), "{written}");
}

#[test]
fn a_mirror_copies_keys_and_their_changes_from_a_cluster() {
    let programs = Programs::find();
    let binary = programs.binary.to_str().unwrap();
    let cluster = Server::start_cluster(&[binary, "server"], &["m0", "m1", "m2"]);
    let copy = ours(&programs);
    let all: Vec<&str> = cluster.iter().map(|server| server.endpoint.as_str()).collect();
    let (ctl, from, to) = (&programs.ours, all.join(","), copy.endpoint.as_str());
    output(ctl, &from, &["put", "app/a", "1"]);
    output(ctl, &from, &["put", "other", "1"]);
    let arguments = ["make-mirror", to, "--prefix=app/", "--dest-prefix=copy/"];
    let mut mirror = Running::start(ctl, &from, &arguments);
    let mut watch = Running::start(ctl, to, &["watch", "copy/", "--prefix", "--rev=1"]);
    assert_eq!([watch.line(), watch.line(), watch.line()], ["PUT", "copy/a", "1"]);
    output(ctl, &from, &["put", "app/b", "2"]);
    assert_eq!([watch.line(), watch.line(), watch.line()], ["PUT", "copy/b", "2"]);
    output(ctl, &from, &["del", "app/a"]);
    assert_eq!([watch.line(), watch.line(), watch.line()], ["DELETE", "copy/a", ""]);
    assert!(mirror.runs());
    assert_eq!(mirror.stop("-INT"), Some(5));
    assert_eq!(output(ctl, to, &["get", "", "--prefix"]), "copy/b\n2\n");
}

/// Everything that says who the new member is.
#[test]
fn a_snapshot_becomes_the_member_that_is_named() {
    let programs = Programs::find();
    let server = ours(&programs);
    output(&programs.ours, &server.endpoint, &["put", "a", "1"]);
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    output(&programs.ours, &server.endpoint, &["snapshot", "save", &path("x.db")]);
    let restore = |more: &[&str]| {
        let mut command = Command::new(&programs.util);
        command.args(["snapshot", "restore", &path("x.db"), "--data-dir", &path("data")]).args(more);
        command.output().unwrap()
    };
    let named =
        ["--name=n7", "--initial-cluster-token=t", "--initial-advertise-peer-urls=http://127.0.0.1:7"];
    let unnamed = restore(&named);
    assert!(!unnamed.status.success(), "n7 is not in the cluster: {unnamed:?}");
    assert!(!Path::new(&path("data")).exists());
    std::fs::create_dir(path("wal")).unwrap();
    let wal_dir = format!("--wal-dir={}", path("wal"));
    assert!(!restore(&[&wal_dir]).status.success());
    let cluster =
        ["--initial-cluster=n7=http://127.0.0.1:7", "--initial-memory-map-size=1", "--storage-engine=sled"];
    let restored = restore(&[&named[..], &cluster].concat());
    assert!(restored.status.success(), "{restored:?}");
    let verified = page(&programs.util, &["verify", "--data-dir", &path("data")]);
    let in_file = page(&programs.util, &["hashkv", &path("x.db")]);
    assert_eq!(verified.split(", ").next(), in_file.split(", ").next());
}

#[test]
fn systemd_hears_when_a_server_is_ready() {
    let programs = Programs::find();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let supervisor = std::os::unix::net::UnixDatagram::bind(&path).unwrap();
    supervisor.set_read_timeout(Some(std::time::Duration::from_secs(30))).unwrap();
    let variable = format!("NOTIFY_SOCKET={}", path.display());
    let server = Server::start(&["env", &variable, programs.binary.to_str().unwrap(), "server"]);
    let mut heard = [0; 64];
    let length = supervisor.recv(&mut heard).unwrap();
    assert_eq!(std::str::from_utf8(&heard[..length]).unwrap().trim_end(), "READY=1");
    assert_eq!(output(&programs.ours, &server.endpoint, &["put", "k", "v"]), "OK\n");
}

/// Head and body of what HTTP answers.
fn http(endpoint: &str, path: &str) -> (String, Vec<u8>) {
    let mut stream = TcpStream::connect(endpoint).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let body = answer.windows(4).position(|end| end == b"\r\n\r\n").unwrap() + 4;
    let contents = answer.split_off(body);
    (String::from_utf8(answer).unwrap(), contents)
}

#[test]
fn a_profile_tells_where_the_time_goes_where_that_is_allowed() {
    let programs = Programs::find();
    let quiet = ours(&programs);
    assert!(http(&quiet.endpoint, "/debug/pprof/profile?seconds=1").0.starts_with("HTTP/1.1 404"));
    let server = Server::start(&[programs.binary.to_str().unwrap(), "server", "--enable-pprof"]);
    let index = http(&server.endpoint, "/debug/pprof/").1;
    assert!(String::from_utf8(index).unwrap().contains("profile?seconds=30"));
    assert!(http(&server.endpoint, "/debug/pprof/heap").0.starts_with("HTTP/1.1 404"));

    let of_server = server.endpoint.clone();
    let profiling = std::thread::spawn(move || http(&of_server, "/debug/pprof/profile?seconds=2"));
    // A second one is refused while the first goes on, and all this is work to be seen.
    let mut refused = 0;
    while !profiling.is_finished() {
        http(&server.endpoint, "/metrics");
        let (head, why) = http(&server.endpoint, "/debug/pprof/profile?seconds=1");
        let is_refused = head.starts_with("HTTP/1.1 500") && why.ends_with(b"cpu profiling already in use\n");
        refused += usize::from(is_refused);
    }
    assert!(refused > 0);
    let (head, profile) = profiling.join().unwrap();
    assert!(
        head.starts_with("HTTP/1.1 200") && head.contains("application/octet-stream"),
        "{head}{}",
        String::from_utf8_lossy(&profile)
    );
    let text = String::from_utf8_lossy(&profile);
    assert!(
        text.contains("nanoseconds") && text.contains("etcdkit_server::gateway"),
        "{} bytes",
        profile.len()
    );
}

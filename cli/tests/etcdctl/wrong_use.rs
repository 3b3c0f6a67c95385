//! What goes wrong around a command: a reader that has gone, encryption that does not fit, a screen of 80 by 24.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::holding::output;
use crate::program::{Programs, Server};

fn run(program: &Path, endpoint: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(program);
    command.args(["--command-timeout=1s", "--dial-timeout=1s"]).args(arguments);
    command.env("ETCDCTL_ENDPOINTS", endpoint).output().unwrap()
}

/// The line of the error, without what only one of the programs knows, and the exit code.
fn verdict(output: &Output) -> (String, Option<i32>) {
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    let line = stderr.lines().find(|line| line.starts_with("Error: ")).unwrap_or_default();
    (line.split(" (").next().unwrap().to_owned(), output.status.code())
}

/// More than a pipe holds.
const VALUE_BYTES: usize = 100_000;

fn end_by_broken_pipe(ctl: &Path, endpoint: &str) -> Option<i32> {
    use std::os::unix::process::ExitStatusExt as _;
    let mut child = Command::new(ctl)
        .args(["get", "big", "--prefix"])
        .env("ETCDCTL_ENDPOINTS", endpoint)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    assert_eq!(first, "big0\n");
    child.wait().unwrap().signal()
}

#[test]
fn a_reader_that_has_gone_ends_a_command_by_the_signal_for_that() {
    let programs = Programs::find();
    let server = Server::start(&[programs.binary.to_str().unwrap(), "server"]);
    for number in 0..5 {
        let mut child = Command::new(&programs.ours)
            .args(["put", &format!("big{number}")])
            .env("ETCDCTL_ENDPOINTS", &server.endpoint)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(&[b'x'; VALUE_BYTES]).unwrap();
        assert!(child.wait().unwrap().success());
    }
    const SIGPIPE: i32 = 13;
    assert_eq!(end_by_broken_pipe(&programs.ours, &server.endpoint), Some(SIGPIPE));
    if let Some(oracle) = programs.oracle() {
        assert_eq!(end_by_broken_pipe(&oracle.etcdctl, &server.endpoint), Some(SIGPIPE));
    }
}

#[test]
fn encryption_that_does_not_fit_is_refused_as_etcdctl_refuses_it() {
    let programs = Programs::find();
    let Some(oracle) = programs.oracle() else { return };
    let encrypted = Server::start_encrypted(&[programs.binary.to_str().unwrap(), "server", "--auto-tls"]);
    let plain = Server::start(&[programs.binary.to_str().unwrap(), "server"]);
    let (encrypted, plain) = (encrypted.endpoint.as_str(), plain.endpoint.as_str());
    let https = |endpoint: &str| format!("https://{endpoint}");
    for (endpoint, arguments) in [
        (encrypted.to_owned(), &["get", "a"][..]),
        (https(encrypted), &["get", "a"]),
        (encrypted.to_owned(), &["--insecure-transport=false", "get", "a"]),
        (https(encrypted), &["--insecure-transport=false", "put", "a", "b"]),
        (https(encrypted), &["--insecure-skip-tls-verify", "put", "a", "b"]),
        (https(encrypted), &["--insecure-skip-tls-verify", "--insecure-transport=false", "get", "a"]),
        (https(plain), &["get", "a"]),
        (plain.to_owned(), &["--insecure-transport=false", "get", "a"]),
        (plain.to_owned(), &["--insecure-skip-tls-verify", "get", "a"]),
        (https(plain), &["--insecure-transport=false", "endpoint", "health"]),
    ] {
        let ours = verdict(&run(&programs.ours, &endpoint, arguments));
        let theirs = verdict(&run(&oracle.etcdctl, &endpoint, arguments));
        assert_eq!(ours, theirs, "{endpoint} {arguments:?}");
    }
}

#[test]
fn a_snapshot_takes_the_place_of_the_file_that_was_there() {
    let programs = Programs::find();
    let server = Server::start(&[programs.binary.to_str().unwrap(), "server"]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.db");
    std::fs::write(&file, "old").unwrap();
    output(&programs.ours, &server.endpoint, &["snapshot", "save", file.to_str().unwrap()]);
    assert!(std::fs::metadata(&file).unwrap().len() > 512);
    // What cannot be written leaves the old file and nothing beside it.
    let old = std::fs::read(&file).unwrap();
    let taken = folder.path().join("x.db.part");
    std::fs::create_dir(&taken).unwrap();
    let refused = run(&programs.ours, &server.endpoint, &["snapshot", "save", file.to_str().unwrap()]);
    assert_eq!(refused.status.code(), Some(5));
    assert_eq!(std::fs::read(&file).unwrap(), old);
}

#[test]
fn the_first_page_fits_a_screen() {
    let programs = Programs::find();
    let page = Command::new(&programs.binary).arg("--help").output().unwrap();
    let page = String::from_utf8(page.stdout).unwrap();
    // The prompt that follows takes the last line.
    assert!(page.lines().count() <= 23, "{page}");
    assert!(page.lines().all(|line| line.chars().count() <= 80), "{page}");
    assert!(page.contains("etcdkit top"), "{page}");
}

#[test]
fn what_is_mistyped_is_guessed() {
    let programs = Programs::find();
    for (arguments, guess) in [
        (&["histroy", "a"][..], "history"),
        (&["tpo"], "top"),
        (&["putt", "a", "b"], "put"),
        (&["top", "--intervall=1s"], "--interval"),
        (&["util", "snapshto"], "snapshot"),
        (&["util", "snapshot", "statuss"], "status"),
        (&["server", "--data-dri=x"], "data-dir"),
        (&["cluster", "strat"], "start"),
    ] {
        let output = Command::new(&programs.binary).args(arguments).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains(guess), "{arguments:?}: {said}");
    }
}

/// Colours and columns are for a person.
#[test]
fn a_terminal_gets_colours_and_a_pipe_does_not() {
    let programs = Programs::find();
    let server = Server::start(&[programs.binary.to_str().unwrap(), "server"]);
    output(&programs.ours, &server.endpoint, &["put", "a", "1"]);
    let at_a_terminal =
        |line: &str| crate::holding::at_a_terminal(&programs.ours, &server.endpoint, line, "");
    let Some(screen) = at_a_terminal("get a") else { return };
    assert_eq!(screen, "\u{1b}[1m\u{1b}[36ma\u{1b}[0m\r\n1\r\n");
    assert_eq!(at_a_terminal("--no-color get a").unwrap(), "a\r\n1\r\n");
    assert_eq!(at_a_terminal("-w simple get a").unwrap(), "a\r\n1\r\n");
    assert!(at_a_terminal("--no-color member list").unwrap().starts_with("ID "));
    assert!(at_a_terminal("top -n 1").unwrap().contains("1 of 1 endpoints answer"));
    assert_eq!(output(&programs.ours, &server.endpoint, &["get", "a"]), "a\n1\n");
}

#[test]
fn top_and_since_tell_what_the_server_knows() {
    let programs = Programs::find();
    let server = Server::start(&[programs.binary.to_str().unwrap(), "server"]);
    let (ctl, endpoint) = (&programs.ours, server.endpoint.as_str());
    output(ctl, endpoint, &["put", "a", "1"]);
    let table = output(ctl, endpoint, &["top", "--interval=200ms", "-n", "2"]);
    assert_eq!(table.matches("1 of 1 endpoints answer").count(), 2, "{table}");
    assert!(table.contains("KV/Put") && table.contains("leader"), "{table}");
    let dead = run(ctl, "127.0.0.1:1", &["top"]);
    assert_eq!(dead.status.code(), Some(2));

    let mut watch = crate::holding::Running::start(ctl, endpoint, &["watch", "a", "--since=compacted"]);
    assert_eq!([watch.line(), watch.line(), watch.line()], ["PUT", "a", "1"]);
    let early = run(ctl, endpoint, &["watch", "a", "--since=2001-09-09T01:46:40Z"]);
    assert!(verdict(&early).0.contains("knows the times of revisions since"), "{early:?}");
    if let Some(oracle) = programs.oracle() {
        let etcd = Server::start(&[oracle.etcd.to_str().unwrap()]);
        let unknown = run(ctl, &etcd.endpoint, &["watch", "a", "--since=10m"]);
        assert!(verdict(&unknown).0.contains("does not know the times of revisions, as etcd does not"));
        let table = output(ctl, &etcd.endpoint, &["top", "--interval=200ms"]);
        assert!(table.contains("Maintenance/Status") && table.contains("leader"), "{table}");
    }
}

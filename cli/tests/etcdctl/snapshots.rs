//! Snapshots from one end to the other: saved from a server, looked at, restored, and served again.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use crate::holding::output;
use crate::program::{Programs, Server};

/// What is in a server, as far as a restore must bring it back: pairs with all their revisions, history, leases, users.
fn contents(ctl: &Path, endpoint: &str, login: &[&str], revisions: &[&str]) -> Vec<String> {
    let ask = |line: &[&str]| output(ctl, endpoint, &[login, line].concat());
    let mut all = Vec::new();
    for revision in revisions {
        let pairs = ask(&["get", "", "--from-key", "-w", "fields", "--rev", revision]);
        // The head tells ids, which are new.
        all.push(
            pairs.lines().filter(|line| !line.contains("ID\" : ") && !line.contains("RaftTerm")).collect(),
        );
    }
    all.push(ask(&["lease", "list"]));
    all.push(ask(&["user", "list"]));
    all.push(ask(&["role", "get", "reader"]));
    all
}

/// Keys that were changed and deleted, a lease with a key, users and roles, and authentication switched on.
fn fill(ctl: &Path, endpoint: &str) {
    let run = |line: &[&str]| output(ctl, endpoint, line);
    run(&["put", "a", "1"]);
    run(&["put", "a", "2"]);
    run(&["put", "b", "1"]);
    run(&["del", "b"]);
    let lease = run(&["lease", "grant", "1000"]);
    let lease = format!("--lease={}", lease.split(' ').nth(1).unwrap());
    run(&["put", "leased", "1", &lease]);
    run(&["role", "add", "reader"]);
    run(&["role", "grant-permission", "reader", "read", "a", "--prefix"]);
    run(&["user", "add", "alice:secret"]);
    run(&["user", "grant-role", "alice", "reader"]);
    run(&["user", "add", "root:123"]);
    run(&["auth", "enable"]);
}

const ROOT: &[&str] = &["--user=root:123"];

fn util(program: &Path, arguments: &[&str]) -> Output {
    Command::new(program).args(arguments).output().unwrap()
}

fn util_output(program: &Path, arguments: &[&str]) -> String {
    let output = util(program, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

struct Saved {
    programs: Programs,
    folder: tempfile::TempDir,
    file: PathBuf,
    contents: Vec<String>,
}

/// etcd gives its storage a version a moment after it serves; a snapshot tells it.
fn wait_for_storage_version(program: &Path, endpoint: &str) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !output(program, endpoint, &["endpoint", "status", "-w", "json"])
        .contains("\"storageVersion\":\"3.7.0\"")
    {
        assert!(Instant::now() < deadline, "the storage has no version yet");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Fills a server, saves a snapshot of it and notes what was in it.
fn saved_from(server: impl FnOnce(&Programs) -> Vec<String>) -> Saved {
    let programs = Programs::find();
    let command = server(&programs);
    let command: Vec<&str> = command.iter().map(String::as_str).collect();
    let server = Server::start(&command);
    wait_for_storage_version(&programs.ours, &server.endpoint);
    fill(&programs.ours, &server.endpoint);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("saved.db");
    let said = output(
        &programs.ours,
        &server.endpoint,
        &[ROOT, &["snapshot", "save", file.to_str().unwrap()]].concat(),
    );
    assert_eq!(said, format!("Snapshot saved at {}\nServer version 3.7.0\n", file.display()));
    let contents = contents(&programs.ours, &server.endpoint, ROOT, &["0", "2", "4"]);
    Saved { programs, folder, file, contents }
}

fn assert_restores(saved: &Saved) {
    let (util_program, file) = (&saved.programs.util, saved.file.to_str().unwrap());
    let status = util_output(util_program, &["snapshot", "status", file]);
    let items: Vec<&str> = status.trim().split(", ").collect();
    assert_eq!((items[1], items[2], items[4]), ("6", "2", "3.7.0"), "{status}");

    let dir = saved.folder.path().join("restored");
    util_output(util_program, &["snapshot", "restore", file, "--data-dir", dir.to_str().unwrap()]);
    let verified = util_output(util_program, &["verify", "--data-dir", dir.to_str().unwrap()]);
    let in_file = util_output(util_program, &["hashkv", file]);
    assert_eq!(verified.split(", ").next(), in_file.split(", ").next());

    let server = Server::start_on(&[saved.programs.binary.to_str().unwrap(), "server"], &dir);
    let restored = contents(&saved.programs.ours, &server.endpoint, ROOT, &["0", "2", "4"]);
    assert_eq!(restored, saved.contents);
    let refused = util(&saved.programs.ours, &["--endpoints", &server.endpoint, "get", "a"]);
    assert!(!refused.status.success(), "authentication is off after the restore");
    output(&saved.programs.ours, &server.endpoint, &[ROOT, &["put", "after", "1"]].concat());
    server.stop();
    util_output(util_program, &["verify", "--data-dir", dir.to_str().unwrap()]);

    // A second restore to the same place is refused and changes nothing.
    let again = util(util_program, &["snapshot", "restore", file, "--data-dir", dir.to_str().unwrap()]);
    let complaint = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(
        complaint.contains(&format!("data-dir {:?} not empty or could not be read", dir.to_str().unwrap())),
        "{complaint}"
    );
    assert!(!again.status.success());
}

fn ours(programs: &Programs) -> Vec<String> {
    vec![programs.binary.to_str().unwrap().to_owned(), "server".to_owned()]
}

#[test]
fn our_snapshot_is_restored_exactly() {
    assert_restores(&saved_from(ours));
}

#[test]
fn a_snapshot_of_etcd_is_restored_exactly() {
    let programs = Programs::find();
    let Some(oracle) = programs.oracle() else { return };
    let saved = saved_from(|_| vec![oracle.etcd.to_str().unwrap().to_owned()]);
    let file = saved.file.to_str().unwrap();
    for format in ["simple", "json", "fields", "table"] {
        let arguments = ["snapshot", "status", file, "-w", format];
        assert_eq!(util_output(&saved.programs.util, &arguments), util_output(&oracle.etcdutl, &arguments));
    }
    assert_restores(&saved);
}

#[test]
fn a_raised_revision_ends_old_watches() {
    let saved = saved_from(ours);
    let dir = saved.folder.path().join("raised");
    let arguments =
        ["snapshot", "restore", saved.file.to_str().unwrap(), "--data-dir", dir.to_str().unwrap()];
    util_output(
        &saved.programs.util,
        &[&arguments[..], &["--bump-revision=1000", "--mark-compacted"]].concat(),
    );
    let server = Server::start_on(&[saved.programs.binary.to_str().unwrap(), "server"], &dir);
    let (ctl, endpoint) = (&saved.programs.ours, server.endpoint.as_str());
    let pairs = output(ctl, endpoint, &[ROOT, &["get", "a", "-w", "fields"]].concat());
    assert!(pairs.contains("\"Revision\" : 1006\n"), "{pairs}");
    let watch = util(ctl, &["--endpoints", endpoint, "--user=root:123", "watch", "a", "--rev=5"]);
    let complaint = String::from_utf8_lossy(&watch.stderr).into_owned();
    assert!(complaint.contains("required revision has been compacted"), "{complaint}");
}

#[test]
fn a_damaged_snapshot_is_refused_and_leaves_nothing_behind() {
    let saved = saved_from(ours);
    let whole = std::fs::read(&saved.file).unwrap();
    let bad = saved.folder.path().join("bad.db");
    let dir = saved.folder.path().join("bad.etcd");
    let restore = |bytes: &[u8], flags: &[&str]| {
        std::fs::write(&bad, bytes).unwrap();
        let arguments = ["snapshot", "restore", bad.to_str().unwrap(), "--data-dir", dir.to_str().unwrap()];
        let output = util(&saved.programs.util, &[&arguments[..], flags].concat());
        assert!(!output.status.success());
        assert!(!dir.exists());
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let cut = restore(&whole[..whole.len() - 32], &[]);
    assert!(cut.contains("Error: snapshot missing hash but --skip-hash-check=false"), "{cut}");
    let mut changed = whole.clone();
    changed[whole.len() / 2] ^= 1;
    let changed_text = restore(&changed, &[]);
    assert!(changed_text.contains("Error: expected sha256 ["), "{changed_text}");
    let unchecked = restore(&changed, &["--skip-hash-check"]);
    assert!(unchecked.contains("Error: snapshot file integrity check failed."), "{unchecked}");
    let short = restore(&whole[..512], &["--skip-hash-check"]);
    assert!(short.contains("Error: snapshot file integrity check failed."), "{short}");
    let other = restore(&[b'x'; 4096], &["--skip-hash-check"]);
    assert!(other.contains("Error: invalid database"), "{other}");
}

#[test]
fn saving_leaves_nothing_half_written() {
    let programs = Programs::find();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.db");
    let arguments =
        ["--endpoints=127.0.0.1:1", "--command-timeout=300ms", "--dial-timeout=200ms", "snapshot", "save"];
    let output = util(&programs.ours, &[&arguments[..], &[file.to_str().unwrap()]].concat());
    assert_eq!(output.status.code(), Some(5));
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
}

#[test]
fn a_directory_in_use_is_refused_and_a_whole_one_verifies() {
    let programs = Programs::find();
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("data");
    let server = Server::start_on(&[programs.binary.to_str().unwrap(), "server"], &dir);
    for value in ["1", "2", "3"] {
        output(&programs.ours, &server.endpoint, &["put", "a", value]);
    }
    output(&programs.ours, &server.endpoint, &["compaction", "3"]);
    let hash = output(&programs.ours, &server.endpoint, &["endpoint", "hashkv"]);
    let dir = dir.to_str().unwrap();
    let used = util(&programs.util, &["verify", "--data-dir", dir]);
    assert!(String::from_utf8_lossy(&used.stderr).contains("in use"), "{used:?}");
    server.stop();
    let verified = util_output(&programs.util, &["verify", "--data-dir", dir]);
    assert!(verified.trim().ends_with(", true"), "{verified}");
    let own = util_output(&programs.util, &["hashkv", dir]);
    assert_eq!(own.split(", ").next(), hash.split(", ").nth(1), "{hash}");
    util_output(&programs.util, &["defrag", "--data-dir", dir]);
    let after = util_output(&programs.util, &["verify", "--data-dir", dir]);
    assert_eq!(after, verified);
}

/// What is left of `etcdutl` beside snapshots, as scripts call it.
#[test]
fn a_directory_is_hashed_at_a_revision_and_told_its_version() {
    let programs = Programs::find();
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("data");
    let server = Server::start_on(&[programs.binary.to_str().unwrap(), "server"], &dir);
    output(&programs.ours, &server.endpoint, &["put", "a", "1"]);
    let early = output(&programs.ours, &server.endpoint, &["endpoint", "hashkv"]);
    output(&programs.ours, &server.endpoint, &["put", "a", "2"]);
    server.stop();
    let dir = dir.to_str().unwrap();
    let own = util_output(&programs.util, &["hashkv", dir, "--rev=2", "--timeout=1s"]);
    assert_eq!(own.split(", ").next(), early.split(", ").nth(1), "{early}");
    let fields = util_output(&programs.util, &["hashkv", dir, "--rev=2", "--write-out=json"]);
    assert!(fields.starts_with("{\"hash\":"), "{fields}");

    let migrate =
        |to: &str| util(&programs.util, &["migrate", "--data-dir", dir, "--target-version", to, "--force"]);
    assert!(migrate("3.7").status.success());
    let older = migrate("3.6");
    assert_eq!(older.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&older.stderr).contains("make-mirror"), "{older:?}");

    assert_eq!(util_output(&programs.util, &["version"]), "etcdutl version: 3.7.1\nAPI version: 3.7\n");
    assert!(util_output(&programs.util, &["help", "hashkv"]).contains("etcdutl hashkv"));
    assert!(util_output(&programs.util, &["completion", "bash"]).contains("etcdutl"));
    let pages = folder.path().join("man");
    util_output(&programs.util, &["man", pages.to_str().unwrap()]);
    assert!(pages.join("etcdutl.1").exists());
}

//! Commands that run until they are told to stop: watch, lock, elect, keep-alive.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

/// A command that runs on while its output is read.
pub(crate) struct Running {
    child: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
}

impl Running {
    pub(crate) fn start(ctl: &Path, endpoint: &str, arguments: &[&str]) -> Self {
        let mut child = Command::new(ctl)
            .args(arguments)
            .env("ETCDCTL_ENDPOINTS", endpoint)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Running { child, lines }
    }

    /// Waits for the next line of output.
    pub(crate) fn line(&mut self) -> String {
        self.lines.next().unwrap().unwrap()
    }

    /// Whether the command has not ended.
    pub(crate) fn runs(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Sends a signal and waits for the exit code.
    pub(crate) fn stop(mut self, signal: &str) -> Option<i32> {
        let sent = Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a command that ends by itself prints.
pub(crate) fn output(ctl: &Path, endpoint: &str, arguments: &[&str]) -> String {
    let output = Command::new(ctl).args(arguments).env("ETCDCTL_ENDPOINTS", endpoint).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// What a person sees who runs a command at a terminal and types. The terminal is one that `script` makes; without that
/// program there is nothing to be seen.
pub(crate) fn at_a_terminal(ctl: &Path, endpoint: &str, arguments: &str, typed: &str) -> Option<String> {
    let line = format!("{} {arguments}", ctl.display());
    let started = Command::new("script")
        .args(["-qec", &line, "/dev/null"])
        .env("ETCDCTL_ENDPOINTS", endpoint)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let Ok(mut child) = started else {
        eprintln!("SKIPPED: no script program to make a terminal with");
        return None;
    };
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let mut screen = Vec::new();
    // What is typed before a prompt is there would be shown, so each line waits for its prompt.
    for line in typed.lines() {
        let mut byte = [0];
        while !screen.ends_with(b": ") && stdout.read_exact(&mut byte).is_ok() {
            screen.push(byte[0]);
        }
        screen.push(b'\n');
        std::io::Write::write_all(&mut stdin, format!("{line}\n").as_bytes()).unwrap();
    }
    stdout.read_to_end(&mut screen).unwrap();
    drop(stdin);
    child.wait().unwrap();
    Some(String::from_utf8_lossy(&screen).into_owned())
}

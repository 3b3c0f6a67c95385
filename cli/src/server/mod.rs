//! `etcdkit server`: etcd's flags, environment and log lines.

use std::ffi::OsString;
use std::process::ExitCode;

/// Runs the server with these arguments, the program's name left out.
pub(crate) fn main(_args: Vec<OsString>) -> ExitCode {
    eprintln!("etcd: no server is built into this binary yet");
    ExitCode::FAILURE
}

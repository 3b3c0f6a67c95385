//! etcdctl: the command line client.

use std::ffi::OsString;
use std::process::ExitCode;

/// Runs etcdctl with these arguments, the program's name left out.
pub(crate) fn main(_args: Vec<OsString>) -> ExitCode {
    eprintln!("etcdctl: no command is built into this binary yet");
    ExitCode::FAILURE
}

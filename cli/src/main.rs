//! The etcdkit binary: called as `etcdkit`, `etcd` or `etcdctl` it behaves as that program.

mod ctl;
mod platform;
mod server;

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

#[cfg(unix)]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const USAGE: &str = "\
etcdkit: an etcd-compatible server and client

Usage:
  etcdkit server [flags]     run the server; the flags are etcd's
  etcdkit COMMAND [flags]    any command of etcdctl, such as put, get, watch
  etcdkit version

Called as `etcd` it is the server, called as `etcdctl` it is the client.
";

/// Exit code of a command line that cannot be understood, as Go's flag package has it.
const EXIT_USAGE: u8 = 2;

fn main() -> ExitCode {
    let mut args = std::env::args_os();
    let program = args.next().unwrap_or_default();
    let args: Vec<OsString> = args.collect();
    match called_as(&program).as_str() {
        "etcd" => server::main(args),
        "etcdctl" => ctl::main(args),
        _ => etcdkit(args),
    }
}

/// The name of the program without its folder and without the suffix that Windows adds.
fn called_as(program: &OsString) -> String {
    Path::new(program).file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

fn etcdkit(mut args: Vec<OsString>) -> ExitCode {
    match args.first().and_then(|first| first.to_str()) {
        None => {
            eprint!("{USAGE}");
            ExitCode::from(EXIT_USAGE)
        }
        Some("help" | "-h" | "--help") if args.len() == 1 => {
            print!("{USAGE}");
            ExitCode::SUCCESS
        }
        Some("version" | "--version") if args.len() == 1 => {
            println!("etcdkit version: {}", env!("CARGO_PKG_VERSION"));
            ExitCode::SUCCESS
        }
        Some("server") => server::main(args.split_off(1)),
        Some("ctl") => ctl::main(args.split_off(1)),
        Some(_) => ctl::main(args),
    }
}

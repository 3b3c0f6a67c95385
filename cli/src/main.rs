//! The etcdkit binary: called as `etcdkit`, `etcd`, `etcdctl` or `etcdutl` it behaves as that program.

mod cluster;
mod console;
mod ctl;
mod discovery_server;
mod http;
mod platform;
mod server;
mod srv;
mod util;

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
  etcdkit cluster start      run a cluster of several members on this machine
  etcdkit cluster status     shows its members, drawn anew
  etcdkit discovery-server   lets the members of a new cluster find each other
  etcdkit COMMAND [flags]    any command of etcdctl, such as put, get, watch
  etcdkit tree [PREFIX]      shows keys as a tree
  etcdkit history KEY        shows every change of a key that is still known
  etcdkit edit KEY           opens the value of a key in $EDITOR
  etcdkit top                shows what the servers are doing, live
  etcdkit util COMMAND       any command of etcdutl, such as snapshot restore
  etcdkit verify             checks a data directory that no server runs on
  etcdkit options            the flags that every command takes
  etcdkit help [COMMAND]
  etcdkit version

Called as `etcd`, `etcdctl` or `etcdutl` it is that program.
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
        "etcdutl" => util::main(args),
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
        Some("cluster") => cluster::main(args.split_off(1)),
        Some("discovery-server") => discovery_server::main(args.split_off(1)),
        Some("server") => server::main(args.split_off(1)),
        Some("ctl") => ctl::main(args.split_off(1)),
        Some("util") => util::main(args.split_off(1)),
        Some("verify") => util::main(args),
        Some(_) => ctl::main(args),
    }
}

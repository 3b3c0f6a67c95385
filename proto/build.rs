//! Compiles the wire contract and the error table into Rust.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use prost::Message as _;
use serde::Deserialize;

const WIRE: &[&str] = &[
    "mvccpb/kv.proto",
    "authpb/auth.proto",
    "etcdserverpb/rpc.proto",
    "v3lockpb/v3lock.proto",
    "v3electionpb/v3election.proto",
    "grpc/health/v1/health.proto",
];

/// What crosses a language boundary besides the wire contract; see `bridge/bridge.proto`.
const BRIDGE: &str = "bridge.proto";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=wire");
    println!("cargo:rerun-if-changed=bridge");
    println!("cargo:rerun-if-changed=errors.toml");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let descriptors = protox::compile(WIRE, ["wire"])?;
    fs::write(out.join("descriptors.bin"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure().bytes(".").emit_rerun_if_changed(false).compile_fds(descriptors)?;
    generate_bridge(&out.join("bridge"))?;
    generate_errors(Path::new("errors.toml"), &out.join("errors.rs"))
}

/// In a folder of its own: the packages it imports are written once more, and not used.
fn generate_bridge(out: &Path) -> Result<(), Box<dyn std::error::Error>> {
    fs::create_dir_all(out)?;
    let descriptors = protox::compile([BRIDGE], ["bridge", "wire"])?;
    tonic_prost_build::configure()
        .bytes(".")
        .extern_path(".etcdserverpb", "crate::etcdserverpb")
        .emit_rerun_if_changed(false)
        .out_dir(out)
        .compile_fds(descriptors)?;
    Ok(())
}

#[derive(Deserialize)]
struct ErrorTable {
    error: Vec<ErrorRow>,
}

#[derive(Deserialize)]
struct ErrorRow {
    name: String,
    code: String,
    wire: Option<String>,
    message: String,
    #[serde(default = "default_typed")]
    typed: bool,
    retry: Option<String>,
}

fn default_typed() -> bool {
    true
}

fn generate_errors(table: &Path, target: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let rows = toml::from_str::<ErrorTable>(&fs::read_to_string(table)?)?.error;
    let mut code = String::new();
    writeln!(code, "/// An error of the etcd v3 API; see `proto/errors.toml`.")?;
    writeln!(code, "#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]")?;
    writeln!(code, "#[non_exhaustive]\npub enum EtcdError {{")?;
    for row in &rows {
        writeln!(code, "    /// `{}`\n    {},", row.message, row.name)?;
    }
    writeln!(code, "}}\n")?;
    writeln!(code, "/// Every error with its properties, in the order of the table.")?;
    writeln!(code, "pub static ERRORS: &[ErrorEntry] = &[")?;
    for row in &rows {
        let retry = match row.retry.as_deref() {
            None => "Never",
            Some("read") => "Read",
            Some("auth") => "Auth",
            Some(other) => return Err(format!("{}: unknown retry class {other}", row.name).into()),
        };
        writeln!(
            code,
            "    ErrorEntry {{ error: EtcdError::{}, name: {:?}, code: tonic::Code::{}, wire_code: tonic::Code::{}, message: {:?}, typed: {}, retry: Retry::{} }},",
            row.name,
            row.name,
            tonic_code(&row.code),
            tonic_code(row.wire.as_ref().unwrap_or(&row.code)),
            row.message,
            row.typed,
            retry
        )?;
    }
    writeln!(code, "];")?;
    fs::write(target, code)?;
    Ok(())
}

/// tonic spells one code as gRPC's specification does not.
fn tonic_code(code: &str) -> &str {
    if code == "Canceled" { "Cancelled" } else { code }
}

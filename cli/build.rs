//! How the program is linked.

use std::fmt::Write as _;
use std::path::Path;

/// Functions that run whenever it starts, as `cargo xtask startup-order` saw them: patterns, because hashes of crates are
/// others with each version.
const STARTUP: &str = "startup.txt";

fn main() -> std::io::Result<()> {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed={STARTUP}");
    let is = |name: &str, value: &str| std::env::var(name).is_ok_and(|is| is == value);
    if !is("CARGO_CFG_TARGET_OS", "linux") {
        return Ok(());
    }
    // A program that may be loaded anywhere carries half a megabyte of relocations, which the loader reads, and dirties as
    // much again each time it starts: an eighth of what `etcdctl get` takes. Go's etcd and etcdctl are not either.
    println!("cargo:rustc-link-arg-bins=-no-pie");
    if is("PROFILE", "release") {
        gather_startup()?;
    }
    Ok(())
}

/// Puts them side by side, so that few pages hold them all. A name that is not there any more changes nothing.
fn gather_startup() -> std::io::Result<()> {
    let mut sections = String::new();
    for function in std::fs::read_to_string(STARTUP)?.lines() {
        // Rust puts what is seldom called, such as the growth of a vector, under the second name.
        let _infallible = writeln!(sections, "    *(.text.{function} .text.unlikely.{function})");
    }
    let folder = std::env::var_os("OUT_DIR").unwrap_or_default();
    let script = Path::new(&folder).join("startup.ld");
    std::fs::write(
        &script,
        format!("SECTIONS {{\n  .text.startup_order : {{\n{sections}  }}\n}}\nINSERT BEFORE .text;\n"),
    )?;
    println!("cargo:rustc-link-arg-bins=-Wl,-T,{}", script.display());
    Ok(())
}

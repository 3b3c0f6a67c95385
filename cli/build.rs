//! How the program is linked.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    // A program that may be loaded anywhere carries half a megabyte of relocations, which the loader reads, and dirties as
    // much again each time it starts: an eighth of what `etcdctl get` takes. Go's etcd and etcdctl are not either.
    if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "linux") {
        println!("cargo:rustc-link-arg-bins=-no-pie");
    }
}

//! Links the library as Node loads it.

fn main() {
    napi_build::setup();
    // A worker that ends unloads what only it had loaded, and the runtime's threads are in this code for ever.
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
        println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
    }
}

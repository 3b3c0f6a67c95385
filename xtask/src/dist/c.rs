//! `dist/c`: what a C program needs, laid out as an installation prefix: `include/`, `lib/`, `lib/pkgconfig/`.

use anyhow::Context as _;

use super::{Profile, fresh};
use crate::step::root;

/// Libraries the static library leaves to the linker, beside what the platform's C compiler links anyway.
const STATIC_NEEDS: &str = "-lpthread -ldl -lm";

pub(super) fn make(profile: Profile) -> anyhow::Result<()> {
    let prefix = fresh("c")?;
    let (include, lib) = (prefix.join("include"), prefix.join("lib"));
    std::fs::create_dir_all(lib.join("pkgconfig"))?;
    std::fs::create_dir_all(&include)?;
    std::fs::copy(root().join("bindings/c/include/etcdkit.h"), include.join("etcdkit.h"))?;
    let shared = format!("{}etcdkit{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    let built = format!("{}etcdkit_ffi{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    for (from, to) in [(built.as_str(), shared.as_str()), ("libetcdkit_ffi.a", "libetcdkit.a")] {
        std::fs::copy(profile.folder().join(from), lib.join(to)).with_context(|| from.to_owned())?;
    }
    std::fs::write(lib.join("pkgconfig/etcdkit.pc"), package_config())?;
    Ok(())
}

/// The prefix is found from where the file lies, so that the folder can be moved.
fn package_config() -> String {
    format!(
        "prefix=${{pcfiledir}}/../..\n\
         includedir=${{prefix}}/include\n\
         libdir=${{prefix}}/lib\n\n\
         Name: etcdkit\n\
         Description: etcd v3 client and embedded server\n\
         Version: {}\n\
         Cflags: -I${{includedir}}\n\
         Libs: -L${{libdir}} -letcdkit\n\
         Libs.private: {STATIC_NEEDS}\n",
        env!("CARGO_PKG_VERSION")
    )
}

//! The constants as C sees them.

use std::fmt::Write as _;

use super::{File, NOTICE, Source, grpc_code, screaming};

/// `bindings/c/include/etcdkit_methods.h`.
pub(crate) fn header(source: &Source) -> File {
    let mut out = format!("/* {NOTICE} */\n#ifndef ETCDKIT_METHODS_H\n#define ETCDKIT_METHODS_H\n\n");
    out += "/* What etcdkit_start takes as `method`: target; request -> response [makes a ... of ...]. */\n";
    out += "typedef enum etcdkit_method {\n";
    for method in &source.methods {
        let _ = writeln!(out, "    /* {}", method.doc);
        let _ = write!(out, "     * {}; {} -> {}", method.target, method.request, method.response);
        if let Some(makes) = &method.makes {
            let _ = write!(out, "; makes a {makes}");
        }
        if let Some(items) = &method.items {
            let _ = write!(out, " of {items}");
        }
        let _ = writeln!(out, " */\n    ETCDKIT_{} = {},", method.name, method.id);
    }
    out += "} etcdkit_method;\n\n/* etcdkit_result.kind; those up to 16 are gRPC's codes. */\ntypedef enum etcdkit_kind {\n    ETCDKIT_KIND_OK = 0,\n";
    for kind in &source.kinds {
        let _ = writeln!(
            out,
            "    /* {} */\n    ETCDKIT_KIND_{} = {},",
            kind.doc,
            screaming(&kind.name),
            kind.id
        );
    }
    out += "} etcdkit_kind;\n\n/* Every error of etcd's API: X(name, gRPC code, exact message). */\n#define ETCDKIT_ERRORS(X)";
    for error in &source.errors {
        let _ = write!(out, " \\\n    X({}, {}, \"{}\")", error.name, grpc_code(&error.code), error.message);
    }
    out += "\n\n#endif\n";
    ("bindings/c/include/etcdkit_methods.h", out)
}

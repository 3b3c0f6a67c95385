//! The constants as Java sees them.

use std::fmt::Write as _;

use super::{File, NOTICE, Source, screaming};

/// `Methods.java`.
pub(crate) fn methods(source: &Source) -> File {
    let mut out = class("Methods", "Numbers of the methods of the core.");
    for method in &source.methods {
        let _ = write!(
            out,
            "\n    /** {} */\n    static final int {} = {};\n",
            method.doc, method.name, method.id
        );
    }
    out += "}\n";
    ("bindings/java/src/main/java/io/etcdkit/internal/Methods.java", out)
}

/// `Kinds.java`.
pub(crate) fn kinds(source: &Source) -> File {
    let mut out = class("Kinds", "Kinds of errors; those up to 16 are gRPC's codes.");
    for kind in &source.kinds {
        let name = screaming(&kind.name);
        let _ = write!(out, "\n    /** {} */\n    static final int {name} = {};\n", kind.doc, kind.id);
    }
    out += "}\n";
    ("bindings/java/src/main/java/io/etcdkit/internal/Kinds.java", out)
}

fn class(name: &str, doc: &str) -> String {
    format!(
        "// {NOTICE}\n\npackage io.etcdkit.internal;\n\n/** {doc} */\nfinal class {name} {{\n    private {name}() {{}}\n"
    )
}

//! The methods as Rust sees them.

use std::fmt::Write as _;

use super::{File, NOTICE, Source, camel};

/// `core/dispatch/src/methods.rs`.
pub(crate) fn methods(source: &Source) -> File {
    let mut out = format!("// {NOTICE}\n\n//! The methods of the boundary, by number.\n\n");
    out += "/// A method of the boundary.\n#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]\n#[repr(u32)]\npub enum Method {\n";
    for method in &source.methods {
        let _ = writeln!(out, "    /// {}\n    {} = {},", method.doc, camel(&method.name), method.id);
    }
    out += "}\n\nimpl Method {\n    /// Every method.\n    pub const ALL: &'static [Self] = &[\n";
    for method in &source.methods {
        let _ = writeln!(out, "        Self::{},", camel(&method.name));
    }
    out += "    ];\n\n    /// The method with this number.\n    pub const fn from_id(id: u32) -> Option<Self> {\n        Some(match id {\n";
    for method in &source.methods {
        let _ = writeln!(out, "            {} => Self::{},", method.id, camel(&method.name));
    }
    out += "            _ => return None,\n        })\n    }\n\n    /// The name, as in `proto/methods.toml`.\n    pub const fn name(self) -> &'static str {\n        match self {\n";
    for method in &source.methods {
        let _ = writeln!(out, "            Self::{} => \"{}\",", camel(&method.name), method.name);
    }
    out += "        }\n    }\n\n    /// The path of the RPC that is passed through, if it is one.\n    pub const fn path(self) -> Option<&'static str> {\n        Some(match self {\n";
    for method in &source.methods {
        if let Some(path) = &method.path {
            let _ = writeln!(out, "            Self::{} => \"{path}\",", camel(&method.name));
        }
    }
    out += "            _ => return None,\n        })\n    }\n}\n";
    ("core/dispatch/src/methods.rs", out)
}

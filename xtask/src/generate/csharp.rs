//! The constants as C# sees them.

use std::fmt::Write as _;

use super::{File, NOTICE, Source, camel};

/// `Methods.g.cs`: the methods, and those that pass an RPC through by its path.
pub(crate) fn methods(source: &Source) -> File {
    let mut out = head(&["System.Collections.Generic"], "EtcdKit.Native");
    out +=
        "/// <summary>Numbers of the methods of the boundary.</summary>\ninternal static class Methods\n{\n";
    for method in &source.methods {
        let _ = writeln!(out, "    /// <summary>{}</summary>", method.doc);
        let _ = writeln!(out, "    internal const uint {} = {};\n", camel(&method.name), method.id);
    }
    out += "    /// <summary>Methods that pass a unary RPC through, by its path.</summary>\n";
    out += "    internal static readonly Dictionary<string, uint> ByPath = new()\n    {\n";
    for method in &source.methods {
        if let Some(path) = &method.path {
            let _ = writeln!(out, "        [\"{path}\"] = {},", camel(&method.name));
        }
    }
    out += "    };\n}\n";
    ("bindings/csharp/src/EtcdKit/Native/Methods.g.cs", out)
}

/// `ErrorKind.g.cs`: the classes of errors.
pub(crate) fn kinds(source: &Source) -> File {
    let mut out = head(&[], "EtcdKit");
    out += "/// <summary>The class of a failure. The numbers up to 16 are gRPC's codes; the others are the core's own.</summary>\n";
    out += "public enum ErrorKind\n{\n";
    let kinds: Vec<String> = source
        .kinds
        .iter()
        .map(|kind| format!("    /// <summary>{}</summary>\n    {} = {},\n", kind.doc, kind.name, kind.id))
        .collect();
    out += &kinds.join("\n");
    out += "}\n";
    ("bindings/csharp/src/EtcdKit/ErrorKind.g.cs", out)
}

/// `EtcdErrors.g.cs`: the exact messages of etcd's errors.
pub(crate) fn errors(source: &Source) -> File {
    let mut out = head(&[], "EtcdKit");
    out += "/// <summary>Messages of etcd's errors, as <c>Status.Detail</c> of an exception has them.</summary>\n";
    out += "public static class EtcdErrors\n{\n";
    let errors: Vec<String> = source
        .errors
        .iter()
        .map(|error| {
            let message = error.message.replace('\\', "\\\\").replace('"', "\\\"");
            let code = if error.code == "Canceled" { "Cancelled" } else { &error.code };
            format!(
                "    /// <summary>Comes with the code {code}.</summary>\n    public const string {} = \"{message}\";\n",
                error.name
            )
        })
        .collect();
    out += &errors.join("\n");
    out += "}\n";
    ("bindings/csharp/src/EtcdKit/EtcdErrors.g.cs", out)
}

fn head(usings: &[&str], namespace: &str) -> String {
    let mut out = format!("// {NOTICE}\n#nullable enable\n\n");
    for using in usings {
        let _ = writeln!(out, "using {using};");
    }
    if !usings.is_empty() {
        out.push('\n');
    }
    let _ = writeln!(out, "namespace {namespace};\n");
    out
}

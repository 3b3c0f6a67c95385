//! The constants as Go sees them, the header its module carries along, and the messages of the boundary.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::Stdio;
use std::{fs, path::Path};

use anyhow::{Context as _, bail};
use prost::Message as _;

use super::{File, NOTICE, Source, c, camel};
use crate::step::{command, installed, root};

const MODULE: &str = "bindings/go";
const MESSAGES: &str = "bindings/go/internal/bridgepb/bridge.pb.go";
/// Where etcd's own messages are in Go.
const PACKAGES: &[(&str, &str)] = &[
    ("etcdserverpb/rpc.proto", "go.etcd.io/etcd/api/v3/etcdserverpb"),
    ("mvccpb/kv.proto", "go.etcd.io/etcd/api/v3/mvccpb"),
    ("authpb/auth.proto", "go.etcd.io/etcd/api/v3/authpb"),
];

/// Numbers of the methods.
pub(crate) fn methods(source: &Source) -> File {
    let mut out = format!("// Code g{}\n\n", &NOTICE[1..]);
    out += "// Package method holds the numbers of the methods that the native core can be called by.\npackage method\n\n";
    out += "// Methods of the core.\nconst (\n";
    for method in &source.methods {
        let name = camel(&method.name);
        let _ = writeln!(out, "\t// {name}: {}\n\t{name} uint32 = {}", method.doc, method.id);
    }
    out += ")\n\n// ByPath is the method that passes a unary RPC through.\nfunc ByPath(path string) (method uint32, known bool) {\n\tswitch path {\n";
    for method in &source.methods {
        if let Some(path) = &method.path {
            let _ = writeln!(out, "\tcase \"{path}\":\n\t\treturn {}, true", camel(&method.name));
        }
    }
    out += "\tdefault:\n\t\treturn 0, false\n\t}\n}\n";
    ("bindings/go/internal/method/method.go", out)
}

/// Classes of errors.
pub(crate) fn kinds(source: &Source) -> File {
    let mut out = format!("// Code g{}\n\npackage ffi\n\n", &NOTICE[1..]);
    out += "// Kind is the class of an outcome, the same in every language; 1 to 16 are gRPC's codes.\ntype Kind int32\n\n";
    out += "// Outcomes.\nconst (\n\t// OK: The call succeeded.\n\tOK Kind = 0\n";
    for kind in &source.kinds {
        let _ = writeln!(out, "\t// {}: {}\n\t{0} Kind = {}", kind.name, kind.doc, kind.id);
    }
    out += ")\n";
    ("bindings/go/internal/ffi/kind.go", out)
}

/// The module is complete by itself: it has copies of the headers.
pub(crate) fn header(_: &Source) -> File {
    let text = fs::read_to_string(root().join("bindings/c/include/etcdkit.h")).unwrap_or_default();
    ("bindings/go/internal/ffi/etcdkit.h", text)
}

/// See [`header`].
pub(crate) fn methods_header(source: &Source) -> File {
    ("bindings/go/internal/ffi/etcdkit_methods.h", c::header(source).1)
}

/// The messages of the boundary, by the generator that Go's users know.
pub(crate) fn messages(check: bool) -> anyhow::Result<()> {
    if !installed("go") {
        eprintln!("go is not installed: Go's messages are left alone");
        return Ok(());
    }
    let text = generated()?;
    let file = root().join(MESSAGES);
    if fs::read_to_string(&file).is_ok_and(|present| present == text) {
        return Ok(());
    }
    if check {
        bail!("{MESSAGES} is not what its source says: run `cargo xtask generate`");
    }
    fs::write(&file, text)?;
    eprintln!("wrote {MESSAGES}");
    Ok(())
}

/// Runs `protoc-gen-go` as protoc would, in the version that the module names.
fn generated() -> anyhow::Result<String> {
    let proto = root().join("proto");
    let folders: [&Path; 2] = [&proto.join("wire"), &proto.join("bridge")];
    let mut descriptors = protox::Compiler::new(folders)?;
    descriptors.include_imports(true).include_source_info(true).open_file("bridge.proto")?;
    let mut parameter = "paths=source_relative".to_owned();
    for (file, package) in PACKAGES {
        let _ = write!(parameter, ",M{file}={package}");
    }
    let request = prost_types::compiler::CodeGeneratorRequest {
        file_to_generate: vec!["bridge.proto".to_owned()],
        parameter: Some(parameter),
        proto_file: descriptors.file_descriptor_set().file,
        compiler_version: None,
    };
    let mut generator = command("go run google.golang.org/protobuf/cmd/protoc-gen-go")
        .current_dir(root().join(MODULE))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start go")?;
    generator.stdin.take().context("stdin is piped")?.write_all(&request.encode_to_vec())?;
    let output = generator.wait_with_output()?;
    if !output.status.success() {
        bail!("protoc-gen-go ended with {}", output.status);
    }
    let response = prost_types::compiler::CodeGeneratorResponse::decode(output.stdout.as_slice())?;
    if let Some(error) = response.error {
        bail!("protoc-gen-go: {error}");
    }
    response.file.into_iter().next().and_then(|file| file.content).context("protoc-gen-go wrote nothing")
}

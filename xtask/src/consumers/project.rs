//! The empty folder of a user.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, bail};
use tempfile::TempDir;

use crate::step::root;

/// A folder outside the repository; gone when dropped.
pub(super) struct Project {
    folder: TempDir,
}

impl Project {
    pub(super) fn new() -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("etcdkit-consumer-").tempdir()?;
        Ok(Self { folder })
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn write(&self, name: &str, text: &str) -> anyhow::Result<()> {
        let path = self.path(name);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(&path, text).with_context(|| path.display().to_string())
    }

    /// A command line in the folder. Nothing of the repository's own environment reaches it.
    pub(super) fn command(&self, line: &str) -> Command {
        let mut words = line.split_whitespace();
        let program = words.next().expect("invariant: a command line names a program");
        // What the user installed lies in the folder.
        let local = self.path(program);
        let mut command = if local.is_file() { Command::new(local) } else { Command::new(program) };
        command.args(words).current_dir(self.folder.path());
        for name in ["PYTHONPATH", "VIRTUAL_ENV", "CARGO_TARGET_DIR", "RUSTFLAGS"] {
            command.env_remove(name);
        }
        command
    }

    pub(super) fn succeed(&self, line: &str) -> anyhow::Result<()> {
        check(&mut self.command(line))
    }
}

/// Runs it; a failure is told with what it printed.
pub(super) fn check(command: &mut Command) -> anyhow::Result<()> {
    let output = command.output().with_context(|| format!("cannot start {command:?}"))?;
    if output.status.success() {
        return Ok(());
    }
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    bail!("{command:?} ended with {}:\n{out}{err}", output.status)
}

/// The manifest of a user of the crate etcd-client who changes the dependency and nothing else.
pub(super) fn rust_manifest() -> String {
    let package = root().join("dist/rust/etcdkit");
    format!(
        "[package]\nname = \"program\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
         [dependencies]\n\
         etcd_client = {{ package = \"etcdkit\", path = {:?} }}\n\
         tokio = {{ version = \"1\", features = [\"macros\", \"rt-multi-thread\"] }}\n\n\
         [workspace]\n",
        package.display().to_string()
    )
}

/// The archive that `npm install` takes.
pub(super) fn npm_archive() -> String {
    format!("etcdkit-{}.tgz", env!("CARGO_PKG_VERSION"))
}

/// A Maven project with one dependency, which comes from the repository in `dist/`.
pub(super) fn maven_project() -> String {
    let repository = root().join("dist/maven");
    let version = env!("CARGO_PKG_VERSION");
    format!(
        "<project xmlns=\"http://maven.apache.org/POM/4.0.0\">\n\
         <modelVersion>4.0.0</modelVersion>\n\
         <groupId>user</groupId><artifactId>program</artifactId><version>1</version>\n\
         <properties><maven.compiler.source>11</maven.compiler.source><maven.compiler.target>11</maven.compiler.target>\
         <project.build.sourceEncoding>UTF-8</project.build.sourceEncoding></properties>\n\
         <repositories><repository><id>dist</id><url>file://{}</url></repository></repositories>\n\
         <dependencies><dependency><groupId>io.etcdkit</groupId><artifactId>etcdkit</artifactId>\
         <version>{version}</version></dependency></dependencies>\n</project>\n",
        repository.display()
    )
}

/// A console program with one package.
pub(super) fn dotnet_project() -> String {
    format!(
        "<Project Sdk=\"Microsoft.NET.Sdk\">\n<PropertyGroup><OutputType>Exe</OutputType>\
         <TargetFramework>net10.0</TargetFramework><ImplicitUsings>enable</ImplicitUsings>\
         <Nullable>enable</Nullable>\
         <RestoreAdditionalProjectSources>{}</RestoreAdditionalProjectSources></PropertyGroup>\n\
         <ItemGroup><PackageReference Include=\"EtcdKit\" Version=\"{}\" /></ItemGroup>\n</Project>\n",
        root().join("dist/nuget").display(),
        env!("CARGO_PKG_VERSION")
    )
}

/// What ours has in `dist/nuget` is not taken from a cache of an earlier build.
pub(super) fn nuget_config() -> String {
    "<configuration><config><add key=\"globalPackagesFolder\" value=\"packages\" /></config>\
     </configuration>\n"
        .to_owned()
}

/// A module in which ours is replaced by the one in `dist/`.
pub(super) fn go_module() -> String {
    let module = "github.com/etcdkit/etcdkit/bindings/go";
    format!(
        "module program\n\ngo 1.26\n\nrequire {module} v0.0.0\n\nreplace {module} => {}\n",
        root().join("dist/go").display()
    )
}

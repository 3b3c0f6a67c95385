//! What each language's user does to install a package and to run a program.

use super::Consumer;
use super::project;
use crate::dist;
use crate::step::root;

pub(super) const CONSUMERS: &[Consumer] = &[
    Consumer {
        name: "shell",
        needs: &["sh"],
        package: "bin",
        program: ("shell/program.sh", "program.sh"),
        imports: &[],
        install: |project| {
            let mut run = project.command("sh program.sh");
            let path = std::env::var_os("PATH").unwrap_or_default();
            let folders = std::iter::once(root().join("dist/bin")).chain(std::env::split_paths(&path));
            run.env("PATH", std::env::join_paths(folders)?);
            Ok(run)
        },
    },
    Consumer {
        name: "python",
        needs: &["python3"],
        package: "python",
        program: ("python/program.py", "program.py"),
        imports: &[("import ", "import etcd3", "import etcdkit as etcd3")],
        install: |project| {
            project.succeed("python3 -m venv environment")?;
            let wheel = dist::find("python", ".whl")?;
            let pip = "environment/bin/python -m pip install --quiet --no-index";
            project.succeed(&format!("{pip} {}", wheel.display()))?;
            Ok(project.command("environment/bin/python program.py"))
        },
    },
    Consumer {
        name: "rust",
        needs: &["cargo"],
        package: "rust",
        program: ("rust/main.rs", "src/main.rs"),
        // The manifest renames the package, so that the source stays as it is.
        imports: &[],
        install: |project| {
            project.write("Cargo.toml", &project::rust_manifest())?;
            // A user's lock file would pin what ours pins: the same versions, and nothing to download.
            std::fs::copy(root().join("Cargo.lock"), project.path("Cargo.lock"))?;
            let target = root().join("target/consumer");
            let mut build = project.command("cargo build --quiet --offline");
            // Nobody debugs it.
            build.env("CARGO_TARGET_DIR", &target).env("CARGO_PROFILE_DEV_DEBUG", "false");
            project::check(&mut build)?;
            Ok(project.command(&target.join("debug/program").display().to_string()))
        },
    },
    Consumer {
        name: "node",
        needs: &["node", "npm"],
        package: "node",
        program: ("node/program.mjs", "program.mjs"),
        imports: &[("import ", "'etcd3'", "'etcdkit'")],
        install: |project| {
            let package = dist::find("node", &project::npm_archive())?;
            // The archive carries this machine's library; those of others would be asked for at a registry.
            let install = "npm install --silent --offline --omit=optional --no-audit --no-fund";
            project.succeed(&format!("{install} {}", package.display()))?;
            Ok(project.command("node program.mjs"))
        },
    },
    Consumer {
        name: "bun",
        needs: &["npm"],
        package: "node",
        program: ("node/program.mjs", "program.mjs"),
        imports: &[("import ", "'etcd3'", "'etcdkit'")],
        install: |project| {
            let package = dist::find("node", &project::npm_archive())?;
            let bun = root().join("bindings/node/node_modules/.bin/bun").display().to_string();
            project.succeed(&format!("{bun} add --silent --omit=optional {}", package.display()))?;
            Ok(project.command(&format!("{bun} program.mjs")))
        },
    },
    Consumer {
        name: "java",
        needs: &["mvn", "java"],
        package: "maven",
        program: ("java/Program.java", "src/main/java/Program.java"),
        imports: &[("import ", "io.etcd.jetcd.", "io.etcdkit.")],
        install: |project| {
            project.write("pom.xml", &project::maven_project())?;
            project.succeed("mvn -q -B package dependency:copy-dependencies -DoutputDirectory=target/lib")?;
            Ok(project.command("java -cp target/classes:target/lib/* Program"))
        },
    },
    Consumer {
        name: "csharp",
        needs: &["dotnet"],
        package: "nuget",
        program: ("csharp/Program.cs", "Program.cs"),
        imports: &[("using ", "dotnet_etcd", "EtcdKit")],
        install: |project| {
            project.write("program.csproj", &project::dotnet_project())?;
            project.write("nuget.config", &project::nuget_config())?;
            project.succeed("dotnet build --nologo -v quiet -o out")?;
            Ok(project.command("dotnet out/program.dll"))
        },
    },
    Consumer {
        name: "go",
        needs: &["go", "cc"],
        package: "go",
        program: ("go/main.go", "main.go"),
        imports: &[
            ("clientv3 \"", "go.etcd.io/etcd/client/v3", "github.com/etcdkit/etcdkit/bindings/go"),
            ("\"go.etcd.io/", "go.etcd.io/etcd/client/v3", "github.com/etcdkit/etcdkit/bindings/go"),
        ],
        install: |project| {
            project.write("go.mod", &project::go_module())?;
            project.succeed("go mod tidy")?;
            project.succeed("go build -o program .")?;
            Ok(project.command("program"))
        },
    },
];

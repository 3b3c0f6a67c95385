//! The Java SDK: its native library, its jar, and the programs that are compiled against it.

use anyhow::{Context as _, ensure};

use crate::dist::Profile;
use crate::step::{Steps, command, installed, root, up_to_date};

/// Starts the guided tour; Java compiles a single file itself.
pub(crate) const TOUR: &str = "java -cp target/java/etcdkit.jar examples/java/Tour.java";

/// Starts Maven, quietly and without questions.
const MAVEN: &str = "mvn -q -B -f bindings/java/pom.xml";
/// What the programs of the repository have on their class path.
const JAR: &str = "target/java/etcdkit.jar";
/// As Maven names it, with the version of the pom.
const BUILT: &str = "bindings/java/target/etcdkit-0.1.0.jar";
/// Where the client lies that the figures are compared with, with all it needs.
const PEER: &str = "target/java/jetcd";

/// What is not installed of the toolchain.
pub(crate) fn missing() -> Option<&'static str> {
    ["java", "javac", "mvn"].into_iter().find(|program| !installed(program))
}

/// Whether the jar of the tour was built.
pub(crate) fn built() -> bool {
    root().join(JAR).exists()
}

/// Builds the jar around its native library, without its tests and documentation, for the tour.
pub(crate) fn build(steps: &mut Steps) {
    if let Some(program) = missing() {
        steps.skip("java: build", &format!("{program} is not installed"));
        return;
    }
    steps.step("java: build", || {
        let library = Profile::Dev.folder().join(library());
        let inputs = [library, root().join("bindings/java/src"), root().join("bindings/java/pom.xml")];
        // Maven takes ten seconds to find out that there is nothing to do.
        if up_to_date(&root().join(JAR), &inputs)? {
            return Ok(());
        }
        place_library(Profile::Dev)?;
        run(&format!("{MAVEN} package -DskipTests -Dmaven.javadoc.skip=true"))?;
        place_jar()
    });
}

/// Fetches Maven's plugins and compiles what goes into the jar beside the native library.
pub(crate) fn compile_classes(steps: &mut Steps) {
    if missing().is_none() && !built() {
        steps.run("java: compile", &format!("{MAVEN} compile"));
    }
}

/// Checks how the sources are written.
pub(crate) fn lint(steps: &mut Steps) {
    if missing().is_none() {
        steps.run("java: format", &format!("{MAVEN} spotless:check"));
    }
}

/// Everything CI runs on the package that [`make`] made.
pub(crate) fn steps(steps: &mut Steps) {
    if let Some(program) = missing() {
        steps.skip("java", &format!("{program} is not installed"));
        return;
    }
    steps.run("java: tests", &format!("{MAVEN} test"));
    steps.step("java: the programs that are compared", make_bench);
}

/// Writes `dist/maven`, a Maven repository with the jar, its sources, its documentation and its pom; and compiles the
/// programs of the repository against the jar.
pub(crate) fn make(profile: Profile) -> anyhow::Result<()> {
    place_library(profile)?;
    let repository = root().join("dist/maven");
    if repository.exists() {
        std::fs::remove_dir_all(&repository)?;
    }
    let target = format!("-DaltDeploymentRepository=dist::file:{}", repository.display());
    run(&format!("{MAVEN} deploy -DskipTests {target}"))?;
    place_jar()?;
    compile("spec/drivers/java", "", "target/java/driver")
}

/// Compiles the programs of `benches/sdk/java`, beside the client they compare with.
pub(crate) fn make_bench() -> anyhow::Result<()> {
    run("mvn -q -B -f benches/sdk/java/pom.xml dependency:copy-dependencies")?;
    compile("benches/sdk/java", &format!(":{PEER}/*"), "target/java/bench")
}

/// The native library, as cargo names it.
fn library() -> String {
    format!("{}etcdkit_java{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX)
}

/// Puts the native library of this platform where Maven finds it.
fn place_library(profile: Profile) -> anyhow::Result<()> {
    let file = library();
    let folder = root().join("bindings/java/target/natives/META-INF/native").join(platform());
    std::fs::create_dir_all(&folder)?;
    let built = profile.folder().join(&file);
    std::fs::copy(&built, folder.join(&file))
        .with_context(|| format!("{} is built by `cargo build -p etcdkit-java`", built.display()))?;
    Ok(())
}

fn place_jar() -> anyhow::Result<()> {
    let place = root().join(JAR);
    std::fs::create_dir_all(place.parent().context("the jar lies in a folder")?)?;
    std::fs::copy(root().join(BUILT), &place).context(BUILT)?;
    Ok(())
}

/// Compiles the files of a folder against the jar and what else is on the class path.
fn compile(folder: &str, path: &str, target: &str) -> anyhow::Result<()> {
    let files = std::fs::read_dir(root().join(folder))?.filter_map(|entry| Some(entry.ok()?.path()));
    let sources = files.filter(|file| file.extension().is_some_and(|extension| extension == "java"));
    let mut compiler = command(&format!("javac -Xlint:all,-path -Werror -d {target} -cp {JAR}{path}"));
    let status = compiler.args(sources).status().context("cannot start javac")?;
    ensure!(status.success(), "javac ended with {status}");
    Ok(())
}

/// The folder in the jar, as `NativeLibrary.java` names it.
fn platform() -> String {
    let os = if cfg!(target_env = "musl") { "linux-musl" } else { std::env::consts::OS };
    format!("{os}-{}", std::env::consts::ARCH)
}

fn run(line: &str) -> anyhow::Result<()> {
    let status = command(line).status().with_context(|| format!("cannot start `{line}`"))?;
    ensure!(status.success(), "`{line}` ended with {status}");
    Ok(())
}

//! `etcdkit server`: etcd's flags, environment and log lines.

mod discovery;
mod fail_points;
mod file;
mod flags;
mod log;
mod parse;
mod rotation;
mod settings;
mod traces;

use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::Arc;

use etcdkit_server::api::ETCD_VERSION;
use etcdkit_server::config::{Config, ConfigError, Storage};
use etcdkit_server::{Server, ServerBuilder, StartError};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::platform::{
    self,
    signals::{self, Signal, Signals},
};
use discovery::Discovery;
pub(crate) use discovery::REGISTRY_PREFIX;
use flags::Support;
use parse::{CommandLine, Given, ParseError};
use traces::Traces;

/// Exit code of a command line that cannot be understood, as Go's flag package has it.
const EXIT_USAGE: u8 = 2;

/// Runs the server with these arguments, the program's name left out.
pub(crate) fn main(arguments: Vec<OsString>) -> ExitCode {
    let line = match parse::parse(arguments.clone(), std::env::vars_os()) {
        Ok(line) => line,
        Err(error) => return refuse(error),
    };
    match line {
        CommandLine::Help => {
            print!("{}", usage(true));
            ExitCode::SUCCESS
        }
        CommandLine::Version => {
            print!("{}", version());
            ExitCode::SUCCESS
        }
        CommandLine::Run(given) => start(&given, &arguments),
        CommandLine::File(path) => {
            with_log(|| {
                tracing::info!(
                    path = %path.display(),
                    "loading server configuration from the file; other command line flags and environment variables \
                     are ignored"
                );
            });
            match file::read(&path) {
                Ok(given) => start(&given, &arguments),
                Err(error) => refuse(error),
            }
        }
    }
}

fn start(given: &Given, arguments: &[OsString]) -> ExitCode {
    match prepare(given, arguments) {
        Ok(prepared) => run(prepared),
        Err(error) => refuse(error),
    }
}

/// Four lines in etcd's form; scripts read the first.
fn version() -> String {
    format!(
        "etcd Version: {ETCD_VERSION}\nGit SHA: etcdkit {}\nGo Version: none (Rust)\nGo OS/Arch: {}/{}\n",
        env!("CARGO_PKG_VERSION"),
        std::env::consts::OS,
        signals::go_arch()
    )
}

fn usage(with_flags: bool) -> String {
    let mut text = "Usage:\n\n  etcd [flags]\n    Start an etcd server.\n\n  etcd --version\n    \
                    Show the version of etcd.\n\n  etcd -h | --help\n    Show the help information about etcd.\n"
        .to_owned();
    if !with_flags {
        return text;
    }
    for group in flags::GROUPS {
        let mut used = group.flags.iter().filter(|flag| flag.support == Support::Used).peekable();
        if used.peek().is_none() {
            continue;
        }
        text.push_str(&format!("\n{}:\n", group.name));
        for flag in used {
            text.push_str(&format!("  --{} '{}'\n    {}\n", flag.name, flag.default, flag.help));
        }
    }
    text.push_str("\nThe other flags of etcd are accepted. Those without an effect here are named in the log; those\nthat must not be ignored, such as the ones for TLS, are refused.\n");
    text
}

fn refuse(error: ParseError) -> ExitCode {
    match error {
        ParseError::Usage(message) => {
            eprintln!("{message}\n{}", usage(false));
            ExitCode::from(EXIT_USAGE)
        }
        ParseError::Invalid(message) => {
            with_log(|| tracing::error!(error = message, "failed to verify flags"));
            ExitCode::FAILURE
        }
        ParseError::Conflict(variable) => {
            with_log(|| {
                tracing::error!(
                    environment_variable = variable,
                    "conflicting environment variable is shadowed by corresponding command-line flag \
                     (either unset environment variable or disable flag))"
                );
            });
            ExitCode::FAILURE
        }
    }
}

/// Logs to standard error where the flags could not say how to log, unless they did already.
fn with_log(act: impl FnOnce()) {
    if tracing::dispatcher::has_been_set() {
        return act();
    }
    let log = log::LineLog::new(log::Format::Json, vec![Box::new(std::io::stderr())]);
    tracing::subscriber::with_default(tracing_subscriber::registry().with(log), act);
}

/// What a server is started with.
struct Prepared {
    config: Config,
    discovery: Discovery,
    traces: Option<traces::Settings>,
    profiles: bool,
}

/// Sets up the log, then checks the flags with warnings where they belong.
fn prepare(given: &Given, arguments: &[OsString]) -> Result<Prepared, ParseError> {
    set_up_log(given)?;
    for (message, subject) in &given.warnings {
        tracing::warn!(subject, "{message}");
    }
    let shown: Vec<_> = arguments.iter().map(|argument| argument.to_string_lossy()).collect();
    tracing::info!(args = shown.join(" "), "Running: ");
    for (flag, why) in settings::check_support(given)? {
        tracing::warn!(flag = format!("--{flag}"), why, "this flag has no effect");
    }
    let traces = traces::Settings::of(given)?;
    let profiles = settings::flag(given, "enable-pprof");
    Ok(Prepared { config: settings::config(given)?, discovery: Discovery::of(given)?, traces, profiles })
}

fn set_up_log(given: &Given) -> Result<(), ParseError> {
    let invalid = ParseError::Invalid;
    if let Some(logger) = given.get("logger").filter(|logger| *logger != "zap") {
        return Err(invalid(format!("unknown logger option {logger:?}")));
    }
    let level = log::parse_level(given.get("log-level").unwrap_or("info")).map_err(invalid)?;
    let format = match given.get("log-format").unwrap_or("json") {
        "json" => log::Format::Json,
        "console" => log::Format::Console,
        other => return Err(invalid(format!("unknown log format: {other}, supported values json, console"))),
    };
    let rotation = match given.get("enable-log-rotation") {
        Some("true") => {
            let flag = "log-rotation-config-json";
            let default = flags::find(flag).map_or("{}", |flag| flag.default);
            Some(rotation::Rotation::parse(given.get(flag).unwrap_or(default)).map_err(invalid)?)
        }
        _ => None,
    };
    let outputs = given.get("log-outputs").unwrap_or("default");
    let outputs = log::open_outputs(outputs, rotation.as_ref()).map_err(invalid)?;
    let layer = log::LineLog::new(format, outputs);
    tracing_subscriber::registry().with(LevelFilter::from_level(level)).with(own_events()).with(layer).init();
    Ok(())
}

/// The libraries below say much that concerns nobody who runs a server.
fn own_events() -> tracing_subscriber::filter::Targets {
    tracing_subscriber::filter::Targets::new()
        .with_default(LevelFilter::WARN)
        // Consensus tells of every attempt to reach a member that is away; `contact` tells once.
        .with_target("openraft", LevelFilter::ERROR)
        .with_target("etcdkit", LevelFilter::TRACE)
        .with_target("etcdkit_server", LevelFilter::TRACE)
}

fn run(prepared: Prepared) -> ExitCode {
    let runtime =
        match tokio::runtime::Builder::new_multi_thread().thread_name("etcdkit").enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => {
                tracing::error!(%error, "cannot start the threads of the server");
                return ExitCode::FAILURE;
            }
        };
    match runtime.block_on(serve(prepared)) {
        Ok(Some(signal)) => {
            drop(runtime);
            signals::end_by(signal)
        }
        Ok(None) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = error.to_string(), "failed to start etcd");
            ExitCode::FAILURE
        }
    }
}

/// Serves until a signal comes, or until the member is removed from its cluster.
async fn serve(prepared: Prepared) -> Result<Option<Signal>, StartError> {
    let Prepared { config, discovery, traces, profiles } = prepared;
    let refuse = |reason| StartError::Config(ConfigError(reason));
    let traces = traces.as_ref().map(Traces::open).transpose().map_err(refuse)?;
    let builder = traces.iter().fold(Server::builder(), |builder, traces| builder.spans(traces.spans()));
    let builder = if profiles { with_profiler(builder) } else { builder };
    let served = serve_with(builder, config, discovery).await;
    if let Some(traces) = traces {
        traces.close().await;
    }
    served
}

fn with_profiler(builder: ServerBuilder) -> ServerBuilder {
    let Some(profiler) = platform::profiler() else {
        let why = "there are no profiles on Windows";
        tracing::warn!(flag = "--enable-pprof", why, "this flag has no effect");
        return builder;
    };
    tracing::info!(path = "/debug/pprof/", "pprof is enabled");
    builder.profiler(profiler)
}

async fn serve_with(
    builder: ServerBuilder,
    mut config: Config,
    discovery: Discovery,
) -> Result<Option<Signal>, StartError> {
    let name = config.name.clone();
    tracing::info!(
        etcd_version = ETCD_VERSION,
        etcdkit_version = env!("CARGO_PKG_VERSION"),
        name,
        data_dir = format!("{:?}", config.storage()),
        storage_engine = %config.engine,
        "starting an etcd server"
    );
    let signal = Signals::listen().map_err(StartError::Runtime)?.next();
    tokio::pin!(signal);
    let found = tokio::select! {
        found = discovery.find(&mut config) => found,
        signal = &mut signal => {
            tracing::info!(signal = %signal, "received signal while waiting for the other members");
            return Ok(Some(signal));
        }
    };
    found.map_err(|error| StartError::Config(ConfigError(format!("discovery failed: {error}"))))?;
    let disk = fail_points::follow().filter(|_| matches!(config.storage(), Storage::Directory(_)));
    let mut builder = builder.config(config);
    if let Some(disk) = disk {
        builder = builder.io(Arc::new(disk));
    }
    let server = builder.start().await?;
    warn_of_exposure(server.endpoints());
    for endpoint in server.endpoints() {
        let (address, encrypted) = match endpoint.strip_prefix("https://") {
            Some(address) => (address, true),
            None => (endpoint.trim_start_matches("http://"), false),
        };
        if encrypted {
            tracing::info!(traffic = "grpc+http", address, "serving client traffic securely");
        } else {
            tracing::info!(
                traffic = "grpc+http",
                address,
                "serving client traffic insecurely; this is strongly discouraged!"
            );
        }
    }
    let telling = async {
        server.ready().await;
        platform::tell_ready();
        std::future::pending::<std::convert::Infallible>().await
    };
    let signal = tokio::select! {
        signal = &mut signal => signal,
        never = telling => match never {},
        reason = server.failed() => {
            tracing::error!(error = reason, "the server takes no more writes; restart it when the disk is well");
            // Reads and status still work, which helps to find out what is wrong.
            signals_after_failure().await
        }
        () = server.removed() => {
            tracing::error!("the member has been permanently removed from the cluster; the data directory is of no more use");
            server.shutdown().await;
            return Ok(None);
        }
    };
    tracing::info!(signal = %signal, "received signal; shutting down");
    server.shutdown().await;
    tracing::info!(name, "closed etcd server");
    Ok(Some(signal))
}

/// Waits for the signal that ends a server which can only be read.
async fn signals_after_failure() -> Signal {
    match Signals::listen() {
        Ok(signals) => signals.next().await,
        Err(_) => Signal::Terminate,
    }
}

/// Plain text beyond the loopback works, as containers and trusted networks need it, and is said loudly once.
fn warn_of_exposure(endpoints: &[String]) {
    let exposed: Vec<&str> = endpoints
        .iter()
        .filter_map(|url| url.strip_prefix("http://"))
        .filter(|host| !is_loopback(host))
        .collect();
    if !exposed.is_empty() {
        tracing::warn!(
            addresses = exposed.join(","),
            "whoever reaches these addresses can listen in, and without authentication read and write everything: give a \
             certificate (--cert-file, --key-file), enable authentication (etcdctl auth enable), or listen on localhost",
        );
    }
}

fn is_loopback(address: &str) -> bool {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    let ip = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    ip.map_or(host == "localhost", |ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_has_the_four_lines_that_scripts_read() {
        let text = version();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 4);
        assert_eq!(lines[0], "etcd Version: 3.7.1");
        assert!(lines[3].starts_with("Go OS/Arch: "));
    }

    #[test]
    fn the_loopback_is_known_in_every_spelling() {
        for address in ["localhost:2379", "127.0.0.1:1", "127.1.2.3:1", "[::1]:2379"] {
            assert!(is_loopback(address), "{address}");
        }
        for address in ["0.0.0.0:2379", "[::]:2379", "10.0.0.1:1", "example.org:2379"] {
            assert!(!is_loopback(address), "{address}");
        }
    }
}

//! Log lines as zap writes them: one JSON object a line with level, ts, caller and msg first, because
//! that is what existing tools parse.

use std::fmt;
use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::layer::Context;

use super::rotation::{RotatingFile, Rotation};

/// How lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Json,
    /// Fields separated by tabs, for people.
    Console,
}

/// Writes every event to every output.
pub(super) struct LineLog {
    format: Format,
    outputs: Mutex<Vec<Box<dyn Write + Send>>>,
}

impl LineLog {
    pub(super) fn new(format: Format, outputs: Vec<Box<dyn Write + Send>>) -> Self {
        LineLog { format, outputs: Mutex::new(outputs) }
    }

    fn write(&self, line: &str) {
        let mut outputs = self.outputs.lock().unwrap_or_else(PoisonError::into_inner);
        for output in outputs.iter_mut() {
            // A log that cannot be written must not stop the server, and there is nobody left to tell.
            let _ = output.write_all(line.as_bytes()).and_then(|()| output.flush());
        }
    }
}

/// Outputs that are no files.
const STREAMS: [&str; 4] = ["default", "stderr", "stdout", "systemd/journal"];

/// Opens the outputs that `--log-outputs` names.
pub(super) fn open_outputs(
    names: &str,
    rotation: Option<&Rotation>,
) -> Result<Vec<Box<dyn Write + Send>>, String> {
    let names: Vec<&str> = names.split(',').map(str::trim).collect();
    let files = names.iter().filter(|name| !STREAMS.contains(name)).count();
    // As in etcd, which finds out when it opens them where there is none among several.
    if rotation.is_some() && (files > 1 || (names.len() == 1 && files == 0)) {
        return Err(
            "--log-outputs requires a single file path when --log-rotate-config-json is defined".to_owned()
        );
    }
    names.into_iter().map(|name| open_output(name, rotation)).collect()
}

fn open_output(name: &str, rotation: Option<&Rotation>) -> Result<Box<dyn Write + Send>, String> {
    let cannot = |error: io::Error| format!("cannot open log output {name}: {error}");
    match name {
        "default" | "stderr" | "systemd/journal" => Ok(Box::new(io::stderr())),
        "stdout" => Ok(Box::new(io::stdout())),
        path if rotation.is_some() => {
            let file = RotatingFile::open(path.as_ref(), rotation.cloned().unwrap_or_default());
            file.map(|file| Box::new(file) as Box<dyn Write + Send>).map_err(cannot)
        }
        path => {
            let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
            file.map(|file| Box::new(file) as Box<dyn Write + Send>).map_err(cannot)
        }
    }
}

/// Reads `--log-level`; levels above error are zap's own and mean errors only.
pub(super) fn parse_level(text: &str) -> Result<Level, String> {
    match text.to_lowercase().as_str() {
        "debug" => Ok(Level::DEBUG),
        "info" | "" => Ok(Level::INFO),
        "warn" | "warning" => Ok(Level::WARN),
        "error" | "dpanic" | "panic" | "fatal" => Ok(Level::ERROR),
        _ => Err(format!("unrecognized level: {text:?}")),
    }
}

impl<S: Subscriber> Layer<S> for LineLog {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        self.write(&line(self.format, event.metadata(), fields));
    }
}

#[derive(Default)]
struct Fields {
    message: String,
    others: Map<String, Value>,
}

impl Fields {
    fn set(&mut self, field: &Field, value: Value) {
        match (field.name(), value) {
            ("message", Value::String(text)) => self.message = text,
            (name, value) => {
                // A field of a name cannot hold a dash in Rust, and all of zap's have one.
                self.others.insert(name.replace('_', "-"), value);
            }
        }
    }
}

impl Visit for Fields {
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field, value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field, value.into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.set(field, format!("{value:?}").into());
    }
}

fn line(format: Format, metadata: &Metadata<'_>, fields: Fields) -> String {
    let mut time = String::new();
    // The only error is one of formatting into a string, which there is none of.
    let _ = SystemTime.format_time(&mut Writer::new(&mut time));
    let level = metadata.level().as_str().to_lowercase();
    let level = if level == "trace" { "debug".to_owned() } else { level };
    let caller = caller(metadata);
    match format {
        Format::Json => {
            let mut object = format!(
                r#"{{"level":{},"ts":{},"caller":{},"msg":{}"#,
                Value::from(level),
                Value::from(time),
                Value::from(caller),
                Value::from(fields.message)
            );
            for (name, value) in fields.others {
                object.push_str(&format!(",{}:{value}", Value::from(name)));
            }
            object.push_str("}\n");
            object
        }
        Format::Console => {
            let mut line = format!("{time}\t{level}\t{caller}\t{}", fields.message);
            if !fields.others.is_empty() {
                line.push_str(&format!("\t{}", Value::Object(fields.others)));
            }
            line.push('\n');
            line
        }
    }
}

/// The file with its folder, and the line.
fn caller(metadata: &Metadata<'_>) -> String {
    let file = metadata.file().unwrap_or(metadata.target());
    let mut parts = file.rsplit(['/', '\\']);
    let name = parts.next().unwrap_or(file);
    let path = match parts.next() {
        Some(folder) => format!("{folder}/{name}"),
        None => name.to_owned(),
    };
    format!("{path}:{}", metadata.line().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::Arc;

    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl Write for Sink {
        fn write(&mut self, data: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(data);
            Ok(data.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(format: Format, act: impl FnOnce()) -> String {
        let sink = Sink::default();
        let log = LineLog::new(format, vec![Box::new(sink.clone())]);
        tracing::subscriber::with_default(tracing_subscriber::registry().with(log), act);
        String::from_utf8(sink.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn a_line_is_an_object_that_begins_as_zaps_does() {
        let line = logged(Format::Json, || tracing::warn!(data_dir = "a \"b\"", count = 3, "it's \\ here"));
        assert!(line.starts_with(r#"{"level":"warn","ts":"2"#), "{line}");
        assert!(line.ends_with("}\n"), "{line}");
        let object: Map<String, Value> = serde_json::from_str(&line).unwrap();
        assert_eq!(object["msg"], "it's \\ here");
        assert_eq!(object["data-dir"], "a \"b\"");
        assert_eq!(object["count"], 3);
        assert!(object["caller"].as_str().unwrap().starts_with("server/log.rs:"), "{line}");
    }

    #[test]
    fn a_line_for_people_has_tabs() {
        let line = logged(Format::Console, || tracing::info!(name = "x", "hello"));
        assert_eq!(line.matches('\t').count(), 4, "{line}");
        assert!(line.contains("\tinfo\t") && line.ends_with("\thello\t{\"name\":\"x\"}\n"), "{line}");
    }

    #[test]
    fn levels_are_zaps() {
        assert_eq!(parse_level("fatal"), Ok(Level::ERROR));
        assert_eq!(parse_level("foo"), Err("unrecognized level: \"foo\"".to_owned()));
    }
}

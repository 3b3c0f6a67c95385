//! The few log lines of the client, in the JSON shape etcd's programs write to stderr.

use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};

/// Writes one line with a level, the time, a message and what else there is to tell.
pub(crate) fn line(level: &str, message: &str, details: &[(&str, &str)]) {
    let mut text = format!("{{\"level\":\"{level}\",\"ts\":\"{}\",\"msg\":{}", now(), json(message));
    for (name, value) in details {
        text.push_str(&format!(",{}:{}", json(name), json(value)));
    }
    super::tell(format_args!("{text}}}"));
}

/// Writes one line as etcdutl does: time, level, message, and what else there is to tell.
pub(crate) fn console_line(level: &str, message: &str, details: &[(&str, &str)]) {
    let details: Vec<String> =
        details.iter().map(|(name, value)| format!("{}: {}", json(name), json(value))).collect();
    super::tell(format_args!("{}\t{level}\t{message}\t{{{}}}", now(), details.join(", ")));
}

fn json(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn now() -> String {
    let mut text = String::new();
    match SystemTime.format_time(&mut Writer::new(&mut text)) {
        Ok(()) => text,
        // Only a clock before 1970 gets here; the line matters more than its time.
        Err(_) => String::new(),
    }
}

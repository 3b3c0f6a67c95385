//! The text in which servers tell what they have counted: a line `name{label="value",…} number` for each series.

/// What a server has counted.
#[derive(Clone, Debug, Default)]
pub(super) struct Metrics {
    series: Vec<Series>,
}

#[derive(Clone, Debug, PartialEq)]
struct Series {
    name: String,
    labels: Vec<(String, String)>,
    value: f64,
}

/// Requests of one kind.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Requests {
    /// Service and method, such as `KV/Put`.
    pub(super) rpc: String,
    /// Messages received: calls of a unary method, questions on a stream.
    pub(super) received: f64,
    /// Calls that ended badly; one that the client gave up is not counted among them.
    pub(super) failed: f64,
}

impl Metrics {
    /// Reads the lines that can be read.
    pub(super) fn parse(text: &str) -> Self {
        Metrics { series: text.lines().filter(|line| !line.starts_with('#')).filter_map(series).collect() }
    }

    /// The value of the only series of this name.
    pub(super) fn value(&self, name: &str) -> Option<f64> {
        self.series.iter().find(|series| series.name == name).map(|series| series.value)
    }

    /// The requests received, by their kind.
    pub(super) fn requests(&self) -> Vec<Requests> {
        let mut all: Vec<Requests> = Vec::new();
        for series in &self.series {
            let (received, failed) = match series.name.as_str() {
                "grpc_server_msg_received_total" => (series.value, 0.0),
                "grpc_server_handled_total" if is_failure(series.label("grpc_code")) => (0.0, series.value),
                _ => continue,
            };
            let rpc = series.rpc();
            let at = all.iter().position(|requests| requests.rpc == rpc).unwrap_or_else(|| {
                all.push(Requests { rpc, received: 0.0, failed: 0.0 });
                all.len() - 1
            });
            all[at].received += received;
            all[at].failed += failed;
        }
        all
    }
}

impl Series {
    fn label(&self, name: &str) -> &str {
        self.labels.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    fn rpc(&self) -> String {
        let service = self.label("grpc_service");
        let service = service.rsplit_once('.').map_or(service, |(_, name)| name);
        format!("{service}/{}", self.label("grpc_method"))
    }
}

fn is_failure(code: &str) -> bool {
    !matches!(code, "OK" | "Canceled")
}

fn series(line: &str) -> Option<Series> {
    let (name, labels, value) = match line.split_once('{') {
        None => {
            let (name, value) = line.split_once(' ')?;
            (name, Vec::new(), value)
        }
        Some((name, rest)) => {
            let (labels, value) = labels(rest)?;
            (name, labels, value)
        }
    };
    let value = value.split_whitespace().next()?.parse().ok()?;
    Some(Series { name: name.to_owned(), labels, value })
}

/// Reads labels up to their closing bracket; gives what follows it too.
fn labels(mut rest: &str) -> Option<(Vec<(String, String)>, &str)> {
    let mut labels = Vec::new();
    loop {
        rest = rest.trim_start_matches([',', ' ']);
        if let Some(after) = rest.strip_prefix('}') {
            return Some((labels, after));
        }
        let (name, after) = rest.split_once("=\"")?;
        let (value, after) = quoted(after)?;
        labels.push((name.to_owned(), value));
        rest = after;
    }
}

/// Reads up to the closing quote.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => value.push(match letters.next()?.1 {
                'n' => '\n',
                other => other,
            }),
            letter => value.push(letter),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TEXT: &str = "\
# HELP grpc_server_msg_received_total x
grpc_server_msg_received_total{grpc_method=\"Put\",grpc_service=\"etcdserverpb.KV\",grpc_type=\"unary\"} 12
grpc_server_handled_total{grpc_code=\"OK\",grpc_method=\"Put\",grpc_service=\"etcdserverpb.KV\"} 9
grpc_server_handled_total{grpc_code=\"Unavailable\",grpc_method=\"Put\",grpc_service=\"etcdserverpb.KV\"} 2
grpc_server_handled_total{grpc_code=\"Canceled\",grpc_method=\"Put\",grpc_service=\"etcdserverpb.KV\"} 1
process_resident_memory_bytes 2.5e+07
odd{a=\"x\\\"}\\n\"} 1 1700000000
cut{a=\"
";

    #[test]
    fn requests_are_counted_by_their_kind() {
        let metrics = Metrics::parse(TEXT);
        let put = Requests { rpc: "KV/Put".to_owned(), received: 12.0, failed: 2.0 };
        assert_eq!(metrics.requests(), [put]);
        assert_eq!(metrics.value("process_resident_memory_bytes"), Some(2.5e7));
        assert_eq!(metrics.value("odd"), Some(1.0));
        assert_eq!(metrics.value("cut"), None);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in r#"([a-z]{1,3}|[{}="\\, 1\n]){0,30}"#) {
            let _ = Metrics::parse(&text).requests();
        }
    }
}

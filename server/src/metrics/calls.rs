//! Calls of the client port: how many came, what became of them, and how many bytes and messages that were.
//!
//! A put pays for this, so each call has a block of counters of its own, found by its path, and a unary call adds to
//! two of them. What follows from those (a call of one message that succeeded has sent one) is worked out when
//! somebody asks.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use prometheus::proto::{Counter, LabelPair, Metric, MetricFamily, MetricType};
use prometheus::{Histogram, HistogramOpts, HistogramVec, Registry};
use tonic::Code;

use super::Metrics;

/// How many messages go each way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CallKind {
    Unary,
    ServerStream,
    BidiStream,
}

impl CallKind {
    fn label(self) -> &'static str {
        match self {
            CallKind::Unary => "unary",
            CallKind::ServerStream => "server_stream",
            CallKind::BidiStream => "bidi_stream",
        }
    }
}

/// Whether the time of each call is measured, which `--metrics=extensive` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HandlingTime {
    Measured,
    NotMeasured,
}

use CallKind::{BidiStream, ServerStream, Unary};

/// All calls; those that are most of a server's load come first, for they are looked up one after the other.
const METHODS: &[(&str, CallKind)] = &[
    ("/etcdserverpb.KV/Range", Unary),
    ("/etcdserverpb.KV/Put", Unary),
    ("/etcdserverpb.KV/Txn", Unary),
    ("/etcdserverpb.KV/DeleteRange", Unary),
    ("/etcdserverpb.Watch/Watch", BidiStream),
    ("/etcdserverpb.Lease/LeaseGrant", Unary),
    ("/etcdserverpb.Lease/LeaseRevoke", Unary),
    ("/etcdserverpb.Lease/LeaseKeepAlive", BidiStream),
    ("/etcdserverpb.Lease/LeaseTimeToLive", Unary),
    ("/etcdserverpb.Lease/LeaseLeases", Unary),
    ("/etcdserverpb.KV/Compact", Unary),
    ("/etcdserverpb.KV/RangeStream", ServerStream),
    ("/etcdserverpb.Cluster/MemberAdd", Unary),
    ("/etcdserverpb.Cluster/MemberRemove", Unary),
    ("/etcdserverpb.Cluster/MemberUpdate", Unary),
    ("/etcdserverpb.Cluster/MemberList", Unary),
    ("/etcdserverpb.Cluster/MemberPromote", Unary),
    ("/etcdserverpb.Maintenance/Alarm", Unary),
    ("/etcdserverpb.Maintenance/Status", Unary),
    ("/etcdserverpb.Maintenance/Defragment", Unary),
    ("/etcdserverpb.Maintenance/Hash", Unary),
    ("/etcdserverpb.Maintenance/HashKV", Unary),
    ("/etcdserverpb.Maintenance/Snapshot", ServerStream),
    ("/etcdserverpb.Maintenance/MoveLeader", Unary),
    ("/etcdserverpb.Maintenance/Downgrade", Unary),
    ("/etcdserverpb.Auth/AuthEnable", Unary),
    ("/etcdserverpb.Auth/AuthDisable", Unary),
    ("/etcdserverpb.Auth/AuthStatus", Unary),
    ("/etcdserverpb.Auth/Authenticate", Unary),
    ("/etcdserverpb.Auth/UserAdd", Unary),
    ("/etcdserverpb.Auth/UserGet", Unary),
    ("/etcdserverpb.Auth/UserList", Unary),
    ("/etcdserverpb.Auth/UserDelete", Unary),
    ("/etcdserverpb.Auth/UserChangePassword", Unary),
    ("/etcdserverpb.Auth/UserGrantRole", Unary),
    ("/etcdserverpb.Auth/UserRevokeRole", Unary),
    ("/etcdserverpb.Auth/RoleAdd", Unary),
    ("/etcdserverpb.Auth/RoleGet", Unary),
    ("/etcdserverpb.Auth/RoleList", Unary),
    ("/etcdserverpb.Auth/RoleDelete", Unary),
    ("/etcdserverpb.Auth/RoleGrantPermission", Unary),
    ("/etcdserverpb.Auth/RoleRevokePermission", Unary),
    ("/v3lockpb.Lock/Lock", Unary),
    ("/v3lockpb.Lock/Unlock", Unary),
    ("/v3electionpb.Election/Campaign", Unary),
    ("/v3electionpb.Election/Proclaim", Unary),
    ("/v3electionpb.Election/Leader", Unary),
    ("/v3electionpb.Election/Observe", ServerStream),
    ("/v3electionpb.Election/Resign", Unary),
    ("/grpc.health.v1.Health/Check", Unary),
    ("/grpc.health.v1.Health/Watch", ServerStream),
];

/// Codes as grpc-go spells them, each at its number.
const CODES: [&str; 17] = [
    "OK",
    "Canceled",
    "Unknown",
    "InvalidArgument",
    "DeadlineExceeded",
    "NotFound",
    "AlreadyExists",
    "PermissionDenied",
    "ResourceExhausted",
    "FailedPrecondition",
    "Aborted",
    "OutOfRange",
    "Unimplemented",
    "Internal",
    "Unavailable",
    "DataLoss",
    "Unauthenticated",
];

/// Versions of clients that are told apart. A client names its version as it likes, so without a bound it could take
/// memory by naming many.
const VERSIONS_MAX: usize = 16;

/// What clients beyond the bound are counted as.
const OTHER_VERSION: &str = "other";

/// Counters of one call, on cache lines of their own.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Counters {
    started: AtomicU64,
    handled: [AtomicU64; CODES.len()],
    /// Of streams of requests; for other calls it follows from the others.
    received: AtomicU64,
    sent: AtomicU64,
    received_bytes: AtomicU64,
    sent_bytes: AtomicU64,
    handling_seconds: Option<Histogram>,
}

fn add(counter: &AtomicU64, count: u64) {
    counter.fetch_add(count, Ordering::Relaxed);
}

impl Counters {
    fn begun(&self) -> Instant {
        add(&self.started, 1);
        Instant::now()
    }

    fn ended(&self, begun: Instant, code: Code) -> Duration {
        add(&self.handled[code as usize], 1);
        let took = begun.elapsed();
        if let Some(histogram) = &self.handling_seconds {
            histogram.observe(took.as_secs_f64());
        }
        took
    }

    /// A message of this length came.
    pub(crate) fn received(&self, bytes: usize) {
        add(&self.received_bytes, bytes as u64);
    }

    /// A message of this length goes.
    pub(crate) fn sent(&self, bytes: usize) {
        add(&self.sent_bytes, bytes as u64);
    }
}

/// A unary call that is being counted. One that is dropped before its end was canceled.
pub(crate) struct Counted<'c> {
    counters: &'c Counters,
    begun: Instant,
    is_ended: bool,
}

impl<'c> Counted<'c> {
    pub(crate) fn begin(counters: &'c Counters) -> Self {
        Counted { counters, begun: counters.begun(), is_ended: false }
    }

    /// Tells how long it took.
    pub(crate) fn end(mut self, code: Code) -> Duration {
        self.is_ended = true;
        self.counters.ended(self.begun, code)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        if !self.is_ended {
            self.counters.ended(self.begun, Code::Cancelled);
        }
    }
}

/// The counters of a stream, which outlives the function that answered its request. Cheap to clone.
#[derive(Clone)]
pub(crate) struct StreamCounters {
    metrics: Arc<Metrics>,
    method: usize,
}

impl StreamCounters {
    fn counters(&self) -> &Counters {
        &self.metrics.calls.methods[self.method]
    }

    pub(crate) fn received(&self, bytes: usize) {
        let counters = self.counters();
        add(&counters.received, 1);
        counters.received(bytes);
    }

    pub(crate) fn sent(&self, bytes: usize) {
        let counters = self.counters();
        add(&counters.sent, 1);
        counters.sent(bytes);
    }

    pub(crate) fn begin(&self) -> CountedStream {
        let begun = self.counters().begun();
        CountedStream { counters: self.clone(), begun, is_ended: false }
    }
}

/// A stream that is being counted. One that is dropped before its end was canceled.
pub(crate) struct CountedStream {
    counters: StreamCounters,
    begun: Instant,
    is_ended: bool,
}

impl CountedStream {
    /// Again to no effect.
    pub(crate) fn end(&mut self, code: Code) {
        if !std::mem::replace(&mut self.is_ended, true) {
            self.counters.counters().ended(self.begun, code);
        }
    }
}

impl Drop for CountedStream {
    fn drop(&mut self) {
        self.end(Code::Cancelled);
    }
}

/// Requests by the version that their client names.
#[derive(Debug, Default)]
struct Versions {
    named: [OnceLock<Version>; VERSIONS_MAX],
    other: Version,
}

#[derive(Debug, Default)]
struct Version {
    name: Box<str>,
    unary: AtomicU64,
    streams: AtomicU64,
}

impl Versions {
    fn of(&self, name: &str) -> &Version {
        for slot in &self.named {
            let version = slot.get_or_init(|| Version { name: name.into(), ..Version::default() });
            if *version.name == *name {
                return version;
            }
        }
        &self.other
    }

    fn each(&self) -> impl Iterator<Item = (&str, &Version)> {
        let named = self.named.iter().filter_map(OnceLock::get).map(|version| (&*version.name, version));
        named.chain([(OTHER_VERSION, &self.other)])
    }
}

/// The calls of a server.
#[derive(Debug)]
pub(crate) struct Calls {
    /// Each at the position of its name in the table.
    methods: Box<[Counters]>,
    versions: Versions,
}

impl Calls {
    pub(super) fn new(registry: &Registry, handling_time: HandlingTime) -> Self {
        let histograms = (handling_time == HandlingTime::Measured).then(|| handling_seconds(registry));
        let counters = |(path, kind): &(&str, CallKind)| {
            let (service, method) = names(path);
            let series =
                |histograms: &HistogramVec| histograms.with_label_values(&[method, service, kind.label()]);
            Counters { handling_seconds: histograms.as_ref().map(series), ..Counters::default() }
        };
        Calls { methods: METHODS.iter().map(counters).collect(), versions: Versions::default() }
    }

    /// The number of the call with this path.
    pub(crate) fn find(path: &str) -> Option<usize> {
        METHODS.iter().position(|(known, _)| *known == path)
    }

    /// The counters of a call by its number.
    pub(crate) fn of(&self, method: usize) -> &Counters {
        &self.methods[method]
    }

    /// Notes a request of a client that names its version so.
    pub(crate) fn note_client(&self, method: usize, version: &str) {
        let version = self.versions.of(version);
        match METHODS[method].1 {
            CallKind::Unary => add(&version.unary, 1),
            CallKind::ServerStream | CallKind::BidiStream => add(&version.streams, 1),
        }
    }

    /// The families, for those who ask.
    pub(super) fn gather(&self) -> Vec<MetricFamily> {
        let mut families =
            vec![
                self.family("grpc_server_started_total", "Calls that began.", |_, counters| {
                    read(&counters.started)
                }),
                self.handled(),
                self.family("grpc_server_msg_received_total", "Messages received.", |kind, counters| {
                    match kind {
                        CallKind::Unary | CallKind::ServerStream => read(&counters.started),
                        CallKind::BidiStream => read(&counters.received),
                    }
                }),
                self.family("grpc_server_msg_sent_total", "Messages sent.", |kind, counters| match kind {
                    CallKind::Unary => read(&counters.handled[Code::Ok as usize]),
                    CallKind::ServerStream | CallKind::BidiStream => read(&counters.sent),
                }),
            ];
        let sum = |counter: fn(&Counters) -> &AtomicU64| {
            vec![sample(&[], self.methods.iter().map(|counters| read(counter(counters))).sum())]
        };
        families.push(family(
            "etcd_network_client_grpc_received_bytes_total",
            "Bytes received from clients.",
            sum(|counters| &counters.received_bytes),
        ));
        families.push(family(
            "etcd_network_client_grpc_sent_bytes_total",
            "Bytes sent to clients.",
            sum(|counters| &counters.sent_bytes),
        ));
        families.extend(self.requests());
        families
    }

    fn family(&self, name: &str, help: &str, value: fn(CallKind, &Counters) -> u64) -> MetricFamily {
        let samples = METHODS.iter().zip(&self.methods).map(|((path, kind), counters)| {
            let (service, method) = names(path);
            let labels = [("grpc_method", method), ("grpc_service", service), ("grpc_type", kind.label())];
            sample(&labels, value(*kind, counters))
        });
        family(name, help, samples.collect())
    }

    fn handled(&self) -> MetricFamily {
        let samples = METHODS.iter().zip(&self.methods).flat_map(|((path, kind), counters)| {
            let (service, method) = names(path);
            CODES.iter().zip(&counters.handled).map(move |(code, count)| {
                let labels = [
                    ("grpc_code", *code),
                    ("grpc_method", method),
                    ("grpc_service", service),
                    ("grpc_type", kind.label()),
                ];
                sample(&labels, read(count))
            })
        });
        family("grpc_server_handled_total", "Calls that ended, by their code.", samples.collect())
    }

    /// Left out before the first request.
    fn requests(&self) -> Option<MetricFamily> {
        let samples: Vec<Metric> = self
            .versions
            .each()
            .flat_map(|(name, version)| {
                [("stream", read(&version.streams)), ("unary", read(&version.unary))]
                    .into_iter()
                    .filter(|(_, count)| *count > 0)
                    .map(move |(kind, count)| sample(&[("client_api_version", name), ("type", kind)], count))
            })
            .collect();
        let name = "etcd_server_client_requests_total";
        (!samples.is_empty()).then(|| family(name, "Requests by the version of their client.", samples))
    }
}

/// The counters of a stream by the number of its call.
pub(crate) fn of_stream(metrics: &Arc<Metrics>, method: usize) -> StreamCounters {
    StreamCounters { metrics: Arc::clone(metrics), method }
}

fn handling_seconds(registry: &Registry) -> HistogramVec {
    let options = HistogramOpts::new("grpc_server_handling_seconds", "Time that calls took.");
    let family = HistogramVec::new(options, &["grpc_method", "grpc_service", "grpc_type"])
        .expect("invariant: the name is well-formed");
    registry.register(Box::new(family.clone())).expect("invariant: the name is used once");
    family
}

fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

/// The service and the method in a path.
fn names(path: &str) -> (&str, &str) {
    path.trim_start_matches('/').split_once('/').unwrap_or((path, ""))
}

fn family(name: &str, help: &str, samples: Vec<Metric>) -> MetricFamily {
    let mut family = MetricFamily::default();
    family.set_name(name.to_owned());
    family.set_help(help.to_owned());
    family.set_field_type(MetricType::COUNTER);
    family.set_metric(samples);
    family
}

fn sample(labels: &[(&str, &str)], value: u64) -> Metric {
    let labels = labels.iter().map(|(name, value)| {
        let mut pair = LabelPair::default();
        pair.set_name((*name).to_owned());
        pair.set_value((*value).to_owned());
        pair
    });
    let mut counter = Counter::default();
    counter.set_value(value as f64);
    let mut metric = Metric::from_label(labels.collect());
    metric.set_counter(counter);
    metric
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::BTreeSet;

    use etcdkit_proto::DESCRIPTORS;
    use prost::Message;

    use super::*;

    #[test]
    fn every_call_of_the_contract_is_counted_as_what_it_is() {
        let contract = prost_types::FileDescriptorSet::decode(DESCRIPTORS).unwrap();
        let mut declared = BTreeSet::new();
        for file in &contract.file {
            for service in &file.service {
                for method in &service.method {
                    let kind = match (method.client_streaming(), method.server_streaming()) {
                        (false, false) => "unary",
                        (false, true) => "server_stream",
                        (true, true) => "bidi_stream",
                        (true, false) => "client_stream",
                    };
                    declared
                        .insert((format!("/{}.{}/{}", file.package(), service.name(), method.name()), kind));
                }
            }
        }
        let listed: BTreeSet<_> =
            METHODS.iter().map(|(path, kind)| ((*path).to_owned(), kind.label())).collect();
        assert_eq!(listed, declared);
    }

    #[test]
    fn a_call_counts_once_however_it_ends() {
        let metrics = Arc::new(Metrics::default());
        let put = Calls::find("/etcdserverpb.KV/Put").unwrap();
        Counted::begin(metrics.calls.of(put)).end(Code::Ok);
        drop(Counted::begin(metrics.calls.of(put)));
        let watch = of_stream(&metrics, Calls::find("/etcdserverpb.Watch/Watch").unwrap());
        let mut stream = watch.begin();
        watch.sent(10);
        stream.end(Code::Unavailable);
        drop(stream);
        let text = metrics.to_text().unwrap();
        let line = |name: &str, labels: &str, value: u64| {
            let line = format!("{name}{{{labels}}} {value}");
            assert!(text.lines().any(|found| found == line), "{line}");
        };
        let put = r#"grpc_method="Put",grpc_service="etcdserverpb.KV",grpc_type="unary""#;
        line("grpc_server_started_total", put, 2);
        line("grpc_server_msg_sent_total", put, 1);
        line("grpc_server_handled_total", &format!(r#"grpc_code="Canceled",{put}"#), 1);
        let watch = r#"grpc_method="Watch",grpc_service="etcdserverpb.Watch",grpc_type="bidi_stream""#;
        line("grpc_server_msg_sent_total", watch, 1);
        line("grpc_server_handled_total", &format!(r#"grpc_code="Unavailable",{watch}"#), 1);
        line("grpc_server_handled_total", &format!(r#"grpc_code="Canceled",{watch}"#), 0);
    }

    #[test]
    fn many_versions_of_clients_take_no_more_room() {
        let metrics = Metrics::default();
        for number in 0..100 {
            metrics.calls.note_client(0, &format!("3.{number}"));
        }
        let text = metrics.to_text().unwrap();
        let series = text.lines().filter(|line| line.starts_with("etcd_server_client_requests_total"));
        assert_eq!(series.count(), VERSIONS_MAX + 1);
        assert!(
            text.contains(r#"etcd_server_client_requests_total{client_api_version="other",type="unary"} 84"#)
        );
    }
}

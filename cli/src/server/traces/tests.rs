//! A collector on the loopback sees what a server's clients did.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use etcdkit_proto::etcdserverpb::PutRequest;
use etcdkit_proto::etcdserverpb::kv_client::KvClient;
use etcdkit_server::Server;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::{Span, span};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tonic::transport::Channel;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

use super::super::parse::{CommandLine, parse};
use super::*;

/// More exports than any test here makes.
const EXPORTS_MAX: usize = 64;

struct Collector(mpsc::Sender<ExportTraceServiceRequest>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.0.send(request.into_inner()).await.unwrap();
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

/// Starts a collector; its address and what it gets.
async fn collect() -> (String, mpsc::Receiver<ExportTraceServiceRequest>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (sender, exported) = mpsc::channel(EXPORTS_MAX);
    let service = TraceServiceServer::new(Collector(sender));
    let serving = tonic::transport::Server::builder().add_service(service);
    tokio::spawn(serving.serve_with_incoming(TcpIncoming::from(listener)));
    (address, exported)
}

fn given(line: &str) -> Given {
    match parse(line.split_whitespace().map(Into::into).collect(), std::iter::empty()).unwrap() {
        CommandLine::Run(given) => given,
        other => panic!("{other:?}"),
    }
}

fn settings(line: &str) -> Result<Option<Settings>, ParseError> {
    Settings::of(&given(line))
}

fn texts(attributes: &[KeyValue]) -> BTreeMap<&str, String> {
    let text = |pair: &'_ KeyValue| match &pair.value.as_ref()?.value {
        Some(Value::StringValue(text)) => Some(text.clone()),
        _ => None,
    };
    attributes.iter().filter_map(|pair| Some((pair.key.as_str(), text(pair)?))).collect()
}

fn outcome(span: &Span) -> String {
    texts(&span.attributes).remove("rpc.response.status_code").unwrap_or_default()
}

/// Puts one key, with these headers, through a server that is traced as the flags say; what the collector got.
async fn put_traced(rate: u32, headers: &[(&'static str, &'static str)]) -> Vec<ExportTraceServiceRequest> {
    let (address, mut exported) = collect().await;
    let flags = format!(
        "--enable-distributed-tracing --distributed-tracing-address={address} --distributed-tracing-service-name=shop \
         --distributed-tracing-instance-id=one --distributed-tracing-sampling-rate={rate}"
    );
    let traces = Traces::open(&settings(&flags).unwrap().unwrap()).unwrap();
    let server =
        Server::builder().memory().listen("127.0.0.1:0").spans(traces.spans()).start().await.unwrap();
    let channel = Channel::from_shared(server.endpoint().to_owned()).unwrap().connect().await.unwrap();
    let mut kv = KvClient::new(channel);
    let mut request =
        Request::new(PutRequest { key: "k".into(), value: "secret".into(), ..Default::default() });
    for (name, value) in headers {
        request.metadata_mut().insert(*name, value.parse().unwrap());
    }
    kv.put(request).await.unwrap();
    let refused = kv.put(PutRequest::default()).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    server.shutdown().await;
    traces.close().await;
    let mut all = Vec::new();
    while let Ok(export) = exported.try_recv() {
        all.push(export);
    }
    all
}

fn spans(exports: &[ExportTraceServiceRequest]) -> Vec<&Span> {
    let resources = exports.iter().flat_map(|export| &export.resource_spans);
    resources.flat_map(|resource| &resource.scope_spans).flat_map(|scope| &scope.spans).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_sees_the_call_and_the_work_of_a_put() {
    let exports = put_traced(SAMPLING_BASE, &[]).await;

    let resource = exports[0].resource_spans[0].resource.as_ref().unwrap();
    let origin = texts(&resource.attributes);
    assert_eq!((origin["service.name"].as_str(), origin["service.instance.id"].as_str()), ("shop", "one"));

    let spans = spans(&exports);
    let call = spans.iter().find(|span| outcome(span) == "OK").unwrap();
    assert_eq!((call.name.as_str(), call.kind()), ("etcdserverpb.KV/Put", span::SpanKind::Server));
    assert_eq!(texts(&call.attributes)["rpc.method"], "etcdserverpb.KV/Put");
    assert!(call.parent_span_id.is_empty(), "{call:?}");
    let work = spans.iter().find(|span| span.parent_span_id == call.span_id).unwrap();
    assert_eq!((work.name.as_str(), texts(&work.attributes)["key"].as_str()), ("put", "k"));
    assert_eq!(work.trace_id, call.trace_id);
    assert!(work.start_time_unix_nano >= call.start_time_unix_nano);
    assert!(work.end_time_unix_nano <= call.end_time_unix_nano);

    assert!(spans.iter().any(|span| outcome(span) == "INVALID_ARGUMENT"), "{spans:?}");
    assert!(!format!("{exports:?}").contains("secret"));
}

/// The caller decides: its trace goes on here although this server samples nothing of its own.
#[tokio::test(flavor = "multi_thread")]
async fn a_trace_goes_on_as_its_caller_sampled_it() {
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let exports = put_traced(0, &[("traceparent", parent)]).await;
    let spans = spans(&exports);
    assert_eq!(spans.len(), 2, "{spans:?}");
    let call = spans.iter().find(|span| span.name == "etcdserverpb.KV/Put").unwrap();
    assert_eq!(hex(&call.trace_id), "0af7651916cd43dd8448eb211c80319c");
    assert_eq!(hex(&call.parent_span_id), "b7ad6b7169203331");

    let unwanted = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";
    assert!(put_traced(0, &[("traceparent", unwanted)]).await.is_empty());
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn without_the_flag_nothing_is_traced_and_nothing_checked() {
    assert_eq!(settings("--distributed-tracing-sampling-rate=-1"), Ok(None));
}

#[test]
fn a_rate_is_of_a_million() {
    let rate = |rate: &str| {
        settings(&format!("--enable-distributed-tracing --distributed-tracing-sampling-rate={rate}"))
    };
    assert_eq!(rate("250000").unwrap().unwrap().sampled_share, 0.25);
    for bad in ["-1", "1000001"] {
        assert!(matches!(rate(bad), Err(ParseError::Invalid(_))), "{bad}");
    }
}

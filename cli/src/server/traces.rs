//! Spans of calls for an OpenTelemetry collector: `--enable-distributed-tracing` and its kin.
//!
//! Names of spans and attributes are etcd's, so that what was drawn for it draws ours. A call continues the trace that its
//! headers name (W3C Trace Context), and is sampled when that trace is; of the others as many as were asked for.

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use etcdkit_server::span::{self, Code, Fact, Part, Spans};
use http::HeaderMap;
use opentelemetry::propagation::{Extractor, TextMapPropagator};
use opentelemetry::trace::{SpanKind, Status, TraceContextExt, Tracer, TracerProvider};
use opentelemetry::{Context, KeyValue, Value};
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{Sampler, SdkTracer, SdkTracerProvider};

use super::parse::{Given, ParseError};
use super::settings;

/// Of so many spans the flag tells how many are wanted.
const SAMPLING_BASE: u32 = 1_000_000;

/// What the collector sees as the origin of the spans.
const SCOPE: &str = "etcdkit";

/// What the flags ask for.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Settings {
    address: String,
    service_name: String,
    instance_id: String,
    sampled_share: f64,
}

impl Settings {
    /// None where tracing is off.
    pub(super) fn of(given: &Given) -> Result<Option<Settings>, ParseError> {
        if !settings::flag(given, "enable-distributed-tracing") {
            return Ok(None);
        }
        let text = |name| settings::text(given, name).to_owned();
        let rate: i64 = settings::value(given, "distributed-tracing-sampling-rate")?;
        let refuse = |why: String| ParseError::Invalid(format!("--distributed-tracing-sampling-rate: {why}"));
        let rate =
            u32::try_from(rate).map_err(|_| refuse("tracing sampling rate must be positive".to_owned()))?;
        if rate > SAMPLING_BASE {
            return Err(refuse(format!("tracing sampling rate must be less than {SAMPLING_BASE}")));
        }
        Ok(Some(Settings {
            address: text("distributed-tracing-address"),
            service_name: text("distributed-tracing-service-name"),
            instance_id: text("distributed-tracing-instance-id"),
            sampled_share: f64::from(rate) / f64::from(SAMPLING_BASE),
        }))
    }
}

/// Spans on their way to the collector. What is not sent in time is dropped, and never waited for by a call.
#[derive(Debug)]
pub(super) struct Traces {
    provider: SdkTracerProvider,
}

impl Traces {
    /// Must be called within a runtime, which sends the spans. The collector need not be there yet.
    pub(super) fn open(settings: &Settings) -> Result<Traces, String> {
        let exporter = SpanExporter::builder()
            .with_tonic()
            .with_endpoint(format!("http://{}", settings.address))
            .build()
            .map_err(|error| format!("no traces can be sent to {:?}: {error}", settings.address))?;
        let mut resource = Resource::builder().with_service_name(settings.service_name.clone());
        if !settings.instance_id.is_empty() {
            resource =
                resource.with_attribute(KeyValue::new("service.instance.id", settings.instance_id.clone()));
        }
        let sampler = match settings.sampled_share {
            0.0 => Sampler::AlwaysOff,
            share => Sampler::TraceIdRatioBased(share),
        };
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_resource(resource.build())
            .with_sampler(Sampler::ParentBased(Box::new(sampler)))
            .build();
        tracing::info!(
            address = settings.address,
            service_name = settings.service_name,
            service_instance_id = settings.instance_id,
            sampled_share = settings.sampled_share,
            "distributed tracing enabled"
        );
        Ok(Traces { provider })
    }

    /// Where the server tells of its calls.
    pub(super) fn spans(&self) -> Arc<dyn Spans> {
        Arc::new(Calls { tracer: self.provider.tracer(SCOPE), propagator: TraceContextPropagator::new() })
    }

    /// Sends what is left, for as long as the SDK waits for a collector.
    pub(super) async fn close(self) {
        let closed = tokio::task::spawn_blocking(move || self.provider.shutdown()).await;
        if let Ok(Err(error)) = closed {
            tracing::warn!(%error, "the last spans were not sent");
        }
    }
}

struct Calls {
    tracer: SdkTracer,
    propagator: TraceContextPropagator,
}

impl fmt::Debug for Calls {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Calls")
    }
}

impl Spans for Calls {
    fn call(&self, name: &str, headers: &HeaderMap) -> Option<Arc<dyn span::Span>> {
        // Whatever this thread did before is not what called.
        let parent = self.propagator.extract_with_context(&Context::new(), &Headers(headers));
        let attributes =
            [KeyValue::new("rpc.method", name.to_owned()), KeyValue::new("rpc.system.name", "grpc")];
        let builder =
            self.tracer.span_builder(name.to_owned()).with_kind(SpanKind::Server).with_attributes(attributes);
        let span = self.tracer.build_with_context(builder, &parent);
        let context = parent.with_span(span);
        if !context.span().is_recording() {
            return None;
        }
        Some(Arc::new(Call { tracer: self.tracer.clone(), context, is_ended: AtomicBool::new(false) }))
    }
}

struct Headers<'h>(&'h HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(http::HeaderName::as_str).collect()
    }
}

struct Call {
    tracer: SdkTracer,
    context: Context,
    is_ended: AtomicBool,
}

impl span::Span for Call {
    fn part(&self, name: &'static str, facts: Vec<Fact>) -> Box<dyn Part> {
        let attributes = facts.into_iter().map(|(name, value)| KeyValue::new(name, of(value)));
        let builder = self.tracer.span_builder(name).with_attributes(attributes.collect::<Vec<_>>());
        Box::new(Ongoing { _span: self.tracer.build_with_context(builder, &self.context) })
    }

    fn end(&self, code: Code, message: &str) {
        if self.is_ended.swap(true, Ordering::Relaxed) {
            return;
        }
        let span = self.context.span();
        if is_fault_of_server(code) {
            span.set_status(Status::error(message.to_owned()));
        }
        span.set_attribute(KeyValue::new("rpc.response.status_code", name(code)));
        span.end();
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        span::Span::end(self, Code::Cancelled, "");
    }
}

/// The SDK ends a span that is dropped.
struct Ongoing {
    _span: opentelemetry_sdk::trace::Span,
}

impl Part for Ongoing {}

fn of(value: span::Value) -> Value {
    match value {
        span::Value::Text(text) => text.into(),
        span::Value::Number(number) => number.into(),
        span::Value::Truth(truth) => truth.into(),
    }
}

/// The conventions of OpenTelemetry for the server's side of a call.
fn is_fault_of_server(code: Code) -> bool {
    matches!(
        code,
        Code::Unknown
            | Code::DeadlineExceeded
            | Code::Unimplemented
            | Code::Internal
            | Code::Unavailable
            | Code::DataLoss
    )
}

fn name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

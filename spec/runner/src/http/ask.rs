//! One server, asked over HTTP/1.1.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use ::http::Request;
use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

use super::steps::{Step, Wait};

/// How long an answer may take; longer, and the question counts as one that waits.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a stream is listened to that is not going to say more.
const LISTEN: Duration = Duration::from_millis(700);
/// Between two looks at something that changes.
const POLL: Duration = Duration::from_millis(200);

/// What came back.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
    /// The body went on when we stopped listening.
    pub(crate) is_open: bool,
}

/// A server, and what its answers have taught so far.
pub(crate) struct Peer {
    endpoint: String,
    learned: BTreeMap<&'static str, String>,
}

impl Peer {
    pub(crate) fn new(endpoint: String) -> Self {
        Peer { endpoint, learned: BTreeMap::new() }
    }

    pub(crate) async fn ask(&mut self, step: &Step) -> Result<Answer> {
        let answer = match tokio::time::timeout(PATIENCE, self.exchange(step)).await {
            Ok(answer) => answer?,
            Err(_elapsed) => Answer { is_open: true, ..Answer::default() },
        };
        if let Some((name, field)) = step.learn {
            let value: Value = serde_json::from_str(&answer.body).with_context(|| answer.body.clone())?;
            let learned = value.pointer(field).and_then(Value::as_str).context("nothing to learn")?;
            self.learned.insert(name, learned.to_owned());
        }
        Ok(answer)
    }

    async fn exchange(&self, step: &Step) -> Result<Answer> {
        let address = self.endpoint.trim_start_matches("http://");
        let stream = TcpStream::connect(address).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let connection = tokio::spawn(connection);
        let mut request = Request::builder()
            .method(step.method)
            .uri(self.filled(&step.path))
            .header(::http::header::HOST, address);
        for (name, value) in &step.headers {
            request = request.header(*name, self.filled(value));
        }
        let request = request.body(Full::new(Bytes::from(self.filled(&step.body))))?;
        let response = sender.send_request(request).await?;
        let headers = response.headers().iter().map(|(name, value)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        });
        let mut answer =
            Answer { status: response.status().as_u16(), headers: headers.collect(), ..Answer::default() };
        let mut body = response.into_body();
        let patience = if step.wait == Wait::ForTheEnd { PATIENCE } else { LISTEN };
        loop {
            match tokio::time::timeout(patience, body.frame()).await {
                Err(_elapsed) => {
                    answer.is_open = true;
                    break;
                }
                Ok(None) => break,
                Ok(Some(frame)) => {
                    if let Ok(data) = frame?.into_data() {
                        answer.body.push_str(&String::from_utf8_lossy(&data));
                    }
                }
            }
        }
        connection.abort();
        Ok(answer)
    }

    /// Puts in what was learned, by its name.
    fn filled(&self, text: &str) -> String {
        self.learned.iter().fold(text.to_owned(), |text, (name, value)| text.replace(name, value))
    }

    /// Waits until the storage version is that of the server.
    pub(crate) async fn settle(&mut self, timeout: Duration) -> Result<()> {
        let deadline = Instant::now() + timeout;
        loop {
            let answer = self.ask(&Step::get("/version")).await?;
            let value: Value = serde_json::from_str(&answer.body)?;
            if value["storage"] == value["etcdcluster"] {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!("the storage version did not follow: {}", answer.body);
            }
            tokio::time::sleep(POLL).await;
        }
    }

    pub(crate) async fn metrics(&mut self) -> Result<String> {
        Ok(self.ask(&Step::get("/metrics")).await?.body)
    }
}

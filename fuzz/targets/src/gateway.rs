//! The JSON gateway: any path below `/v3/`, any body, from anybody. Every answer is JSON, tells nobody what is not
//! theirs, and leaves the server well.
//!
//! ```text
//! route u8, caller u8, body
//! ```

use base64::prelude::{BASE64_STANDARD_NO_PAD, Engine as _};
use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;

use crate::service::{Caller, GLANCE, PATIENCE, SECRET, SERVICE};

/// Paths, whether the call may wait, and a body.
const ROUTES: &[(&str, bool, &str)] = &[
    ("kv/range", false, r#"{"key":"YQ==","range_end":"Yw==","limit":"3","sort_order":"DESCEND"}"#),
    ("kv/put", false, r#"{"key":"YjE=","value":"dg==","lease":"0","prev_kv":true}"#),
    ("kv/deleterange", false, r#"{"key":"Yg==","rangeEnd":"YmI=","prev_kv":true}"#),
    (
        "kv/txn",
        false,
        r#"{"compare":[{"target":"VERSION","key":"YQ==","result":"GREATER","version":0}],"success":[{"request_put":{"key":"YQ==","value":"dg=="}},{"request_txn":{"success":[{"request_range":{"key":"YQ=="}}]}}],"failure":[]}"#,
    ),
    ("kv/compaction", false, r#"{"revision":1}"#),
    (
        "watch",
        true,
        r#"{"create_request":{"key":"YQ==","range_end":"Yw==","start_revision":"1","filters":["NOPUT",1]}}"#,
    ),
    ("lease/grant", false, r#"{"TTL":60,"ID":"7"}"#),
    ("lease/revoke", false, r#"{"ID":"7"}"#),
    ("lease/keepalive", true, r#"{"ID":7}"#),
    ("lease/timetolive", false, r#"{"ID":"7","keys":true}"#),
    ("lease/leases", false, "{}"),
    ("cluster/member/list", false, r#"{"linearizable":true}"#),
    ("maintenance/status", false, "{}"),
    ("maintenance/hashkv", false, r#"{"revision":0}"#),
    ("maintenance/snapshot", true, "{}"),
    ("auth/authenticate", false, r#"{"name":"alice","password":"wrong"}"#),
    ("auth/status", false, "{}"),
    ("auth/user/get", false, r#"{"name":"alice"}"#),
    ("auth/role/get", false, r#"{"role":"r"}"#),
    ("lock/lock", true, r#"{"name":"Yg==","lease":"0"}"#),
    ("lock/unlock", false, r#"{"key":"Yg=="}"#),
    ("election/leader", false, r#"{"name":"YQ=="}"#),
    ("election/observe", true, r#"{"name":"YQ=="}"#),
    ("no/such/call", false, "{}"),
];

pub(crate) const WORDS: &[&[u8]] = &[
    b"null",
    b"true",
    b"-0",
    b"1e999",
    b"1.5",
    b"99999999999999999999",
    b"\"NaN\"",
    b"\\u0000",
    b"\\ud800",
    b"{\"\":",
    b"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
    b"{\"request_txn\":{\"success\":[",
    b"\"key\":\"aGlkZGVu\",",
    b"\"range_end\":\"AA==\",",
    b"\xef\xbb\xbf",
    b" \n\t",
    b"{}",
    b",",
];

pub(crate) fn run(input: &[u8]) {
    let [route, caller, body @ ..] = input else { return };
    let (path, waits, _) = ROUTES[usize::from(*route) % ROUTES.len()];
    let caller = Caller::of(*caller);
    SERVICE.runtime.block_on(async {
        let limit = if waits { GLANCE } else { PATIENCE };
        match tokio::time::timeout(limit, ask(path, caller, Bytes::copy_from_slice(body))).await {
            Ok((status, text)) => judge(path, waits, caller, status, &text),
            Err(_elapsed) => assert!(waits, "{path} does not answer"),
        }
        SERVICE.is_well().await;
    });
}

async fn ask(path: &str, caller: Caller, body: Bytes) -> (StatusCode, Bytes) {
    let connection = TokioIo::new(SERVICE.connection().await);
    let (mut sender, connection) = http1::handshake(connection).await.expect("HTTP/1 is spoken");
    let running = tokio::spawn(connection);
    let mut request = Request::post(format!("/v3/{path}")).header(header::HOST, "localhost");
    if let Some(token) = SERVICE.token(caller) {
        request = request.header(header::AUTHORIZATION, token);
    }
    let request = request.body(Full::new(body)).expect("a request");
    let answer: Response<_> = sender.send_request(request).await.expect("an answer comes");
    let status = answer.status();
    let text = answer.into_body().collect().await.expect("the answer comes whole").to_bytes();
    running.abort();
    (status, text)
}

fn judge(path: &str, is_stream: bool, caller: Caller, status: StatusCode, text: &Bytes) {
    let shown = String::from_utf8_lossy(text);
    let secret = BASE64_STANDARD_NO_PAD.encode(&SECRET[..SECRET.len() / 3 * 3]);
    assert!(caller == Caller::Root || !shown.contains(&secret), "{path} tells {caller:?} the secret");
    assert!(is_stream || shown.starts_with('{'), "{path}: {status}: {shown}");
    let known = matches!(caller, Caller::Alice | Caller::Root);
    let is_open = matches!(path, "auth/authenticate" | "auth/status" | "kv/txn" | "watch");
    assert!(
        known || is_open || status != StatusCode::OK || is_stream,
        "{path} does something for {caller:?}: {shown}"
    );
    // Code 13 is an error of the server's own.
    assert!(!shown.contains("\"code\":13"), "{path}: {shown}");
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let routes = ROUTES.iter().enumerate();
    routes
        .flat_map(|(number, (_, _, body))| {
            [0, 3].map(|caller| [&[number as u8, caller][..], body.as_bytes()].concat())
        })
        .collect()
}

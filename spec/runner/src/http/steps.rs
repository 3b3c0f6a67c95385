//! What is asked, in order.

use std::fmt;

/// One question.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: String,
    pub(crate) wait: Wait,
    /// A name for what a place in the answer holds; later questions spell it by that name.
    pub(crate) learn: Option<(&'static str, &'static str)>,
}

/// How long to listen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    ForTheEnd,
    ForAWhile,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)?;
        self.headers.iter().try_for_each(|(name, value)| write!(f, " {name}: {value}"))?;
        write!(f, " {}", self.body)
    }
}

impl Step {
    fn new(method: &'static str, path: &str, body: &str) -> Self {
        Step {
            method,
            path: path.to_owned(),
            headers: Vec::new(),
            body: body.to_owned(),
            wait: Wait::ForTheEnd,
            learn: None,
        }
    }

    pub(crate) fn get(path: &str) -> Self {
        Self::new("GET", path, "")
    }

    pub(crate) fn post(path: &str, body: &str) -> Self {
        Self::new("POST", path, body)
    }

    pub(crate) fn with(mut self, header: &'static str, value: &str) -> Self {
        self.headers.push((header, value.to_owned()));
        self
    }

    fn learning(mut self, name: &'static str, place: &'static str) -> Self {
        self.learn = Some((name, place));
        self
    }

    fn open(mut self) -> Self {
        self.wait = Wait::ForAWhile;
        self
    }
}

/// Routes that answer a request of nothing, or refuse it, and change nothing by that.
const ROUTES: &[&str] = &[
    "/v3/kv/range",
    "/v3/kv/put",
    "/v3/kv/deleterange",
    "/v3/kv/txn",
    "/v3/lease/revoke",
    "/v3/kv/lease/revoke",
    "/v3/lease/timetolive",
    "/v3/kv/lease/timetolive",
    "/v3/lease/leases",
    "/v3/kv/lease/leases",
    "/v3/cluster/member/add",
    "/v3/cluster/member/remove",
    "/v3/cluster/member/update",
    "/v3/cluster/member/list",
    "/v3/cluster/member/promote",
    "/v3/maintenance/alarm",
    "/v3/maintenance/status",
    "/v3/maintenance/defragment",
    "/v3/maintenance/hash",
    "/v3/maintenance/hashkv",
    "/v3/maintenance/transfer-leadership",
    "/v3/maintenance/downgrade",
    "/v3/auth/enable",
    "/v3/auth/status",
    "/v3/auth/authenticate",
    "/v3/auth/user/add",
    "/v3/auth/user/get",
    "/v3/auth/user/list",
    "/v3/auth/user/delete",
    "/v3/auth/user/changepw",
    "/v3/auth/user/grant",
    "/v3/auth/user/revoke",
    "/v3/auth/role/add",
    "/v3/auth/role/get",
    "/v3/auth/role/list",
    "/v3/auth/role/delete",
    "/v3/auth/role/grant",
    "/v3/auth/role/revoke",
    "/v3/lock/unlock",
    "/v3/election/proclaim",
    "/v3/election/leader",
    "/v3/election/resign",
    "/v3/nope",
    "/v3/kv/nope",
];

/// Bodies that no route can read, or that say nothing.
const BODIES: &[&str] = &["", "{}", "null", r#"{"nope":1}"#, "{", "[]", "7", r#"{"key":"x"#, "{} {}", "{}x"];

pub(crate) fn all() -> Vec<Step> {
    let mut steps = Vec::new();
    plain(&mut steps);
    for route in ROUTES {
        for method in ["GET", "PUT", "DELETE", "OPTIONS", "HEAD"] {
            steps.push(Step::new(method, route, ""));
        }
        steps.extend(BODIES.iter().map(|body| Step::post(route, body)));
    }
    values(&mut steps);
    transactions(&mut steps);
    leases(&mut steps);
    members(&mut steps);
    streams(&mut steps);
    locks(&mut steps);
    users(&mut steps);
    steps
}

/// Beside the gateway.
fn plain(steps: &mut Vec<Step>) {
    for path in [
        "/version",
        "/health",
        "/health?serializable=true",
        "/health?exclude=NOSPACE",
        "/livez",
        "/livez?verbose",
        "/livez/serializable_read",
        "/livez/nope",
        "/readyz",
        "/readyz/linearizable_read",
        "/readyz/data_corruption?verbose",
        "/readyz/non_learner",
        "/readyz?exclude=nope",
        "/nope",
        "/",
        "/v2/keys",
    ] {
        for method in ["GET", "POST", "HEAD", "OPTIONS"] {
            steps.push(Step::new(method, path, ""));
        }
    }
    steps.push(Step::get("/health").with("origin", "http://example.com"));
}

fn values(steps: &mut Vec<Step>) {
    let bodies = [
        ("/v3/kv/put", r#"{"key":"Zm9v","value":"YmFy"}"#),
        ("/v3/kv/put", r#"{"key":"Zm9v","value":"YmF6","prev_kv":true}"#),
        ("/v3/kv/put", r#"{"key":"Zm9v","value":"YmF6","prevKv":true}"#),
        ("/v3/kv/put", r#"{"key":"Zm9v","value":"YmF6","prevKv":true,"prev_kv":true}"#),
        ("/v3/kv/put", r#"{"key":"Zm9v","key":"YQ=="}"#),
        ("/v3/kv/put", r#"{"key":"Zm9v!"}"#),
        ("/v3/kv/put", r#"{"key":"Zm9"}"#),
        ("/v3/kv/put", r#"{"key":"-_8="}"#),
        ("/v3/kv/put", r#"{"key":"-_8"}"#),
        ("/v3/kv/put", r#"{"key":"+/8="}"#),
        ("/v3/kv/put", r#"{"key":7}"#),
        ("/v3/kv/put", r#"{"key":null}"#),
        ("/v3/kv/put", r#"{"key":["Zm9v"]}"#),
        ("/v3/kv/put", r#"{"key":"Zm9v","lease":"77"}"#),
        ("/v3/kv/put", r#"{"key":"Zm9v","lease":77}"#),
        ("/v3/kv/put", r#"{"key":"Zm9v","lease":77.0}"#),
        ("/v3/kv/put", r#"{"key":"Zm9v","lease":7.7}"#),
        ("/v3/kv/put", r#"{"key":"Zm9v","lease":"x"}"#),
        ("/v3/kv/put", r#"{"key":"Zm9v","lease":" 7"}"#),
        ("/v3/kv/put", r#"{"key":"Zm9v","lease":"07"}"#),
        ("/v3/kv/put", r#"{"key":"Zm9v","lease":"+7"}"#),
        ("/v3/kv/put", r#"{"key":"Zm9v","lease":""}"#),
        ("/v3/kv/put", r#"{"key":"Zm9v","lease":1e2}"#),
        ("/v3/kv/put", r#"{"key":"Zm9v","lease":"9223372036854775808"}"#),
        ("/v3/kv/put", r#"{"key":"Zm9v","ignore_value":true,"value":"YQ=="}"#),
        ("/v3/kv/put", r#"{"key":"Zm9v","ignore_value":"true"}"#),
        ("/v3/kv/put", r#"{"key":"Zm9v","ignore_value":1}"#),
        ("/v3/kv/put", r#"{"key":"bm9uZQ==","ignore_lease":true}"#),
        ("/v3/kv/range", r#"{"key":"Zm9v"}"#),
        ("/v3beta/kv/range", r#"{"key":"Zm9v"}"#),
        ("/v3alpha/kv/range", r#"{"key":"Zm9v"}"#),
        ("/v3/kv/range", r#"{"key":"Zm9v"} trailing"#),
        ("/v3/kv/range", r#"{"key":"AA==","range_end":"AA=="}"#),
        ("/v3/kv/range", r#"{"key":"AA==","rangeEnd":"AA==","count_only":true}"#),
        ("/v3/kv/range", r#"{"key":"AA==","range_end":"AA==","keys_only":true,"limit":"1"}"#),
        ("/v3/kv/range", r#"{"key":"AA==","range_end":"AA==","sort_order":"DESCEND","sort_target":"MOD"}"#),
        ("/v3/kv/range", r#"{"key":"AA==","range_end":"AA==","sort_order":2,"sort_target":3}"#),
        ("/v3/kv/range", r#"{"key":"AA==","range_end":"AA==","sort_order":9}"#),
        ("/v3/kv/range", r#"{"key":"AA==","range_end":"AA==","sort_order":"NOPE"}"#),
        ("/v3/kv/range", r#"{"key":"AA==","range_end":"AA==","sort_order":"descend"}"#),
        ("/v3/kv/range", r#"{"key":"Zm9v","revision":"1000000"}"#),
        ("/v3/kv/range", r#"{"key":"Zm9v","revision":"-1"}"#),
        ("/v3/kv/deleterange", r#"{"key":"Zm9v","prev_kv":true}"#),
        ("/v3/kv/deleterange", r#"{"key":"Zm9v"}"#),
        ("/v3/kv/compaction", r#"{"revision":"3","physical":true}"#),
        ("/v3/kv/compaction", r#"{"revision":"3"}"#),
        ("/v3/kv/compaction", r#"{"revision":"3000"}"#),
        ("/v3/kv/range", r#"{"key":"Zm9v","revision":"2"}"#),
        ("/v3/maintenance/alarm", r#"{"action":"GET"}"#),
        ("/v3/maintenance/alarm", r#"{"action":"ACTIVATE","memberID":"7","alarm":"NOSPACE"}"#),
        ("/v3/kv/put", r#"{"key":"Zm9v","value":"YmFy"}"#),
        ("/v3/maintenance/alarm", r#"{"action":"DEACTIVATE","memberID":"7","alarm":"NOSPACE"}"#),
        ("/v3/maintenance/alarm", r#"{"action":0,"alarm":"CORRUPT"}"#),
        ("/v3/maintenance/hashkv", r#"{"revision":"2"}"#),
        ("/v3/maintenance/hashkv", r#"{"revision":"1000000"}"#),
        ("/v3/maintenance/downgrade", r#"{"action":"VALIDATE","version":"3.6"}"#),
        ("/v3/maintenance/downgrade", r#"{"action":"VALIDATE","version":"x"}"#),
        ("/v3/maintenance/downgrade", r#"{"action":"VALIDATE","version":"3.2.0"}"#),
        ("/v3/maintenance/transfer-leadership", r#"{"targetID":"1"}"#),
    ];
    steps.extend(bodies.iter().map(|(path, body)| Step::post(path, body)));
    steps.push(Step::get("/health"));
}

fn transactions(steps: &mut Vec<Step>) {
    let bodies = [
        r#"{"compare":[{"key":"Zm9v","target":"CREATE","create_revision":"0"}],"success":[{"request_put":{"key":"Zm9v","value":"MQ=="}}],"failure":[{"requestRange":{"key":"Zm9v"}}]}"#,
        r#"{"compare":[{"key":"Zm9v","target":"VALUE","result":"NOT_EQUAL","value":"MQ=="}],"success":[{"request_delete_range":{"key":"Zm9v"}}]}"#,
        r#"{"compare":[{"key":"Zm9v","target":3,"value":"MQ=="}],"success":[{"request_txn":{"success":[{"request_put":{"key":"YQ==","value":"Mg=="}}]}}]}"#,
        r#"{"compare":[{"key":"Zm9v","version":"1","value":"MQ=="}]}"#,
        r#"{"success":[{"request_put":{"key":"YQ=="},"request_range":{"key":"YQ=="}}]}"#,
        r#"{"success":[{}]}"#,
        r#"{"success":[{"request_put":{"key":"YQ=="}},{"request_put":{"key":"YQ=="}}]}"#,
        r#"{"success":[{"request_put":{}}]}"#,
        r#"{"compare":{}}"#,
        r#"{"compare":[null]}"#,
    ];
    steps.extend(bodies.iter().map(|body| Step::post("/v3/kv/txn", body)));
}

fn leases(steps: &mut Vec<Step>) {
    let bodies = [
        ("/v3/lease/grant", r#"{"TTL":"600","ID":"1234"}"#),
        ("/v3/lease/grant", r#"{"TTL":600,"ID":1234}"#),
        ("/v3/lease/grant", r#"{"ttl":600}"#),
        ("/v3/lease/grant", r#"{"TTL":"9000000001"}"#),
        ("/v3/lease/grant", r#"{"TTL":"-5","ID":"77"}"#),
        ("/v3/kv/put", r#"{"key":"bGVhc2Vk","lease":"1234"}"#),
        ("/v3/lease/timetolive", r#"{"ID":"1234","keys":true}"#),
        ("/v3/kv/lease/timetolive", r#"{"ID":"99999"}"#),
        ("/v3/lease/keepalive", r#"{"ID":"1234"}"#),
        ("/v3/lease/keepalive", r#"{"ID":"99999"}"#),
        ("/v3/lease/revoke", r#"{"ID":"1234"}"#),
        ("/v3/kv/lease/revoke", r#"{"ID":"1234"}"#),
    ];
    steps.extend(bodies.iter().map(|(path, body)| Step::post(path, body)));
}

fn members(steps: &mut Vec<Step>) {
    let bodies = [
        ("/v3/cluster/member/list", r#"{"linearizable":true}"#),
        ("/v3/cluster/member/add", r#"{"peerURLs":["nope"]}"#),
        ("/v3/cluster/member/add", r#"{"peerURLs":["http://127.0.0.1:1/path"]}"#),
        ("/v3/cluster/member/remove", r#"{"ID":"7"}"#),
        ("/v3/cluster/member/update", r#"{"ID":"7","peerURLs":["http://127.0.0.1:1"]}"#),
        ("/v3/cluster/member/promote", r#"{"ID":"7"}"#),
    ];
    steps.extend(bodies.iter().map(|(path, body)| Step::post(path, body)));
}

fn streams(steps: &mut Vec<Step>) {
    steps.push(Step::post("/v3/maintenance/snapshot", "{}"));
    let watches = [
        r#"{"create_request":{"key":"Zm9v"}}"#,
        r#"{"createRequest":{"key":"YQ==","start_revision":"6"}}"#,
        r#"{"create_request":{"key":"YQ==","start_revision":1}}"#,
        r#"{"create_request":{"key":"Zm9v"}} {"create_request":{"key":"YQ==","watch_id":"7"}}"#,
        r#"{"create_request":{"key":"Zm9v","watch_id":"7"}}{"create_request":{"key":"YQ==","watch_id":"7"}}"#,
        r#"{"create_request":{"key":"Zm9v"}} {"cancel_request":{"watch_id":"0"}}"#,
        r#"{"create_request":{"key":"Zm9v","range_end":"YQ=="}}"#,
        r#"{"create_request":{}} {"progress_request":{}}"#,
        r#"{"create_request":{"key":"Zm9v","filters":["NOPUT",1]}}"#,
    ];
    steps.extend(watches.iter().map(|body| Step::post("/v3/watch", body).open()));
}

fn locks(steps: &mut Vec<Step>) {
    let name = r#""name":"bG9jaw==""#;
    steps.push(Step::post("/v3/lease/grant", r#"{"TTL":"600","ID":"4321"}"#));
    steps.push(Step::post("/v3/lock/lock", &format!(r#"{{{name},"lease":"4321"}}"#)));
    steps.push(Step::post("/v3/lock/lock", &format!(r#"{{{name},"lease":"99999"}}"#)));
    steps.push(Step::post("/v3/lock/unlock", r#"{"key":"bG9jay8xMGUx"}"#));
    let campaign = format!(r#"{{{name},"lease":"4321","value":"YQ=="}}"#);
    steps.push(Step::post("/v3/election/campaign", &campaign));
    steps.push(Step::post("/v3/election/leader", &format!("{{{name}}}")));
    steps.push(Step::post("/v3/election/leader", r#"{"name":"bm9uZQ=="}"#));
    steps.push(Step::post("/v3/election/observe", &format!("{{{name}}}")).open());
    steps.push(Step::post("/v3/election/resign", r#"{"leader":{"name":"eA==","key":"eA==","rev":"1"}}"#));
    steps.push(Step::post("/v3/lease/revoke", r#"{"ID":"4321"}"#));
}

fn users(steps: &mut Vec<Step>) {
    let before = [
        ("/v3/auth/role/add", r#"{"name":"r"}"#),
        ("/v3/auth/role/add", r#"{"name":"r"}"#),
        (
            "/v3/auth/role/grant",
            r#"{"name":"r","perm":{"permType":"READWRITE","key":"YQ==","range_end":"Yg=="}}"#,
        ),
        ("/v3/auth/role/grant", r#"{"name":"r","perm":{"permType":"NOPE","key":"YQ=="}}"#),
        ("/v3/auth/role/get", r#"{"role":"r"}"#),
        ("/v3/auth/user/add", r#"{"name":"u","password":"p"}"#),
        ("/v3/auth/user/add", r#"{"name":"c","options":{"no_password":true}}"#),
        ("/v3/auth/user/grant", r#"{"user":"u","role":"r"}"#),
        ("/v3/auth/user/get", r#"{"name":"u"}"#),
        ("/v3/auth/user/add", r#"{"name":"root","password":"p"}"#),
        ("/v3/auth/enable", "{}"),
        ("/v3/auth/user/grant", r#"{"user":"root","role":"root"}"#),
        ("/v3/auth/authenticate", r#"{"name":"root","password":"p"}"#),
        ("/v3/auth/enable", "{}"),
        ("/v3/auth/status", "{}"),
        ("/v3/kv/range", r#"{"key":"YQ=="}"#),
        ("/v3/cluster/member/list", "{}"),
        ("/v3/maintenance/status", "{}"),
        ("/v3/auth/authenticate", r#"{"name":"root","password":"wrong"}"#),
        ("/v3/auth/authenticate", r#"{"name":"c","password":"x"}"#),
        ("/v3/maintenance/snapshot", "{}"),
    ];
    steps.extend(before.iter().map(|(path, body)| Step::post(path, body)));
    steps.push(
        Step::post("/v3/auth/authenticate", r#"{"name":"root","password":"p"}"#).learning("$ROOT", "/token"),
    );
    steps.push(
        Step::post("/v3/auth/authenticate", r#"{"name":"u","password":"p"}"#).learning("$USER", "/token"),
    );
    for token in ["$USER", "Bearer $USER", "x.1", "", "Basic $USER"] {
        for (path, body) in [
            ("/v3/kv/put", r#"{"key":"YWI=","value":"MQ=="}"#),
            ("/v3/kv/range", r#"{"key":"YWI="}"#),
            ("/v3/kv/range", r#"{"key":"eg=="}"#),
            ("/v3/auth/user/list", "{}"),
            ("/v3/auth/status", "{}"),
            ("/v3/lease/leases", "{}"),
        ] {
            steps.push(Step::post(path, body).with("authorization", token));
        }
        let watch = Step::post("/v3/watch", r#"{"create_request":{"key":"eg=="}}"#);
        steps.push(watch.with("authorization", token).open());
    }
    for path in ["/health", "/version", "/livez", "/readyz/linearizable_read"] {
        steps.push(Step::get(path));
    }
    steps.push(Step::post("/v3/auth/disable", "{}"));
    steps.push(Step::post("/v3/auth/disable", "{}").with("authorization", "$ROOT"));
    steps.push(Step::post("/v3/kv/range", r#"{"key":"YWI="}"#));
}

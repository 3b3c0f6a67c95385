//! Replaces what differs from run to run: ids, ports, times, sizes.

/// Names whose number is the server's own affair.
const VARYING: [&str; 18] = [
    "remaining(",
    "\"ttl\":",
    "\"TTL\" : ",
    "\"raft_term\":",
    "\"raftTerm\":",
    "\"raftIndex\":",
    "\"raftAppliedIndex\":",
    "\"dbSize\":",
    "\"dbSizeInUse\":",
    "\"dbSizeQuota\":",
    "\"hash\":",
    "\"RaftTerm\" : ",
    "\"RaftIndex\" : ",
    "\"RaftAppliedIndex\" : ",
    "\"DBSize\" : ",
    "\"DBSizeInUse\" : ",
    "\"DBSizeQuota\" : ",
    "\"Hash\" : ",
];

/// Names whose text is.
const VARYING_TEXT: [&str; 7] = [
    "took = ",
    "]. took ",
    "\"took\":",
    "\"Took\" : ",
    "\"version\":",
    "\"storageVersion\":",
    "\"StorageVersion\" : ",
];

/// The members of a cluster stand in the order of their ids, which come from their ports.
pub(crate) const MEMBERS: [&str; 4] = ["member-a", "member-b", "member-c", "member-d"];

/// A line as it can be compared.
pub(crate) fn normal(line: &str, endpoint: &str) -> String {
    // A zero byte would make a binary file of the transcript.
    let mut line = line.replace(endpoint, "ENDPOINT").replace('\0', "\\0");
    for name in VARYING {
        line = replace_after(&line, name, |c| c.is_ascii_digit());
    }
    for name in VARYING_TEXT {
        line = replace_after(&line, name, |c| !c.is_whitespace() && c != ',' && c != '}');
    }
    line = replace_after(&line, "http://127.0.0.1:", |c| c.is_ascii_digit());
    for name in MEMBERS {
        line = line.replace(name, "NAME");
    }
    replace_ids(&line)
}

fn replace_after(line: &str, name: &str, varies: impl Fn(char) -> bool) -> String {
    let mut parts = line.split(name);
    let mut normal = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.trim_start_matches(&varies);
        normal.push_str(name);
        normal.push_str(if rest.len() < part.len() { "~" } else { "" });
        normal.push_str(rest);
    }
    normal
}

/// An id whose hexadecimal digits happen to be all decimal ones: which of the two was printed cannot be told.
pub(crate) const EITHER_ID: &str = "HEX-OR-ID";

/// The hexadecimal digits of an id that has no zeros in front.
const ID_DIGITS: usize = 16;

/// Replaces runs of 14 to 16 hexadecimal digits and of 15 or more decimal ones: `%x` pads leases but not members.
fn replace_ids(line: &str) -> String {
    let mut normal = String::new();
    let mut rest = line;
    while let Some(start) = rest.find(|c: char| c.is_ascii_alphanumeric()) {
        normal.push_str(&rest[..start]);
        rest = &rest[start..];
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
        let word = &rest[..end];
        let hex = word.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f')) && (14..=ID_DIGITS).contains(&end);
        let decimal = word.chars().all(|c| c.is_ascii_digit()) && end >= 15;
        // Where etcd prints `%16x`, blanks stand for the zeros in front.
        for _ in end..ID_DIGITS {
            if hex && normal.ends_with("  ") {
                normal.pop();
            }
        }
        normal.push_str(match (hex, decimal) {
            (true, true) => EITHER_ID,
            (false, true) => "ID",
            (true, false) => "HEX",
            _ => word,
        });
        rest = &rest[end..];
    }
    normal + rest
}

#[test]
fn only_what_varies_is_replaced() {
    for (line, expected) in [
        ("lease 390da1fdc810d5a8 granted with TTL(100s)", "lease HEX granted with TTL(100s)"),
        (
            r#""cluster_id":15118495548433857066,"revision":9,"raft_term":2}"#,
            r#""cluster_id":ID,"revision":9,"raft_term":~}"#,
        ),
        ("127.0.0.1:23 is healthy: took = 2.434ms", "ENDPOINT is healthy: took = ~"),
        (r#"{"took":"2.4ms"}"#, r#"{"took":~}"#),
        ("lease 1234567890123456 revoked", "lease HEX-OR-ID revoked"),
        ("Member  d5f0c8f0c1b2a30 added to cluster   d5f0c8f0c1b2a3", "Member HEX added to cluster HEX"),
        ("deadbeef", "deadbeef"),
    ] {
        assert_eq!(normal(line, "127.0.0.1:23"), expected);
    }
}

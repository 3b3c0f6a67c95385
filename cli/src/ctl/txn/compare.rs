//! The compares of a transaction: `TARGET("key") OP "value"`.

use std::borrow::Cow;

use etcdkit::{Compare, CompareOp};

use super::invalid;
use crate::console::failure::Outcome;
use crate::console::flags::{Base, parse_int};
use crate::console::quote::{quote, unquote};

/// What the parts of a compare are, as far as they could be read.
#[derive(Default)]
struct Parts {
    key: Vec<u8>,
    operator: Vec<u8>,
    value: Vec<u8>,
}

/// Reads one line.
///
/// What follows the value is ignored and there may be more than one space around the operator, as in etcdctl.
/// Operators and targets that make etcdctl crash are refused here.
pub(super) fn parse(line: &[u8]) -> Outcome<Compare> {
    let shown = String::from_utf8_lossy(line);
    let Some(open) = line.iter().position(|byte| *byte == b'(') else {
        return Err(invalid(format!("malformed comparison: {shown}")));
    };
    let target = String::from_utf8_lossy(&line[..open]);
    let mut parts = Parts::default();
    if read(&line[open + 1..], &mut parts).is_none() {
        return Err(malformed(&shown, &target, &parts));
    }
    let Parts { key, operator, value } = parts;
    let op = operator_named(&operator, &shown)?;
    let number = |base| {
        parse_int(&String::from_utf8_lossy(&value), base)
            .map_err(|_| invalid(format!("invalid txn compare request: {shown}")))
    };
    match target.as_ref() {
        "ver" | "version" => Ok(Compare::version(key, op, number(Base::Ten)?)),
        "c" | "create" => Ok(Compare::create_revision(key, op, number(Base::Ten)?)),
        "m" | "mod" => Ok(Compare::mod_revision(key, op, number(Base::Ten)?)),
        "val" | "value" => Ok(Compare::value(key, op, value)),
        "lease" => Ok(Compare::lease(key, op, number(Base::Sixteen)?)),
        _ => Err(invalid(format!("malformed comparison: {shown} (unknown target {target})"))),
    }
}

/// `"key") OP "value"`; `None` where the line stops to fit.
fn read(text: &[u8], parts: &mut Parts) -> Option<()> {
    let (key, taken) = unquote(text.trim_ascii_start()).ok()?;
    parts.key = key;
    let rest = text.trim_ascii_start()[taken..].strip_prefix(b")")?;
    if !rest.first()?.is_ascii_whitespace() {
        return None;
    }
    let rest = rest.trim_ascii_start();
    let end = rest.iter().position(u8::is_ascii_whitespace).unwrap_or(rest.len());
    parts.operator = rest[..end].to_vec();
    let (value, _) = unquote(rest[end..].trim_ascii_start()).ok()?;
    parts.value = value;
    Some(())
}

fn malformed(line: &str, target: &str, parts: &Parts) -> crate::console::failure::Failure {
    let operator: Cow<'_, str> = String::from_utf8_lossy(&parts.operator);
    invalid(format!(
        "malformed comparison: {line}; got {target}({}) {operator} {}",
        quote(&parts.key),
        quote(&parts.value)
    ))
}

fn operator_named(operator: &[u8], line: &str) -> Outcome<CompareOp> {
    match operator {
        b"=" => Ok(CompareOp::Equal),
        b"!=" => Ok(CompareOp::NotEqual),
        b"<" => Ok(CompareOp::Less),
        b">" => Ok(CompareOp::Greater),
        _ => {
            let operator = String::from_utf8_lossy(operator);
            Err(invalid(format!(
                "malformed comparison: {line} (unknown operator {operator}, use one of = != < >)"
            )))
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::console::failure::Exit;
    use proptest::prelude::*;

    fn refused(line: &str) -> String {
        let failure = parse(line.as_bytes()).err().unwrap();
        assert_eq!(failure.exit, Exit::InvalidInput, "{line}");
        failure.message.unwrap()
    }

    #[test]
    fn every_target_has_its_compare() {
        let key = "k";
        for (line, expected) in [
            (r#"version("k") = "1""#, Compare::version(key, CompareOp::Equal, 1)),
            (r#"ver("k") > "1""#, Compare::version(key, CompareOp::Greater, 1)),
            (r#"create("k") < "2""#, Compare::create_revision(key, CompareOp::Less, 2)),
            (r#"c("k") != "2""#, Compare::create_revision(key, CompareOp::NotEqual, 2)),
            (r#"mod("k") = "3""#, Compare::mod_revision(key, CompareOp::Equal, 3)),
            (r#"m("k") = "-3""#, Compare::mod_revision(key, CompareOp::Equal, -3)),
            (r#"value("k") = "a\"b""#, Compare::value(key, CompareOp::Equal, "a\"b")),
            (r#"val("k")   =   "a" and more"#, Compare::value(key, CompareOp::Equal, "a")),
            (r#"value( "k") = `a`"#, Compare::value(key, CompareOp::Equal, "a")),
            (r#"lease("k") = "1f""#, Compare::lease(key, CompareOp::Equal, 31)),
        ] {
            assert_eq!(format!("{:?}", parse(line.as_bytes()).unwrap()), format!("{expected:?}"), "{line}");
        }
    }

    #[test]
    fn malformed_compares_are_refused_as_etcdctl_refuses_them() {
        for (line, message) in [
            ("foo", "malformed comparison: foo"),
            (r#"version("foo") = "x""#, r#"invalid txn compare request: version("foo") = "x""#),
            (r#"zap("foo") = "1""#, r#"malformed comparison: zap("foo") = "1" (unknown target zap)"#),
            (r#"value(foo) = "1""#, r#"malformed comparison: value(foo) = "1"; got value("")  """#),
            (r#"value("foo")= "1""#, r#"malformed comparison: value("foo")= "1"; got value("foo")  """#),
            (r#"value("foo") ="1""#, r#"malformed comparison: value("foo") ="1"; got value("foo") ="1" """#),
            (r#"value("foo") = 1"#, r#"malformed comparison: value("foo") = 1; got value("foo") = """#),
            (r#"val ("foo") = "1""#, r#"malformed comparison: val ("foo") = "1" (unknown target val )"#),
            (r#"value("foo" ) = "1""#, r#"malformed comparison: value("foo" ) = "1"; got value("foo")  """#),
        ] {
            assert_eq!(refused(line), message);
        }
    }

    #[test]
    fn what_crashes_etcdctl_is_refused() {
        assert!(refused(r#"version("k") >= "1""#).contains("unknown operator >="));
        assert!(refused(r#"lease("k") = "zz""#).starts_with("invalid txn compare request"));
    }

    proptest! {
        #[test]
        fn no_line_panics(line: Vec<u8>) {
            let _ = parse(&line);
        }

        #[test]
        fn no_compare_panics(line in r#"(value|lease|mod|\(|\)|"|\\|=|<| |[a-z0-9]{1,4}){0,12}"#) {
            let _ = parse(line.as_bytes());
        }
    }
}

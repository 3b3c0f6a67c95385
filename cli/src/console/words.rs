//! Cuts the lines of `txn` and `watch -i` into words.

use super::flags::Word;
use super::quote;

/// The words of a line: in double quotes with Go's escapes, in single quotes as they stand, or bare.
///
/// A bare word reaches to the next space, quotes inside it included. A quote that is never closed is
/// passed over, as etcdctl does.
pub(crate) fn split(line: &[u8]) -> Result<Vec<Word>, &'static str> {
    let mut words = Vec::new();
    let mut at = 0;
    while at < line.len() {
        let rest = &line[at..];
        let taken = match rest[0] {
            b'"' => double_quoted_len(rest),
            b'\'' => rest[1..].iter().position(|byte| *byte == b'\'').map(|end| end + 2),
            byte if is_space(byte) => None,
            _ => Some(rest.iter().position(|byte| is_space(*byte)).unwrap_or(rest.len())),
        };
        let Some(taken) = taken else {
            at += 1;
            continue;
        };
        words.push(match rest[0] {
            b'"' => quote::unquote(&rest[..taken])?.0,
            b'\'' => rest[1..taken - 1].to_vec(),
            _ => rest[..taken].to_vec(),
        });
        at += taken;
    }
    Ok(words)
}

fn double_quoted_len(text: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        match text.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0c)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use proptest::prelude::*;

    fn texts(line: &str) -> Vec<String> {
        split(line.as_bytes()).unwrap().into_iter().map(|word| String::from_utf8(word).unwrap()).collect()
    }

    #[test]
    fn words_are_bare_or_quoted() {
        assert_eq!(texts("put foo bar"), ["put", "foo", "bar"]);
        assert_eq!(
            texts(r#"put key1 "over wrote\n" 'as \n is'"#),
            ["put", "key1", "over wrote\n", r"as \n is"]
        );
        assert_eq!(texts(r#"  get  a"b  c'd "#), ["get", "a\"b", "c'd"]);
        assert_eq!(texts(r#"put k """#), ["put", "k", ""]);
        assert_eq!(texts(r#"put k"#), ["put", "k"]);
        assert_eq!(texts("  "), Vec::<String>::new());
    }

    #[test]
    fn an_open_quote_is_passed_over() {
        assert_eq!(texts(r#"get "abc d"#), ["get", "abc", "d"]);
        assert_eq!(texts("get 'abc d"), ["get", "abc", "d"]);
    }

    #[test]
    fn a_bad_escape_is_an_error() {
        assert_eq!(split(br#"put k "\q""#), Err("invalid syntax"));
    }

    proptest! {
        #[test]
        fn no_line_panics(line: Vec<u8>) {
            let _ = split(&line);
        }

        #[test]
        fn no_quoted_line_panics(line in r#"["' \\a]{0,24}"#) {
            let _ = split(line.as_bytes());
        }
    }
}

//! Quoted strings as Go's `%q` writes and reads them: in `-w fields`, in the environment of `watch -- cmd`, and
//! in the lines of `txn`.

/// Bytes in double quotes, escaped where they are not printable text.
///
/// Bytes that are no UTF-8 become `\xNN`, so nothing is lost.
pub(crate) fn quote(bytes: &[u8]) -> String {
    let mut quoted = String::with_capacity(bytes.len() + 2);
    quoted.push('"');
    for chunk in bytes.utf8_chunks() {
        for letter in chunk.valid().chars() {
            quote_char(letter, &mut quoted);
        }
        for byte in chunk.invalid() {
            quoted.push_str(&format!("\\x{byte:02x}"));
        }
    }
    quoted.push('"');
    quoted
}

fn quote_char(letter: char, quoted: &mut String) {
    match letter {
        '"' => quoted.push_str("\\\""),
        '\\' => quoted.push_str("\\\\"),
        '\x07' => quoted.push_str("\\a"),
        '\x08' => quoted.push_str("\\b"),
        '\x0c' => quoted.push_str("\\f"),
        '\n' => quoted.push_str("\\n"),
        '\r' => quoted.push_str("\\r"),
        '\t' => quoted.push_str("\\t"),
        '\x0b' => quoted.push_str("\\v"),
        _ if is_printable(letter) => quoted.push(letter),
        '\0'..='\x7f' => quoted.push_str(&format!("\\x{:02x}", u32::from(letter))),
        '\u{80}'..='\u{ffff}' => quoted.push_str(&format!("\\u{:04x}", u32::from(letter))),
        _ => quoted.push_str(&format!("\\U{:08x}", u32::from(letter))),
    }
}

/// Letters, marks, numbers, punctuation, symbols and the ASCII space.
///
/// The standard library knows this set only through `escape_debug`, which escapes what is not in it; a mark is
/// escaped at the start of a text, hence the letter before it.
fn is_printable(letter: char) -> bool {
    match letter {
        ' '..='~' => true,
        '\0'..='\x7f' => false,
        _ => format!("a{letter}").escape_debug().count() == 2,
    }
}

/// A byte string and how many bytes of the input it took.
pub(crate) type Unquoted = (Vec<u8>, usize);

/// Reads a string in double quotes, or a raw one in back quotes, at the start of the text.
///
/// The errors are worded as those of Go's `Sscanf`.
pub(crate) fn unquote(text: &[u8]) -> Result<Unquoted, &'static str> {
    match text.first() {
        None => Err("unexpected EOF"),
        Some(b'`') => {
            let end = text[1..].iter().position(|byte| *byte == b'`').ok_or("unexpected EOF")?;
            Ok((text[1..=end].to_vec(), end + 2))
        }
        Some(b'"') => unquote_double(text),
        Some(_) => Err("expected quoted string"),
    }
}

fn unquote_double(text: &[u8]) -> Result<Unquoted, &'static str> {
    let mut value = Vec::new();
    let mut at = 1;
    loop {
        match text.get(at).ok_or("unexpected EOF")? {
            b'"' => return Ok((value, at + 1)),
            b'\n' => return Err("invalid syntax"),
            b'\\' => at += unescape(&text[at + 1..], &mut value)? + 1,
            byte => {
                value.push(*byte);
                at += 1;
            }
        }
    }
}

/// Reads what follows a backslash; gives the number of bytes it takes.
fn unescape(text: &[u8], value: &mut Vec<u8>) -> Result<usize, &'static str> {
    const BAD: &str = "invalid syntax";
    let plain = match text.first().ok_or("unexpected EOF")? {
        b'a' => 0x07,
        b'b' => 0x08,
        b'f' => 0x0c,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'v' => 0x0b,
        b'\\' => b'\\',
        b'"' => b'"',
        b'x' => {
            value.push(u8::try_from(number(text, 1, 2, 16)?).map_err(|_| BAD)?);
            return Ok(3);
        }
        b'0'..=b'7' => {
            value.push(u8::try_from(number(text, 0, 3, 8)?).map_err(|_| BAD)?);
            return Ok(3);
        }
        letter @ (b'u' | b'U') => {
            let digits = if *letter == b'u' { 4 } else { 8 };
            let letter = char::from_u32(number(text, 1, digits, 16)?).ok_or(BAD)?;
            value.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
            return Ok(1 + digits);
        }
        _ => return Err(BAD),
    };
    value.push(plain);
    Ok(1)
}

fn number(text: &[u8], from: usize, digits: usize, radix: u32) -> Result<u32, &'static str> {
    let digits = text.get(from..from + digits).ok_or("invalid syntax")?;
    digits.iter().try_fold(0u32, |number, digit| {
        let digit = char::from(*digit).to_digit(radix).ok_or("invalid syntax")?;
        number.checked_mul(radix).and_then(|number| number.checked_add(digit)).ok_or("invalid syntax")
    })
}

/// Every byte as `\xNN`, for `--hex`.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("\\x{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use proptest::prelude::*;

    #[test]
    fn quotes_as_go_does() {
        for (bytes, quoted) in [
            (&b"foo"[..], r#""foo""#),
            (b"", r#""""#),
            (b"a\"b\\c", r#""a\"b\\c""#),
            (b"\x07\x08\x0c\n\r\t\x0b", r#""\a\b\f\n\r\t\v""#),
            (b"\x00\x1f\x7f", r#""\x00\x1f\x7f""#),
            (b"\xff\xfe", r#""\xff\xfe""#),
            ("é中😀".as_bytes(), "\"é中😀\""),
            ("e\u{301}".as_bytes(), "\"e\u{301}\""),
            ("\u{a0}\u{200b}\u{feff}".as_bytes(), r#""\u00a0\u200b\ufeff""#),
            ("\u{e0001}".as_bytes(), r#""\U000e0001""#),
            (b"it's", r#""it's""#),
        ] {
            assert_eq!(quote(bytes), quoted);
        }
    }

    #[test]
    fn unquotes_every_escape() {
        assert_eq!(
            unquote(br#""a\n\t\x41\101\u00e9\U0001F600\"" rest"#).unwrap(),
            ("a\n\tAAé😀\"".into(), 33)
        );
        assert_eq!(unquote(br"`a\n` x").unwrap(), (br"a\n".to_vec(), 5));
    }

    #[test]
    fn refuses_what_is_not_a_quoted_string() {
        for (text, why) in [
            (&b""[..], "unexpected EOF"),
            (b"abc", "expected quoted string"),
            (b"'abc'", "expected quoted string"),
            (b"\"abc", "unexpected EOF"),
            (b"\"abc\\", "unexpected EOF"),
            (b"`abc", "unexpected EOF"),
            (br#""\q""#, "invalid syntax"),
            (br#""\'""#, "invalid syntax"),
            (br#""\x4""#, "invalid syntax"),
            (br#""\400""#, "invalid syntax"),
            (br#""\ud800""#, "invalid syntax"),
            (b"\"a\nb\"", "invalid syntax"),
        ] {
            assert_eq!(unquote(text), Err(why), "{}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn hex_shows_every_byte() {
        assert_eq!(hex(b"foo\xff"), r"\x66\x6f\x6f\xff");
    }

    proptest! {
        #[test]
        fn what_is_quoted_reads_back(bytes: Vec<u8>) {
            let quoted = quote(&bytes);
            prop_assert_eq!(unquote(quoted.as_bytes()).unwrap(), (bytes, quoted.len()));
        }

        #[test]
        fn no_text_panics(bytes: Vec<u8>) {
            let _ = unquote(&bytes);
            let _ = unquote(&[b"\"\\", &bytes[..]].concat());
        }
    }
}

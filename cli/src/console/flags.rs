//! Flags as Go's pflag reads them.
//!
//! Scripts written for etcdctl rely on that grammar: flags may stand anywhere among the arguments, a switch is
//! turned off by `--name=false`, a value flag takes the next word whatever it looks like, a repeated flag takes
//! the last value, lists add up, and `--` ends the flags. The same grammar reads the lines of `txn` and `watch -i`.

use std::collections::BTreeMap;
use std::time::Duration;

use super::duration;

/// A word of a command line. Keys and values may be any bytes, so words are bytes too.
pub(crate) type Word = Vec<u8>;

/// What a flag holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Switch,
    Int,
    Text,
    List,
    Duration,
}

/// One flag of a command.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flag {
    pub(crate) name: &'static str,
    pub(crate) short: Option<char>,
    pub(crate) kind: Kind,
    /// The default, in the spelling of the command line.
    pub(crate) default: &'static str,
    pub(crate) help: &'static str,
    /// An older spelling that is understood too, and shown nowhere.
    pub(crate) once: Option<&'static str>,
}

impl Flag {
    pub(crate) const fn switch(name: &'static str, help: &'static str) -> Self {
        Flag { name, short: None, kind: Kind::Switch, default: "false", help, once: None }
    }

    pub(crate) const fn int(name: &'static str, help: &'static str) -> Self {
        Flag { name, short: None, kind: Kind::Int, default: "0", help, once: None }
    }

    pub(crate) const fn text(name: &'static str, help: &'static str) -> Self {
        Flag { name, short: None, kind: Kind::Text, default: "", help, once: None }
    }

    pub(crate) const fn list(name: &'static str, help: &'static str) -> Self {
        Flag { name, short: None, kind: Kind::List, default: "", help, once: None }
    }

    pub(crate) const fn duration(name: &'static str, help: &'static str) -> Self {
        Flag { name, short: None, kind: Kind::Duration, default: "0s", help, once: None }
    }

    pub(crate) const fn or(mut self, default: &'static str) -> Self {
        self.default = default;
        self
    }

    pub(crate) const fn short(mut self, short: char) -> Self {
        self.short = Some(short);
        self
    }

    /// Takes an older spelling too.
    pub(crate) const fn once(mut self, name: &'static str) -> Self {
        self.once = Some(name);
        self
    }

    /// Whether the flag is written so.
    pub(crate) fn is_named(&self, name: &str) -> bool {
        self.name == name || self.once == Some(name)
    }

    /// How messages name the flag.
    fn spelled(&self) -> String {
        match self.short {
            Some(short) => format!("-{short}, --{}", self.name),
            None => format!("--{}", self.name),
        }
    }
}

#[derive(Clone, Debug)]
enum Value {
    Switch(bool),
    Int(i64),
    Text(Word),
    List(Vec<String>),
    Duration(Duration),
}

/// The flags that were set. Asking for any other gives its default.
#[derive(Clone, Debug, Default)]
pub(crate) struct Values {
    set: BTreeMap<&'static str, Value>,
}

impl Values {
    /// Whether the flag was given.
    pub(crate) fn is_set(&self, flag: &Flag) -> bool {
        self.set.contains_key(flag.name)
    }

    fn get(&self, flag: &Flag) -> Option<Value> {
        match self.set.get(flag.name) {
            Some(value) => Some(value.clone()),
            None => read(flag, flag.default.as_bytes()).ok(),
        }
    }

    pub(crate) fn switch(&self, flag: &Flag) -> bool {
        matches!(self.get(flag), Some(Value::Switch(true)))
    }

    pub(crate) fn int(&self, flag: &Flag) -> i64 {
        match self.get(flag) {
            Some(Value::Int(number)) => number,
            _ => 0,
        }
    }

    pub(crate) fn text(&self, flag: &Flag) -> String {
        match self.get(flag) {
            Some(Value::Text(text)) => String::from_utf8_lossy(&text).into_owned(),
            _ => String::new(),
        }
    }

    pub(crate) fn list(&self, flag: &Flag) -> Vec<String> {
        match self.get(flag) {
            Some(Value::List(list)) => list,
            _ => Vec::new(),
        }
    }

    pub(crate) fn duration(&self, flag: &Flag) -> Duration {
        match self.get(flag) {
            Some(Value::Duration(duration)) => duration,
            _ => Duration::ZERO,
        }
    }

    /// The value as text, for `--debug`.
    pub(crate) fn shown(&self, flag: &Flag) -> String {
        match self.get(flag) {
            Some(Value::Switch(on)) => on.to_string(),
            Some(Value::Int(number)) => number.to_string(),
            Some(Value::Text(text)) => String::from_utf8_lossy(&text).into_owned(),
            Some(Value::List(list)) => format!("[{}]", list.join(",")),
            Some(Value::Duration(time)) => duration::format(time),
            None => String::new(),
        }
    }

    /// Sets a flag from outside the command line. Tells whether the text fits the flag.
    pub(crate) fn set(&mut self, flag: &Flag, text: &[u8]) -> Result<(), String> {
        let mut value = read(flag, text)?;
        if let (Value::List(new), Some(Value::List(old))) = (&mut value, self.set.get(flag.name)) {
            new.splice(0..0, old.iter().cloned());
        }
        self.set.insert(flag.name, value);
        Ok(())
    }
}

/// What a command line says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Parsed {
    pub(crate) values: Values,
    /// The words that are not flags, without the `--`.
    pub(crate) words: Vec<Word>,
    /// How many of them came before the `--`, when there was one.
    pub(crate) before_dash: Option<usize>,
    /// `--help` or `-h` was given.
    pub(crate) help: bool,
}

/// Why a command line cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FlagError {
    /// No flag of that name; the nearest ones that exist, best first.
    Unknown { message: String, nearest: Vec<String> },
    /// A flag without its value or with one that does not fit.
    Malformed(String),
}

/// Reads a command line with these flags.
pub(crate) fn parse(flags: &[Flag], args: &[Word]) -> Result<Parsed, FlagError> {
    let mut parsed = Parsed::default();
    let mut rest = args.iter();
    while let Some(word) = rest.next() {
        if word == b"--" {
            parsed.before_dash = Some(parsed.words.len());
            parsed.words.extend(rest.cloned());
            return Ok(parsed);
        }
        if let Some(long) = word.strip_prefix(b"--") {
            parse_long(flags, word, long, &mut rest, &mut parsed)?;
        } else if word.len() > 1 && word[0] == b'-' {
            parse_short(flags, word, &mut rest, &mut parsed)?;
        } else {
            parsed.words.push(word.clone());
            continue;
        }
        if parsed.help {
            return Ok(parsed);
        }
    }
    Ok(parsed)
}

fn parse_long(
    flags: &[Flag],
    word: &[u8],
    long: &[u8],
    rest: &mut std::slice::Iter<'_, Word>,
    parsed: &mut Parsed,
) -> Result<(), FlagError> {
    if long.first().is_none_or(|first| *first == b'-' || *first == b'=') {
        return Err(FlagError::Malformed(format!("bad flag syntax: {}", String::from_utf8_lossy(word))));
    }
    let (name, attached) = split_at_equals(long);
    let name = String::from_utf8_lossy(name);
    let Some(flag) = flags.iter().find(|flag| flag.is_named(&name)) else {
        if name == "help" {
            parsed.help = true;
            return Ok(());
        }
        return Err(FlagError::Unknown {
            message: format!("unknown flag: --{name}"),
            nearest: nearest_flags(flags, &name),
        });
    };
    let value = match attached {
        Some(value) => value.to_vec(),
        None if flag.kind == Kind::Switch => b"true".to_vec(),
        None => match rest.next() {
            Some(value) => value.clone(),
            None => return Err(FlagError::Malformed(format!("flag needs an argument: --{name}"))),
        },
    };
    set(parsed, flag, &value)
}

/// Reads `-i`, `-w json`, `-wjson`, `-w=json` and clusters such as `-iw json`.
fn parse_short(
    flags: &[Flag],
    word: &[u8],
    rest: &mut std::slice::Iter<'_, Word>,
    parsed: &mut Parsed,
) -> Result<(), FlagError> {
    let mut cluster = &word[1..];
    while let Some((letter, after)) = cluster.split_first() {
        let letter = char::from(*letter);
        let shown = String::from_utf8_lossy(cluster);
        let Some(flag) = flags.iter().find(|flag| flag.short == Some(letter)) else {
            if letter == 'h' {
                parsed.help = true;
                return Ok(());
            }
            return Err(FlagError::Unknown {
                message: format!("unknown shorthand flag: {letter:?} in -{shown}"),
                nearest: Vec::new(),
            });
        };
        let value = match after {
            [b'=', value @ ..] => value.to_vec(),
            _ if flag.kind == Kind::Switch => {
                set(parsed, flag, b"true")?;
                cluster = after;
                continue;
            }
            [] => match rest.next() {
                Some(value) => value.clone(),
                None => {
                    return Err(FlagError::Malformed(format!(
                        "flag needs an argument: {letter:?} in -{shown}"
                    )));
                }
            },
            value => value.to_vec(),
        };
        return set(parsed, flag, &value);
    }
    Ok(())
}

fn set(parsed: &mut Parsed, flag: &Flag, value: &[u8]) -> Result<(), FlagError> {
    parsed.values.set(flag, value).map_err(|why| {
        let shown = String::from_utf8_lossy(value);
        FlagError::Malformed(format!("invalid argument {shown:?} for {:?} flag: {why}", flag.spelled()))
    })
}

/// Splits `name=value`.
pub(crate) fn split_at_equals(word: &[u8]) -> (&[u8], Option<&[u8]>) {
    match word.iter().position(|byte| *byte == b'=') {
        Some(at) => (&word[..at], Some(&word[at + 1..])),
        None => (word, None),
    }
}

fn read(flag: &Flag, text: &[u8]) -> Result<Value, String> {
    let shown = String::from_utf8_lossy(text);
    match flag.kind {
        Kind::Switch => read_switch(&shown).map(Value::Switch),
        Kind::Int => parse_int(&shown, Base::Detected).map(Value::Int),
        Kind::Text => Ok(Value::Text(text.to_vec())),
        Kind::List if text.is_empty() => Ok(Value::List(Vec::new())),
        Kind::List => Ok(Value::List(shown.split(',').map(str::to_owned).collect())),
        Kind::Duration => duration::parse(&shown).map(Value::Duration),
    }
}

fn read_switch(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err(format!("strconv.ParseBool: parsing {text:?}: invalid syntax")),
    }
}

/// The base a number is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Base {
    Ten,
    Sixteen,
    /// By prefix (`0x`, `0o`, `0b`, `0`), as flags have it.
    Detected,
}

/// Reads a signed 64-bit number; the error is worded as Go's.
pub(crate) fn parse_int(text: &str, base: Base) -> Result<i64, String> {
    let fail = |why: &str| format!("strconv.ParseInt: parsing {text:?}: {why}");
    let (negative, digits) = match text.as_bytes() {
        [b'-', ..] => (true, &text[1..]),
        [b'+', ..] => (false, &text[1..]),
        _ => (false, text),
    };
    let (radix, digits) = match base {
        Base::Ten => (10, digits),
        Base::Sixteen => (16, digits),
        Base::Detected => detect_base(digits),
    };
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(radix)) {
        return Err(fail("invalid syntax"));
    }
    let magnitude = i128::from_str_radix(digits, radix).map_err(|_| fail("value out of range"))?;
    let number = if negative { -magnitude } else { magnitude };
    i64::try_from(number).map_err(|_| fail("value out of range"))
}

/// Reads a lease id, which is written in hexadecimal; the error is worded as Go's.
///
/// Some guides show ids as their authors' programs printed them, in decimal. Those have more digits than fit when they
/// are taken for hexadecimal, so nothing else can be meant.
pub(crate) fn parse_lease_id(text: &str) -> Result<i64, String> {
    parse_int(text, Base::Sixteen).or_else(|why| match text.len() > HEX_DIGITS_MAX {
        true => parse_int(text, Base::Ten).map_err(|_| why),
        false => Err(why),
    })
}

/// Digits of the largest lease id in hexadecimal.
const HEX_DIGITS_MAX: usize = 16;

/// Reads a member id, which is written in hexadecimal; the error is worded as Go's.
pub(crate) fn parse_member_id(text: &str) -> Result<u64, String> {
    let fail = |why: &str| format!("strconv.ParseUint: parsing {text:?}: {why}");
    if text.is_empty() || !text.chars().all(|digit| digit.is_ascii_hexdigit()) {
        return Err(fail("invalid syntax"));
    }
    u64::from_str_radix(text, 16).map_err(|_| fail("value out of range"))
}

fn detect_base(digits: &str) -> (u32, &str) {
    let lower = digits.get(..2).map(str::to_ascii_lowercase);
    match lower.as_deref() {
        Some("0x") => (16, &digits[2..]),
        Some("0o") => (8, &digits[2..]),
        Some("0b") => (2, &digits[2..]),
        _ if digits.len() > 1 && digits.starts_with('0') => (8, &digits[1..]),
        _ => (10, digits),
    }
}

/// How many letters a misspelling may be off and still be suggested.
const SUGGEST_WITHIN: usize = 3;

fn nearest_flags(flags: &[Flag], typed: &str) -> Vec<String> {
    let mut near: Vec<(usize, &str)> = flags
        .iter()
        .map(|flag| (strsim::damerau_levenshtein(typed, flag.name), flag.name))
        .filter(|(distance, name)| {
            *distance <= SUGGEST_WITHIN && *distance < name.len() || name.contains(typed)
        })
        .collect();
    near.sort_unstable();
    near.into_iter().map(|(_, name)| format!("--{name}")).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const LIMIT: Flag = Flag::int("limit", "");
    const PREFIX: Flag = Flag::switch("prefix", "");
    const WRITE: Flag = Flag::text("write-out", "").short('w').or("simple");
    const LISTEN: Flag = Flag::switch("listen", "").short('l');
    const ENDPOINTS: Flag = Flag::list("endpoints", "").or("127.0.0.1:2379");
    const WAIT: Flag = Flag::duration("dial-timeout", "").or("2s");
    const FLAGS: &[Flag] = &[LIMIT, PREFIX, WRITE, LISTEN, ENDPOINTS, WAIT];

    fn words(line: &str) -> Vec<Word> {
        line.split(' ').filter(|word| !word.is_empty()).map(|word| word.as_bytes().to_vec()).collect()
    }

    fn read_line(line: &str) -> Parsed {
        parse(FLAGS, &words(line)).unwrap()
    }

    fn refused(line: &str) -> String {
        match parse(FLAGS, &words(line)).unwrap_err() {
            FlagError::Unknown { message, .. } | FlagError::Malformed(message) => message,
        }
    }

    #[test]
    fn flags_may_stand_anywhere() {
        let parsed = read_line("a --prefix b --limit 5 c");
        assert_eq!(parsed.words, words("a b c"));
        assert!(parsed.values.switch(&PREFIX));
        assert_eq!(parsed.values.int(&LIMIT), 5);
    }

    #[test]
    fn a_switch_is_turned_off_with_an_equals_sign_only() {
        assert!(!read_line("--prefix=false").values.switch(&PREFIX));
        let parsed = read_line("--prefix false");
        assert!(parsed.values.switch(&PREFIX));
        assert_eq!(parsed.words, words("false"));
    }

    #[test]
    fn short_flags_take_their_value_in_three_spellings() {
        for line in ["-w json", "-wjson", "-w=json", "-lw json", "--write-out=json", "--write-out json"] {
            assert_eq!(read_line(line).values.text(&WRITE), "json", "{line}");
        }
        assert_eq!(read_line("x").values.text(&WRITE), "simple");
    }

    #[test]
    fn a_value_may_look_like_a_flag() {
        assert_eq!(read_line("--limit -1").values.int(&LIMIT), -1);
        assert_eq!(read_line("-w --prefix").values.text(&WRITE), "--prefix");
    }

    #[test]
    fn two_dashes_end_the_flags() {
        let parsed = read_line("a -- --prefix -- b");
        assert_eq!(parsed.words, words("a --prefix -- b"));
        assert_eq!(parsed.before_dash, Some(1));
        assert_eq!(read_line("- a").words, words("- a"));
    }

    #[test]
    fn lists_add_up_and_replace_the_default() {
        let parsed = read_line("--endpoints=a,b --endpoints c");
        assert_eq!(parsed.values.list(&ENDPOINTS), ["a", "b", "c"]);
        assert_eq!(read_line("").values.list(&ENDPOINTS), ["127.0.0.1:2379"]);
    }

    #[test]
    fn refusals_are_worded_as_pflag_words_them() {
        assert_eq!(refused("--foo"), "unknown flag: --foo");
        assert_eq!(refused("--foo=1"), "unknown flag: --foo");
        assert_eq!(refused("-xyz"), "unknown shorthand flag: 'x' in -xyz");
        assert_eq!(refused("--limit"), "flag needs an argument: --limit");
        assert_eq!(refused("-w"), "flag needs an argument: 'w' in -w");
        assert_eq!(refused("--=x"), "bad flag syntax: --=x");
        assert_eq!(
            refused("--limit x"),
            r#"invalid argument "x" for "--limit" flag: strconv.ParseInt: parsing "x": invalid syntax"#
        );
        assert_eq!(
            refused("--prefix=maybe"),
            r#"invalid argument "maybe" for "--prefix" flag: strconv.ParseBool: parsing "maybe": invalid syntax"#
        );
        assert_eq!(
            refused("--dial-timeout 5"),
            r#"invalid argument "5" for "--dial-timeout" flag: time: missing unit in duration "5""#
        );
    }

    #[test]
    fn an_unknown_flag_names_the_nearest() {
        let error = parse(FLAGS, &words("--prefx")).unwrap_err();
        let FlagError::Unknown { nearest, .. } = error else { panic!("{error:?}") };
        assert_eq!(nearest, ["--prefix"]);
    }

    #[test]
    fn lease_ids_are_hexadecimal_unless_they_cannot_be() {
        assert_eq!(parse_lease_id("694d930bd89d3a0b"), Ok(0x694d_930b_d89d_3a0b));
        assert_eq!(parse_lease_id("1234"), Ok(0x1234));
        assert_eq!(parse_lease_id("7528568867886775889"), Ok(7_528_568_867_886_775_889));
        let too_large = "strconv.ParseInt: parsing \"99999999999999999999\": value out of range";
        assert_eq!(parse_lease_id("99999999999999999999").unwrap_err(), too_large);
    }

    #[test]
    fn older_spellings_are_understood() {
        const FORMAT: Flag = Flag::text("write-out", "").once("output");
        let parsed = parse(&[FORMAT], &words("--output=json")).unwrap();
        assert_eq!(parsed.values.text(&FORMAT), "json");
    }

    #[test]
    fn numbers_are_read_in_their_base() {
        assert_eq!(parse_int("7fffffffffffffff", Base::Sixteen), Ok(i64::MAX));
        assert_eq!(parse_int("-8000000000000000", Base::Sixteen), Ok(i64::MIN));
        assert_eq!(parse_int("0x10", Base::Detected), Ok(16));
        assert_eq!(parse_int("010", Base::Detected), Ok(8));
        assert_eq!(parse_int("0", Base::Detected), Ok(0));
        assert_eq!(
            parse_int("8000000000000000", Base::Sixteen).unwrap_err(),
            r#"strconv.ParseInt: parsing "8000000000000000": value out of range"#
        );
        for bad in ["", "-", "+", "1x", " 1", "--1", "0x"] {
            assert!(parse_int(bad, Base::Ten).unwrap_err().ends_with("invalid syntax"), "{bad:?}");
        }
    }
}

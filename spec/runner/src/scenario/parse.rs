//! Reads the text of scenarios.
//!
//! ```text
//! scenario: a put answers the revision of its write
//! api: KV.Put
//! A: put foo 1 -> rev=+1
//! A: get foo -> count=1 | foo=1 create=+1 version=1
//! A: put "" x -> error InvalidArgument "etcdserver: key is not provided"
//! ```

use anyhow::{Context as _, Result, anyhow, bail};

use super::{Condition, Expect, Op, Scenario, Step};

pub(crate) fn parse(area: &str, text: &str) -> Result<Vec<Scenario>> {
    let mut scenarios: Vec<Scenario> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with("//") {
            continue;
        }
        let (head, rest) = line.split_once(':').ok_or_else(|| anyhow!("line {}: no ':'", number + 1))?;
        let rest = rest.trim();
        if head == "scenario" {
            scenarios.push(Scenario { name: rest.to_owned(), area: area.to_owned(), ..Scenario::default() });
            continue;
        }
        let scenario =
            scenarios.last_mut().ok_or_else(|| anyhow!("line {}: before any scenario", number + 1))?;
        let list = || rest.split(',').map(|item| item.trim().to_owned()).collect::<Vec<_>>();
        match head {
            "api" => scenario.apis = list(),
            "only" => scenario.only = list(),
            "needs" => scenario.needs = list(),
            "single" if rest.is_empty() => bail!("line {}: say why it needs a single member", number + 1),
            "single" => scenario.single = Some(rest.to_owned()),
            "pairs" => scenario.pairs = list(),
            "flags" => scenario.flags = rest.split_ascii_whitespace().map(str::to_owned).collect(),
            "miss" => scenario.miss = list().iter().map(|n| n.parse()).collect::<Result<_, _>>()?,
            client => {
                let step =
                    step(number + 1, client, rest).with_context(|| format!("line {}: {line}", number + 1))?;
                scenario.steps.push(step);
            }
        }
    }
    for scenario in &mut scenarios {
        scenario.says = super::says::says(&scenario.steps);
    }
    Ok(scenarios)
}

fn step(line: usize, client: &str, rest: &str) -> Result<Step> {
    let (action, expect) = match rest.split_once(" -> ") {
        Some((action, expect)) => (action, parse_expect(expect.trim())?),
        None => (rest, Expect::Ok { head: Vec::new(), items: None }),
    };
    let mut words: Vec<String> = action.split_ascii_whitespace().map(str::to_owned).collect();
    let until = words.first().is_some_and(|word| word == "until");
    if until {
        words.remove(0);
    }
    let mut repeat = 1;
    if let Some(count) = words.first().and_then(|word| word.strip_suffix('*')) {
        repeat = count.parse().context("repeat count")?;
        words.remove(0);
    }
    let background = words.last().is_some_and(|word| word == "&");
    if background {
        words.pop();
    }
    if words.is_empty() {
        bail!("no verb");
    }
    let verb = words.remove(0);
    let (client, text) = (client.to_owned(), format!("{client}: {rest}"));
    Ok(Step { line, text, client, verb, words, background, until, repeat, expect })
}

fn parse_expect(text: &str) -> Result<Expect> {
    if let Some(error) = text.strip_prefix("error ") {
        let (codes, message) = match error.split_once(' ') {
            Some((codes, message)) => (codes, Some(unquote(message)?)),
            None => (error, None),
        };
        return Ok(Expect::Error { codes: codes.split('|').map(str::to_owned).collect(), message });
    }
    let mut parts = text.split(" | ");
    let first = parts.next().unwrap_or_default();
    // A line may begin with its list: `-> | a=1`.
    let (first, leading) = match first.strip_prefix("| ") {
        Some(item) => ("", Some(item)),
        None => (first, None),
    };
    let head = first.split_ascii_whitespace().map(condition).collect::<Result<Vec<_>>>()?;
    let items: Vec<Vec<String>> = leading
        .into_iter()
        .chain(parts)
        .map(|item| item.split_ascii_whitespace().map(str::to_owned).collect())
        .collect();
    let items = match items.as_slice() {
        [] => None,
        [only] if only.len() == 1 && only[0] == "none" => Some(Vec::new()),
        _ => Some(items),
    };
    Ok(Expect::Ok { head, items })
}

fn unquote(text: &str) -> Result<String> {
    let inner = text.trim().strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    inner.map(str::to_owned).ok_or_else(|| anyhow!("the message must stand in quotes: {text}"))
}

/// Reads `name=value`, `name!=value`, `name<=value` and so on.
pub(crate) fn condition(word: &str) -> Result<Condition> {
    let at = word.find(['=', '!', '<', '>']).ok_or_else(|| anyhow!("{word:?} is not name=value"))?;
    let (name, rest) = word.split_at(at);
    let (op, length) = match (rest.as_bytes()[0], rest.as_bytes().get(1)) {
        (b'!', Some(b'=')) => (Op::NotEqual, 2),
        (b'<', Some(b'=')) => (Op::AtMost, 2),
        (b'>', Some(b'=')) => (Op::AtLeast, 2),
        (b'=', _) => (Op::Equal, 1),
        (b'<', _) => (Op::Less, 1),
        (b'>', _) => (Op::Greater, 1),
        _ => bail!("{word:?} has no comparison"),
    };
    Ok(Condition { name: name.to_owned(), op, value: rest[length..].to_owned() })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_scenario_reads_as_written() {
        let text = "scenario: one\napi: KV.Put, KV.Range\nmiss: 5\nA: put a 1 -> rev=+1\n// why\nB: until get a -> count>=1 | a=1\n";
        let scenarios = parse("kv", text).unwrap();
        let scenario = &scenarios[0];
        assert_eq!((scenario.name.as_str(), scenario.steps.len(), scenario.miss[0]), ("one", 2, 5));
        assert!(scenario.steps[1].until && !scenario.steps[0].until);
        let Expect::Ok { head, items } = &scenario.steps[1].expect else { panic!("not ok") };
        assert_eq!((head[0].op, items.as_ref().unwrap().len()), (Op::AtLeast, 1));
    }

    #[test]
    fn an_error_is_codes_and_message() {
        let Expect::Error { codes, message } = parse_expect("error NotFound|Unknown \"no: such\"").unwrap()
        else {
            panic!("not an error")
        };
        assert_eq!((codes.len(), message.as_deref()), (2, Some("no: such")));
    }

    #[test]
    fn none_is_an_empty_list() {
        let Expect::Ok { items, .. } = parse_expect("count=0 | none").unwrap() else { panic!("not ok") };
        assert_eq!(items.unwrap().len(), 0);
    }
}

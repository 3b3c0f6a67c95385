//! What a scenario says of an SDK's API: `put.ignore_value`, `txn.get.limit`, `campaign`. A driver's row in the
//! table names by these words what its SDK has no way to say, so that no scenario has to know the languages.

use std::collections::BTreeSet;

use super::Step;
use crate::play::positional;

/// Verbs of the scenario language itself.
const OWN_VERBS: &[&str] = &["expect", "await", "pending", "close"];

/// Every verb, and every word a verb takes, of the steps that an SDK performs.
pub(super) fn says(steps: &[Step]) -> BTreeSet<String> {
    let mut said = BTreeSet::new();
    for step in steps {
        let by_sdk = step.client != "server" && step.client != "wire";
        if !by_sdk || OWN_VERBS.contains(&step.verb.as_str()) {
            continue;
        }
        said.insert(step.verb.clone());
        match step.verb.as_str() {
            "txn" => transaction(&step.words, &mut said),
            verb => words(verb, &step.words, &mut said),
        }
    }
    said
}

/// `get.limit` and `get.order=none` for `get a limit=2 order=none`; `del.prev+prefix` for both in one step.
fn words(verb: &str, words: &[String], said: &mut BTreeSet<String>) {
    let named: Vec<&str> = words.iter().skip(positional(verb).len()).map(String::as_str).collect();
    let mut names: Vec<&str> =
        named.iter().map(|word| word.split_once('=').unwrap_or((word, "")).0).collect();
    for (word, name) in named.iter().zip(&names) {
        said.insert(format!("{verb}.{name}"));
        said.insert(format!("{verb}.{word}"));
    }
    names.sort_unstable();
    for (index, first) in names.iter().enumerate() {
        for second in &names[index + 1..] {
            said.insert(format!("{verb}.{first}+{second}"));
        }
    }
}

/// `txn.if.lease`, `txn.get.limit`, `txn.nested`.
fn transaction(words: &[String], said: &mut BTreeSet<String>) {
    let mut comparing = false;
    for word in words {
        match word.as_str() {
            "if" => comparing = true,
            "then" | "else" | ")" => comparing = false,
            "(" => {
                said.insert("txn.nested".to_owned());
            }
            "nil" => {
                said.insert("txn.nil".to_owned());
            }
            word => {
                let Some((head, rest)) = word.split_once('(') else { continue };
                let head = head.rsplit_once('*').map_or(head, |(_, head)| head);
                let kind = if comparing { format!("txn.if.{head}") } else { format!("txn.{head}") };
                let inside = rest.split_once(')').map_or(rest, |(inside, _)| inside);
                let plain = if head == "put" && !comparing { 2 } else { 1 };
                for part in inside.split(',').skip(plain) {
                    let name = part.split_once('=').map_or(part, |(name, _)| name);
                    said.insert(format!("{kind}.{name}"));
                }
                said.insert(kind);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use crate::scenario::parse;

    #[test]
    fn verbs_and_their_words_are_said() {
        let text = "scenario: x\nA: get a limit=2 order=none\nA: 3* put k# v ignore_value\nwire: leases\nB: expect W PUT";
        let said = &parse("kv", text).unwrap()[0].says;
        for word in ["get", "get.limit", "get.order=none", "get.limit+order", "put.ignore_value"] {
            assert!(said.contains(word), "{word} in {said:?}");
        }
        assert!(!said.contains("leases") && !said.contains("expect"));
    }

    #[test]
    fn transactions_are_looked_into() {
        let text = "scenario: x\nA: txn if lease(a)=0 value(b,prefix)=1 then 2*get(k,limit=2) ( then put(a,1,prev) )";
        let said = &parse("txn", text).unwrap()[0].says;
        for word in ["txn.if.lease", "txn.if.value.prefix", "txn.get.limit", "txn.nested", "txn.put.prev"] {
            assert!(said.contains(word), "{word} in {said:?}");
        }
    }
}

//! `txn`: reads a transaction from stdin, line by line.

mod compare;

use std::io::BufRead;

use etcdkit::{Compare, Txn, TxnOp};

use super::output::Answer;
use super::session::{Call, failed};
use super::wire;
use super::{del, get, put};
use crate::console::failure::{Exit, Failure, Outcome};
use crate::console::flags::{Flag, Word};
use crate::console::tree::{self, Command, Group};
use crate::console::words;

const INTERACTIVE: Flag = Flag::switch("interactive", "say what is to be typed next").short('i');

pub(super) const COMMAND: Command = Command {
    name: "txn",
    summary: "Runs several requests as one transaction",
    details: "Reads a transaction from stdin and runs it: compares, an empty line, the requests for when all of them\n\
              hold, an empty line, the requests for when one does not, an empty line.\n\n\
              A compare is TARGET(\"key\") OP \"value\" with one of = != < > and one of the targets value (val),\n\
              version (ver), create (c), mod (m) and lease. A request is a get, put or del command.",
    examples: &[
        "$0 txn -i",
        "compares:",
        "value(\"user1\") = \"bad\"",
        "",
        "success requests (get, put, del):",
        "del user1",
        "",
        "failure requests (get, put, del):",
        "put user1 good",
        "",
    ],
    group: Group::KeyValue,
    flags: &[INTERACTIVE],
    run: Some(|call| Box::pin(run(call))),
    ..Command::BLANK
};

/// The commands a request line may hold.
static REQUESTS: Command =
    Command { name: "txn", commands: &[put::COMMAND, get::COMMAND, del::COMMAND], ..Command::BLANK };

async fn run(call: Call) -> Outcome {
    if !call.words.is_empty() {
        return Err(Failure::bad_args("txn command does not accept argument"));
    }
    let interactive = call.values.switch(&INTERACTIVE);
    let session = call.open()?;
    let client = session.client().await?;
    let txn = read(&mut std::io::stdin().lock(), interactive).await?;
    let answer = client.txn(txn).await.map_err(failed)?;
    session.print(&Answer::Txn(&wire::txn(&answer)))
}

async fn read(input: &mut impl BufRead, interactive: bool) -> Outcome<Txn> {
    prompt(interactive, "compares:")?;
    let mut compares: Vec<Compare> = Vec::new();
    while let Some(line) = next_line(input)? {
        compares.push(compare::parse(&line)?);
    }
    prompt(interactive, "success requests (get, put, del):")?;
    let success = read_requests(input).await?;
    prompt(interactive, "failure requests (get, put, del):")?;
    let failure = read_requests(input).await?;
    Ok(Txn::new().when(compares).and_then(success).or_else(failure))
}

fn prompt(interactive: bool, text: &str) -> Outcome {
    if interactive { crate::console::print(&format!("{text}\n")) } else { Ok(()) }
}

async fn read_requests(input: &mut impl BufRead) -> Outcome<Vec<TxnOp>> {
    let mut requests = Vec::new();
    while let Some(line) = next_line(input)? {
        requests.push(parse_request(&line).await?);
    }
    Ok(requests)
}

/// The next line of a section without the space around it; `None` at the empty line that closes the section.
fn next_line(input: &mut impl BufRead) -> Outcome<Option<Word>> {
    let mut line = Vec::new();
    input.read_until(b'\n', &mut line)?;
    if line.last() != Some(&b'\n') {
        return Err(invalid(
            "EOF (a transaction is three sections, each closed by an empty line: compares, requests for success, \
             requests for failure)",
        ));
    }
    let line = line.trim_ascii();
    Ok((!line.is_empty()).then(|| line.to_vec()))
}

fn invalid(message: impl std::fmt::Display) -> Failure {
    Failure::new(Exit::InvalidInput, message)
}

async fn parse_request(line: &[u8]) -> Outcome<TxnOp> {
    let shown = String::from_utf8_lossy(line);
    let words = words::split(line).map_err(invalid)?;
    if words.len() < 2 {
        return Err(invalid(format!("invalid txn compare request: {shown}")));
    }
    let malformed = || invalid(format!("invalid txn request: {shown}"));
    let found = tree::find(&REQUESTS, words);
    let parsed = tree::read_flags(&found).map_err(|_| malformed())?;
    let (values, words) = (&parsed.values, &parsed.words);
    match found.command().name {
        _ if parsed.help => Err(malformed()),
        "put" => {
            // Stdin holds the transaction, so there is no value to be had from it.
            let request = put::request(values, words, || None)?;
            Ok(TxnOp::put(request.key, request.value, Some(request.options)))
        }
        "get" => {
            let request = get::request(values, words)?;
            Ok(TxnOp::get(request.key, Some(request.options)))
        }
        "del" => {
            let request = del::request(values, words)?;
            del::confirm_range(values, words).await;
            Ok(TxnOp::delete(request.key, Some(request.options)))
        }
        _ => Err(malformed()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use proptest::prelude::*;

    fn read_text(text: &[u8]) -> Outcome<Txn> {
        // The clock is paused: the warning about a range of two arguments must not make the test wait.
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(read(&mut &*text, false))
    }

    fn refused(text: &str) -> (Exit, String) {
        let failure = read_text(text.as_bytes()).err().unwrap();
        (failure.exit, failure.message.unwrap())
    }

    #[test]
    fn three_sections_make_a_transaction() {
        read_text(b"value(\"user1\") = \"bad\"\n\ndel user1\n\nput user1 good\n\n").unwrap();
        read_text(b"\n\n\n").unwrap();
        read_text(
            b"  mod(\"a\") > \"0\"  \n\n  put a \"b c\" --prev-kv \nget a --prefix\nd a b --range\n\n\n",
        )
        .unwrap();
    }

    #[test]
    fn a_section_that_is_not_closed_is_refused() {
        for text in ["", "\n", "\n\n", "\n\nput a b\n", "\n\n\nput a b"[..3].trim_end_matches('\n')] {
            let (exit, message) = refused(text);
            assert_eq!(exit, Exit::InvalidInput, "{text:?}");
            assert!(message.starts_with("EOF"), "{text:?}: {message}");
        }
    }

    #[test]
    fn bad_requests_are_refused_as_etcdctl_refuses_them() {
        for (line, exit, message) in [
            ("get", Exit::InvalidInput, "invalid txn compare request: get"),
            ("put k", Exit::BadArgs, put_needs()),
            ("zip a b", Exit::InvalidInput, "invalid txn request: zip a b"),
            ("get a --bad", Exit::InvalidInput, "invalid txn request: get a --bad"),
            ("get a -w json", Exit::InvalidInput, "invalid txn request: get a -w json"),
            ("get a --help", Exit::InvalidInput, "invalid txn request: get a --help"),
            (r#"put "\q" x"#, Exit::InvalidInput, "invalid syntax"),
            ("get a --order=x", Exit::BadFeature, "bad sort order x"),
        ] {
            assert_eq!(refused(&format!("\n{line}\n\n\n")), (exit, message.to_owned()), "{line}");
        }
    }

    fn put_needs() -> &'static str {
        "put command needs 1 argument and input from stdin or 2 arguments"
    }

    proptest! {
        #[test]
        fn no_input_panics(text: Vec<u8>) {
            let _ = read_text(&text);
        }

        #[test]
        fn no_request_panics(line in r#"(put|get|del|p|--|-| |"|'|\\|[a-z=]{1,8}|--(prefix|rev|limit|lease|order)){0,12}"#) {
            let _ = read_text(format!("\n{line}\n\n\n").as_bytes());
        }
    }
}

//! Asks for passwords: at a terminal without showing them, from a pipe as its next line.

use std::io::{IsTerminal as _, Read as _, Write as _};

use super::failure::{Exit, Failure, Outcome};

/// Longest password taken from stdin: far above any password, and a wrong file piped in does not fill the memory.
const PASSWORD_BYTES_MAX: usize = 64 * 1024;

/// Asks for a password; the prompt goes to stdout, as with etcdctl.
pub(crate) fn ask(prompt: &str) -> Outcome<String> {
    let mut stdout = std::io::stdout();
    write!(stdout, "{prompt}")?;
    stdout.flush()?;
    if std::io::stdin().is_terminal() {
        let read = rpassword::read_password();
        return read.map(|password| password.trim().to_owned()).map_err(unreadable);
    }
    let line = next_line()?;
    writeln!(stdout)?;
    Ok(line.trim().to_owned())
}

/// Asks twice for the password that a user is to get.
pub(crate) fn ask_twice(user: &str) -> Outcome<String> {
    let password = ask(&format!("Password of {user}: "))?;
    if password.is_empty() {
        return Err(Failure::bad_args("empty password"));
    }
    match ask(&format!("Type password of {user} again for confirmation: "))? == password {
        true => Ok(password),
        false => Err(Failure::bad_args("given passwords are different")),
    }
}

/// The first word of stdin's next line, without a prompt; empty when there is none.
pub(crate) fn word_of_stdin() -> Outcome<String> {
    Ok(next_line()?.split_whitespace().next().unwrap_or_default().to_owned())
}

/// Reads byte by byte, so that the line after this one is still there for who reads next.
fn next_line() -> Outcome<String> {
    let mut line = Vec::new();
    let mut byte = [0];
    let mut stdin = std::io::stdin().lock();
    while line.len() < PASSWORD_BYTES_MAX && stdin.read(&mut byte)? == 1 && byte != *b"\n" {
        line.push(byte[0]);
    }
    String::from_utf8(line)
        .map_err(|_| Failure::new(Exit::BadArgs, "failed to ask password: it is not UTF-8 text"))
}

fn unreadable(error: std::io::Error) -> Failure {
    Failure::bad_args(format!("failed to ask password: {error}"))
}

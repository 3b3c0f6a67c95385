//! `edit`: opens the value of a key in an editor. A command of etcdkit, not of etcdctl.

use std::ffi::OsString;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command as Child;

use etcdkit::{Compare, CompareOp, KeyValue, PutOptions, Txn, TxnOp};

use super::session::{Call, failed};
use crate::console::failure::{Failure, Outcome};
use crate::console::print;
use crate::console::tree::Command;

pub(super) const COMMAND: Command = Command {
    name: "edit",
    arguments: "<key>",
    summary: "Opens the value of a key in $EDITOR",
    details: "Opens the value of a key in $VISUAL or $EDITOR and writes back what was saved, unless the key was changed\n\
              meanwhile; then the edited text is kept in its file. The key keeps its lease.",
    examples: &["EDITOR=nano $0 edit /config/app.yaml"],
    hidden: true,
    run: Some(|call| Box::pin(run(call))),
    ..Command::BLANK
};

async fn run(call: Call) -> Outcome {
    let [key] = call.words.as_slice() else { return Err(Failure::bad_args("edit command needs one key")) };
    let key = key.clone();
    let session = call.open()?;
    let client = session.client().await?;
    let seen = client.get(key.clone(), None).await.map_err(failed)?;
    let pair = seen.kvs().first();
    let before = pair.map(KeyValue::value).unwrap_or_default().to_vec();

    let file = scratch_file(&before)?;
    open_editor(&file)?;
    let after = without_added_newline(&before, std::fs::read(&file)?);
    if after == before {
        remove(&file);
        return print("unchanged\n");
    }
    let unchanged =
        Compare::mod_revision(key.clone(), CompareOp::Equal, pair.map_or(0, KeyValue::mod_revision));
    let put = PutOptions::new().with_lease(pair.map_or(0, KeyValue::lease));
    let txn = Txn::new().when(vec![unchanged]).and_then(vec![TxnOp::put(key, after, Some(put))]);
    let written = client.txn(txn).await.map_err(|error| {
        let failure = failed(error);
        let why = failure.message.unwrap_or_default();
        Failure { message: Some(format!("{why}; the edited text is in {}", file.display())), ..failure }
    })?;
    if !written.succeeded() {
        return Err(Failure::error(format!(
            "the key was changed meanwhile and is left as it is; the edited text is in {}",
            file.display()
        )));
    }
    remove(&file);
    print("OK\n")
}

/// A file that only its owner can read, with the value in it.
fn scratch_file(value: &[u8]) -> Outcome<PathBuf> {
    let name = format!("etcdkit-edit-{:016x}", rand::random::<u64>());
    let path = std::env::temp_dir().join(name);
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(&path)?.write_all(value)?;
    Ok(path)
}

/// Nobody is harmed by a file that stays in the folder for such files.
fn remove(file: &Path) {
    let _ = std::fs::remove_file(file);
}

fn open_editor(file: &Path) -> Outcome {
    let named = ["VISUAL", "EDITOR"].into_iter().find_map(std::env::var_os);
    let editor = named.filter(|editor| !editor.is_empty()).unwrap_or_else(|| OsString::from("vi"));
    let shown = editor.to_string_lossy().into_owned();
    // The variable may hold flags too, such as `code --wait`.
    let mut words = shown.split_whitespace();
    let program = words.next().unwrap_or("vi");
    let ended = Child::new(program).args(words).arg(file).status();
    match ended {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => Err(Failure::error(format!(
            "{shown} failed; nothing was written, the text is in {}",
            file.display()
        ))),
        Err(error) => Err(Failure::error(format!("cannot run the editor {shown}: {error}; set EDITOR"))),
    }
}

/// Editors end the last line; a value that had no such end keeps having none.
fn without_added_newline(before: &[u8], mut after: Vec<u8>) -> Vec<u8> {
    if before.last() != Some(&b'\n') && after.last() == Some(&b'\n') {
        after.pop();
    }
    after
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newline_of_the_editor_is_not_a_change() {
        assert_eq!(without_added_newline(b"a", b"a\n".to_vec()), b"a");
        assert_eq!(without_added_newline(b"a\n", b"a\n".to_vec()), b"a\n");
        assert_eq!(without_added_newline(b"", b"b\nc\n".to_vec()), b"b\nc");
    }
}

//! Lets a test decide at which named places a member dies or stalls.
//!
//! For that, three things have to come together, none of which happens by accident: a variable that names a file, the file,
//! and its first line. The file is read again whenever it changes. Each further line is `NAME die` or `NAME stall MS`; a
//! file without any disarms all.

use std::path::PathBuf;
use std::time::Duration;

use etcdkit_server::fail_point::{self, Action};

/// Names the file.
const VARIABLE: &str = "ETCDKIT_TEST_FAIL_POINTS";
/// The file's first line.
const TITLE: &str = "etcdkit fail points, for tests only";
/// How soon a change is noticed.
const LOOK_PAUSE: Duration = Duration::from_millis(5);

/// Begins to follow the file, if the environment names one.
pub(super) fn follow() {
    let Some(path) = std::env::var_os(VARIABLE).map(PathBuf::from) else { return };
    tracing::warn!(path = %path.display(), "this member takes fail points from a file: it is a test");
    let following = move || {
        let mut known = String::new();
        loop {
            // A file that is being written has no title yet, or half a line: it is looked at again.
            if let Ok(text) = std::fs::read_to_string(&path)
                && text != known
                && text.ends_with('\n')
            {
                if let Err(error) = parse(&text).and_then(|actions| fail_point::arm(&actions)) {
                    tracing::error!(error, path = %path.display(), "the fail points cannot be read");
                }
                known = text;
            }
            std::thread::sleep(LOOK_PAUSE);
        }
    };
    if let Err(error) = std::thread::Builder::new().name("fail-points".to_owned()).spawn(following) {
        tracing::error!(%error, "the fail points cannot be followed");
    }
}

fn parse(text: &str) -> Result<Vec<(String, Action)>, String> {
    let mut lines = text.lines();
    if lines.next() != Some(TITLE) {
        return Err(format!("the first line is not {TITLE:?}"));
    }
    lines.map(parse_line).collect()
}

fn parse_line(line: &str) -> Result<(String, Action), String> {
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    match words[..] {
        [name, "die"] => Ok((name.to_owned(), Action::Die)),
        [name, "stall", time] => {
            let time = time.parse().map_err(|error| format!("{line}: {error}"))?;
            Ok((name.to_owned(), Action::Stall(Duration::from_millis(time))))
        }
        _ => Err(format!("{line:?} is not NAME die or NAME stall MS")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_the_title_arms_nothing() {
        assert!(parse("raftAfterSave die\n").is_err());
        assert_eq!(parse(&format!("{TITLE}\n")), Ok(Vec::new()));
        let stall = Action::Stall(Duration::from_millis(7));
        assert_eq!(
            parse(&format!("{TITLE}\na die\nb stall 7\n")),
            Ok(vec![("a".into(), Action::Die), ("b".into(), stall)])
        );
        assert!(parse(&format!("{TITLE}\na explode\n")).is_err());
    }
}

//! Lets a test decide at which named places a member dies or stalls, what is wrong with its disk, and what its clock says.
//!
//! For that, three things have to come together, none of which happens by accident: a variable that names a file, the file,
//! and its first line. The file is read again whenever it changes, and says all that is to be so from then on:
//!
//! ```text
//! NAME die            the member dies at this place
//! NAME die-at N       it dies there the N-th time
//! NAME stall MS       whoever passes this place waits so long
//! disk writes-fail    of an error of the device
//! disk full           writes fail for want of room
//! disk syncs-fail
//! disk syncs-stall MS
//! clock MS            the clock on the wall is wrong by so much
//! ```

use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use etcdkit_server::clock;
use etcdkit_server::fail_point::{self, Action};
use etcdkit_server::io::disk::DiskIo;
use etcdkit_server::io::faulty::{Faults, FaultyIo};

/// Names the file.
const VARIABLE: &str = "ETCDKIT_TEST_FAIL_POINTS";
/// The file's first line.
const TITLE: &str = "etcdkit fail points, for tests only";
/// How soon a change is noticed.
const LOOK_PAUSE: Duration = Duration::from_millis(5);

/// What the file asks for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Asked {
    actions: Vec<(String, Action)>,
    disk: Faults,
    clock_ms: i64,
}

/// Begins to follow the file, if the environment names one; then with the disk that can fail.
pub(super) fn follow() -> Option<FaultyIo> {
    let path = std::env::var_os(VARIABLE).map(PathBuf::from)?;
    tracing::warn!(path = %path.display(), "this member takes fail points from a file: it is a test");
    let disk = FaultyIo::around(Arc::new(DiskIo));
    let failing = disk.clone();
    let following = move || {
        let mut known = String::new();
        loop {
            // A file that is being written has no title yet, or half a line: it is looked at again.
            if let Ok(text) = std::fs::read_to_string(&path)
                && text != known
                && text.ends_with('\n')
            {
                if let Err(error) = parse(&text).and_then(|asked| arm(asked, &failing)) {
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
    Some(disk)
}

fn arm(asked: Asked, disk: &FaultyIo) -> Result<(), String> {
    fail_point::arm(&asked.actions)?;
    disk.set(asked.disk);
    clock::shift_wall(asked.clock_ms);
    Ok(())
}

fn parse(text: &str) -> Result<Asked, String> {
    let mut lines = text.lines();
    if lines.next() != Some(TITLE) {
        return Err(format!("the first line is not {TITLE:?}"));
    }
    let mut asked = Asked::default();
    lines.try_for_each(|line| parse_line(line, &mut asked))?;
    Ok(asked)
}

fn parse_line(line: &str, asked: &mut Asked) -> Result<(), String> {
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let milliseconds = |text: &str| text.parse::<u64>().map_err(|error| format!("{line}: {error}"));
    match words[..] {
        ["disk", "writes-fail"] => asked.disk.writes_fail = Some(ErrorKind::Other),
        ["disk", "full"] => asked.disk.writes_fail = Some(ErrorKind::StorageFull),
        ["disk", "syncs-fail"] => asked.disk.syncs_fail = Some(ErrorKind::Other),
        ["disk", "syncs-stall", time] => asked.disk.sync_pause = Duration::from_millis(milliseconds(time)?),
        ["clock", shift] => {
            asked.clock_ms = shift.parse().map_err(|error| format!("{line}: {error}"))?;
        }
        [name, "die"] => asked.actions.push((name.to_owned(), Action::Die)),
        [name, "die-at", number] => {
            let number = number.parse().map_err(|error| format!("{line}: {error}"))?;
            asked.actions.push((name.to_owned(), Action::DieAt(number)));
        }
        [name, "stall", time] => {
            asked.actions.push((name.to_owned(), Action::Stall(Duration::from_millis(milliseconds(time)?))));
        }
        _ => return Err(format!("{line:?} is not understood")),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn actions(text: &str) -> Result<Vec<(String, Action)>, String> {
        parse(&format!("{TITLE}\n{text}")).map(|asked| asked.actions)
    }

    #[test]
    fn a_file_without_the_title_arms_nothing() {
        assert!(parse("raftAfterSave die\n").is_err());
        assert_eq!(parse(&format!("{TITLE}\n")), Ok(Asked::default()));
    }

    #[test]
    fn places_die_or_stall() {
        let stall = Action::Stall(Duration::from_millis(7));
        assert_eq!(
            actions("a die\nb stall 7\nc die-at 3\n"),
            Ok(vec![("a".into(), Action::Die), ("b".into(), stall), ("c".into(), Action::DieAt(3))])
        );
        assert!(actions("a explode\n").is_err());
        assert!(actions("a stall long\n").is_err());
    }

    #[test]
    fn disk_and_clock_are_wrong_as_the_file_says() {
        let asked = parse(&format!("{TITLE}\ndisk full\ndisk syncs-stall 20\nclock -3600000\n"));
        let disk = Faults {
            writes_fail: Some(ErrorKind::StorageFull),
            syncs_fail: None,
            sync_pause: Duration::from_millis(20),
        };
        assert_eq!(asked, Ok(Asked { actions: Vec::new(), disk, clock_ms: -3_600_000 }));
    }
}

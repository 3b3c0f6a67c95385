//! Every flag that etcd has, and what becomes of it here.

#[cfg(test)]
mod document;
mod table;

pub(super) use table::GROUPS;

/// What kind of value a flag takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Bool,
    Int,
    Uint,
    Duration,
}

/// What this server does with a flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Support {
    /// It has its effect.
    Used,
    /// It has nothing to act on here; a warning says why when it is set.
    NoEffect(&'static str),
    /// etcd takes it and ignores it, and so does this server.
    Silent,
    /// Ignoring it would change who can read or write, or which cluster the member belongs to.
    Refused(&'static str),
}

/// One flag.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flag {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// As etcd's help has it; setting a flag to its default has no effect to warn of.
    pub(super) default: &'static str,
    pub(super) support: Support,
    /// For the help of the flags that are used.
    pub(super) help: &'static str,
}

/// Flags that stand together in the help.
#[derive(Clone, Copy, Debug)]
pub(super) struct Group {
    pub(super) name: &'static str,
    pub(super) flags: &'static [Flag],
}

/// All flags, in the order of the help.
pub(super) fn all() -> impl Iterator<Item = &'static Flag> {
    GROUPS.iter().flat_map(|group| group.flags)
}

/// Finds a flag by name; the names of flags that once were experimental are known in both spellings.
pub(super) fn find(name: &str) -> Option<&'static Flag> {
    let exact = |name: &str| all().find(|flag| flag.name == name);
    exact(name).or_else(|| exact(name.strip_prefix("experimental-")?))
}

/// A flag whose name is so much like this one that it may be meant.
pub(super) fn nearest(name: &str) -> Option<&'static str> {
    /// Below this likeness a suggestion is a guess.
    const LIKENESS_MIN: f64 = 0.8;
    all()
        .filter(|flag| flag.support != Support::Silent)
        .map(|flag| (strsim::jaro_winkler(flag.name, name), flag.name))
        .filter(|(likeness, _)| *likeness >= LIKENESS_MIN)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flag_is_there_once() {
        let mut names: Vec<_> = all().map(|flag| flag.name).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn experimental_spellings_are_known() {
        assert_eq!(
            find("experimental-watch-progress-notify-interval").map(|flag| flag.name),
            Some("watch-progress-notify-interval")
        );
        assert!(find("experimental-nope").is_none());
    }

    #[test]
    fn a_slip_finds_its_flag() {
        assert_eq!(nearest("data-dri"), Some("data-dir"));
        assert_eq!(nearest("listen-client-url"), Some("listen-client-urls"));
        assert_eq!(nearest("zzzz"), None);
    }
}

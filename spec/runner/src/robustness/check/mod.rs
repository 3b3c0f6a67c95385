//! Judges a run.
//!
//! In general it is hard to tell whether a history is linearizable. Here it is not, because the servers say in which
//! order they did things: each write has a revision, each read says at which one it looked. So the history of the store
//! is put together from what watches told, one state for each revision, and everything that was answered has to fit it:
//!
//! 1. [`truth`]: the watches agree on one history without gaps, in which each record follows from the one before.
//! 2. [`writes`]: each acknowledged write is in it once, as it was answered; one whose outcome is not known at most once;
//!    one that was refused not at all; and nothing is in it that nobody asked for.
//! 3. [`order`]: in real time: what ended before something else began is not behind it.
//! 4. [`reads`]: each read shows the state of the revision that it names, serializable and historic ones too.
//! 5. [`watches`]: what etcd guarantees of watches.
//! 6. [`leases`]: none ends early.
//!
//! What the servers tell wrong everywhere in the same way is not seen; for that the content at the end is read from each
//! member, and their hashes are compared.

mod leases;
mod order;
mod reads;
mod truth;
mod watches;
mod writes;

#[cfg(test)]
mod tests;

use super::history::History;

/// What is wrong with a history: rule and case. Not more than these are told.
const VIOLATIONS_MAX: usize = 20;

/// Collects what is wrong.
#[derive(Debug, Default)]
pub(crate) struct Verdict(Vec<String>);

impl Verdict {
    fn wrong(&mut self, what: impl FnOnce() -> String) {
        if self.0.len() < VIOLATIONS_MAX {
            self.0.push(what());
        }
    }

    fn hold(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.wrong(what);
        }
    }

    /// What is wrong, a line each.
    pub(crate) fn violations(&self) -> &[String] {
        &self.0
    }
}

/// Judges a history. Linear in its length, but for the sorting.
pub(crate) fn check(history: &History) -> Verdict {
    let mut verdict = Verdict::default();
    let truth = truth::assemble(history, &mut verdict);
    // Nothing can be compared with a history that is none.
    if !verdict.violations().is_empty() {
        return verdict;
    }
    let placed = writes::check(history, &truth, &mut verdict);
    order::check(history, &placed, &mut verdict);
    reads::check(history, &truth, &mut verdict);
    watches::check(history, &truth, &mut verdict);
    leases::check(history, &truth, &placed, &mut verdict);
    verdict
}

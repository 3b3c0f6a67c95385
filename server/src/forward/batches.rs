//! Commands on their way to the leader, several in a message.
//!
//! A message costs both members far more than a command in it. So only a few are under way at a time, and what is
//! proposed meanwhile goes with the next: alone when there is little to do, by the hundred when there is much.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::{ForwardError, failed};
use crate::answer;
use crate::command::Outcome;
use crate::transport::wire::ProposalAnswer;

/// Messages under way at a time. More than one, for each is answered only when its last command is applied.
const UNDER_WAY_MAX: usize = 4;
/// Commands in a message.
const COMMANDS_MAX: usize = 512;
/// Bytes of commands in a message, unless the first has more.
const BYTES_MAX: usize = 1 << 20;

/// What became of a command: where it stands in the log and what applying it gave.
type Answer = Result<(u64, Outcome), ForwardError>;

/// The queues before leaders, of whom there is more than one while a former one does not answer. What may wait in them is
/// bounded where proposals are admitted. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct Batches {
    queues: Arc<Mutex<HashMap<u64, Queue>>>,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<Waiting>,
    /// Messages under way, and with them the tasks that take the next.
    under_way: usize,
}

#[derive(Debug)]
struct Waiting {
    command: Bytes,
    answer: oneshot::Sender<Answer>,
}

/// The commands of one message.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) commands: Vec<Bytes>,
    answers: Vec<oneshot::Sender<Answer>>,
}

impl Batches {
    /// Puts a command into the queue. Where the second value is true, the caller has to see that batches are taken until
    /// there is none.
    pub(super) fn join(&self, leader: u64, command: Bytes) -> (oneshot::Receiver<Answer>, bool) {
        let (answer, answered) = oneshot::channel();
        let mut queues = self.queues.lock();
        let queue = queues.entry(leader).or_default();
        queue.waiting.push_back(Waiting { command, answer });
        let carry = queue.under_way < UNDER_WAY_MAX;
        queue.under_way += usize::from(carry);
        (answered, carry)
    }

    /// What goes with the next message; none when nothing waits, and who asked is to ask no more.
    pub(super) fn take(&self, leader: u64) -> Option<Batch> {
        let mut queues = self.queues.lock();
        let Entry::Occupied(mut queue) = queues.entry(leader) else { return None };
        let batch = queue.get_mut().take();
        if batch.is_none() {
            queue.get_mut().under_way -= 1;
            if queue.get().under_way == 0 {
                queue.remove();
            }
        }
        batch
    }

    /// Tells who still waits for a message to one that leads no more that nothing was done.
    pub(super) fn turn_away(&self, leader: u64) {
        let waiting = self.queues.lock().get_mut(&leader).map(|queue| std::mem::take(&mut queue.waiting));
        Batch::of(waiting.unwrap_or_default()).answer(Err(ForwardError::NoLeader));
    }
}

impl Queue {
    /// The first of those who wait, and all after it that fit into its message. Nobody waits for the others any more:
    /// they are not sent.
    fn take(&mut self) -> Option<Batch> {
        self.waiting.retain(|waiting| !waiting.answer.is_closed());
        let mut bytes = 0;
        let fits = |waiting: &&Waiting| {
            bytes += waiting.command.len();
            bytes <= BYTES_MAX
        };
        let fitting = self.waiting.iter().take(COMMANDS_MAX).take_while(fits).count();
        let taken = fitting.max(1).min(self.waiting.len());
        (taken > 0).then(|| Batch::of(self.waiting.drain(..taken)))
    }
}

impl Batch {
    fn of(waiting: impl IntoIterator<Item = Waiting>) -> Self {
        let (commands, answers) =
            waiting.into_iter().map(|waiting| (waiting.command, waiting.answer)).unzip();
        Batch { commands, answers }
    }

    /// Tells everyone what became of their command. A message that failed failed for all.
    pub(super) fn answer(self, answers: Result<Vec<ProposalAnswer>, ForwardError>) {
        let answers = answers.and_then(|answers| {
            let whole = answers.len() == self.answers.len();
            whole.then_some(answers).ok_or_else(|| ForwardError::Lost("it is not whole".to_owned()))
        });
        match answers {
            Ok(answers) => {
                for (waiting, answer) in self.answers.into_iter().zip(answers) {
                    // Who waits no more has given up on it.
                    let _ = waiting.send(read(answer));
                }
            }
            Err(error) => {
                for waiting in self.answers {
                    let _ = waiting.send(Err(error.clone()));
                }
            }
        }
    }
}

fn read(answer: ProposalAnswer) -> Answer {
    if let Some(failure) = answer.failure {
        return Err(failed(failure));
    }
    let outcome = answer::decode(answer.outcome);
    Ok((answer.index, outcome.ok_or_else(|| ForwardError::Lost("it cannot be read".to_owned()))?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Applied;

    const LEADER: u64 = 7;
    const NEXT_LEADER: u64 = 8;

    fn command(text: &'static str) -> Bytes {
        Bytes::from_static(text.as_bytes())
    }

    fn applied(index: u64) -> ProposalAnswer {
        ProposalAnswer { index, outcome: answer::encode(Ok(Applied::Nothing)), failure: None }
    }

    #[test]
    fn what_comes_while_messages_are_under_way_goes_together() {
        let batches = Batches::default();
        let mut waiting = Vec::new();
        for _ in 0..UNDER_WAY_MAX {
            let (answered, carry) = batches.join(LEADER, command("first"));
            assert!(carry, "there is a message for it");
            waiting.push((answered, batches.take(LEADER).expect("it waits")));
        }
        let later: Vec<_> = ["a", "b", "c"].map(|text| batches.join(LEADER, command(text))).into();
        assert!(later.iter().all(|(_, carry)| !carry), "enough are under way");

        let (mut first, batch) = waiting.pop().expect("it was sent");
        batch.answer(Ok(vec![applied(1)]));
        assert_eq!(first.try_recv().expect("it is answered"), Ok((1, Ok(Applied::Nothing))));

        let batch = batches.take(LEADER).expect("three wait");
        assert_eq!(batch.commands, [command("a"), command("b"), command("c")]);
        batch.answer(Ok(vec![applied(2), applied(3), applied(4)]));
        let indexes = later.into_iter().map(|(mut answered, _)| answered.try_recv().expect("answered"));
        assert!(indexes.eq([2, 3, 4].map(|index| Ok((index, Ok(Applied::Nothing))))));
        assert!(batches.take(LEADER).is_none(), "nothing waits");
        assert!(batches.join(LEADER, command("d")).1, "the way is free again");
    }

    #[test]
    fn a_message_has_a_bounded_size() {
        let batches = Batches::default();
        let large = Bytes::from(vec![0; BYTES_MAX]);
        let _waiting = [large, command("a"), command("b")].map(|command| batches.join(LEADER, command));
        let taken = [(); 2].map(|()| batches.take(LEADER).expect("it waits").commands.len());
        assert_eq!(taken, [1, 2]);

        let _waiting: Vec<_> = (0..=COMMANDS_MAX).map(|_| batches.join(LEADER, command("a"))).collect();
        assert_eq!(batches.take(LEADER).expect("they wait").commands.len(), COMMANDS_MAX);
    }

    #[test]
    fn a_leader_that_does_not_answer_holds_nobody_up_once_there_is_another() {
        let batches = Batches::default();
        let sent: Vec<_> = (0..UNDER_WAY_MAX)
            .map(|_| (batches.join(LEADER, command("sent")).0, batches.take(LEADER).expect("it waits")))
            .collect();
        let (mut unsent, _) = batches.join(LEADER, command("unsent"));
        batches.turn_away(LEADER);
        assert_eq!(unsent.try_recv().expect("told"), Err(ForwardError::NoLeader));
        assert!(batches.join(NEXT_LEADER, command("unsent")).1, "there is a message for it");
        for (mut answered, _) in sent {
            assert!(answered.try_recv().is_err(), "what was sent may have been done");
        }
    }

    #[test]
    fn what_nobody_waits_for_is_not_sent() {
        let batches = Batches::default();
        drop(batches.join(LEADER, command("given up")));
        let _waiting = batches.join(LEADER, command("a"));
        assert_eq!(batches.take(LEADER).expect("one waits").commands, [command("a")]);
    }

    #[test]
    fn a_message_that_is_lost_or_cut_short_is_lost_for_all() {
        let batches = Batches::default();
        for answers in [Ok(vec![applied(1)]), Err(ForwardError::NoLeader)] {
            let wanted = match &answers {
                Ok(_) => ForwardError::Lost("it is not whole".to_owned()),
                Err(error) => error.clone(),
            };
            let waiting = ["a", "b"].map(|text| batches.join(LEADER, command(text)).0);
            batches.take(LEADER).expect("they wait").answer(answers);
            for mut answered in waiting {
                assert_eq!(answered.try_recv().expect("answered"), Err(wanted.clone()));
            }
        }
    }
}

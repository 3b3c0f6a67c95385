//! What the cluster knows about itself besides its keys: its members, and a downgrade under way.
//!
//! Two things say who the members are. Consensus has a membership of its own: who votes, who learns, where each is
//! reached. Here stands what was asked for and what members tell of themselves: names, client addresses, and the
//! standing that each shall have. A founder needs no record here until it tells its name. A leader brings the membership
//! of consensus into line with what was asked for, one change at a time; see `membership`.

use std::collections::BTreeMap;
use std::ops::{Bound, ControlFlow};

use etcdkit_proto::EtcdError;
use etcdkit_proto::etcdserverpb::Member;
use parking_lot::RwLock;
use prost::Message;
use tokio::sync::watch;

use crate::backend::{Backend, BackendError, BackendWriter, Table};
use crate::command::{ClusterCommand, ClusterOperation, NewMember};

/// Where the version of a downgrade is kept.
const DOWNGRADE: &[u8] = b"downgrade_target";

/// The members as consensus has them, at one position of the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RaftMembers {
    /// By id.
    pub nodes: BTreeMap<u64, RaftMember>,
    /// Whether a change of voters is half done.
    pub changing: bool,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RaftMember {
    /// Where it is reached.
    pub peer_urls: Vec<String>,
    /// Whether its vote counts.
    pub votes: bool,
}

/// One thread, that of the state machine, changes it; any may ask.
#[derive(Debug)]
pub struct ClusterState {
    state: RwLock<State>,
    /// Counts changes of members.
    changes: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct State {
    members: BTreeMap<u64, Record>,
    downgrade_target: Option<String>,
}

/// A member as it is stored. The first two fields are all that versions before clusters stored.
#[derive(Clone, PartialEq, Eq, prost::Message)]
struct Record {
    #[prost(uint64, tag = "1")]
    member_id: u64,
    /// Empty where consensus knows them.
    #[prost(string, repeated, tag = "2")]
    peer_urls: Vec<String>,
    #[prost(string, tag = "3")]
    name: String,
    #[prost(string, repeated, tag = "4")]
    client_urls: Vec<String>,
    #[prost(enumeration = "Standing", tag = "5")]
    standing: i32,
}

/// What a member shall be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, prost::Enumeration)]
#[repr(i32)]
pub(crate) enum Standing {
    /// What consensus has it for: a founder.
    Founder = 0,
    /// A voter.
    Voter = 1,
    /// A learner.
    Learner = 2,
    /// No member any more, and never again.
    Removed = 3,
}

impl ClusterState {
    /// Reads what the backend holds. A record that does not read back is left out: the settings then count, as for a
    /// member whose addresses were never changed.
    ///
    /// # Errors
    /// What the backend says.
    pub fn open(backend: &Backend) -> Result<Self, BackendError> {
        Ok(ClusterState { state: RwLock::new(read(backend)?), changes: watch::Sender::new(0) })
    }

    /// Takes over what another member knows.
    pub(crate) fn adopt(&self, other: ClusterState) {
        *self.state.write() = other.state.into_inner();
        self.changes.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// The version that the cluster is being downgraded to.
    pub fn downgrade_target(&self) -> Option<String> {
        self.state.read().downgrade_target.clone()
    }

    /// Tells each change of members.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Whether there was such a member, and is no more.
    pub(crate) fn is_removed(&self, member: u64) -> bool {
        self.standing(member) == Standing::Removed
    }

    /// What a member shall be.
    pub(crate) fn standing(&self, member: u64) -> Standing {
        self.state.read().members.get(&member).map_or(Standing::Founder, Record::standing)
    }

    /// What each member that was added, promoted or removed shall be, and where it is reached if that was said here.
    pub(crate) fn asked_for(&self) -> Vec<(u64, Standing, Vec<String>)> {
        let state = self.state.read();
        let record = |record: &Record| (record.member_id, record.standing(), record.peer_urls.clone());
        state.members.values().map(record).collect()
    }

    /// The members as clients see them, by id, consensus having `raft`.
    pub(crate) fn members(&self, raft: &RaftMembers) -> Vec<Member> {
        let state = self.state.read();
        let mut members = BTreeMap::new();
        for (id, node) in &raft.nodes {
            let member = Member {
                id: *id,
                peer_ur_ls: node.peer_urls.clone(),
                is_learner: !node.votes,
                ..Default::default()
            };
            members.insert(*id, member);
        }
        for (id, record) in &state.members {
            let standing = record.standing();
            if standing == Standing::Removed || (standing == Standing::Founder && !members.contains_key(id)) {
                members.remove(id);
                continue;
            }
            let member = members.entry(*id).or_insert_with(|| Member { id: *id, ..Default::default() });
            member.name.clone_from(&record.name);
            member.client_ur_ls.clone_from(&record.client_urls);
            if !record.peer_urls.is_empty() {
                member.peer_ur_ls.clone_from(&record.peer_urls);
            }
            match standing {
                Standing::Voter => member.is_learner = false,
                Standing::Learner => member.is_learner = true,
                Standing::Founder | Standing::Removed => {}
            }
        }
        members.into_values().collect()
    }

    /// Applies a command, in the run that is being written.
    ///
    /// # Errors
    /// Those of the API.
    pub fn apply(&self, run: &mut BackendWriter<'_>, command: &ClusterCommand) -> Result<(), EtcdError> {
        let Some(operation) = &command.operation else { return Ok(()) };
        let mut state = self.state.write();
        let changed = match operation {
            ClusterOperation::PeerUrls(urls) => state.change(urls.member_id, |record| {
                record.peer_urls.clone_from(&urls.urls);
                Ok(())
            })?,
            ClusterOperation::Attributes(told) => state.change(told.member_id, |record| {
                record.name.clone_from(&told.name);
                record.client_urls.clone_from(&told.client_urls);
                Ok(())
            })?,
            ClusterOperation::AddMember(new) => state.add(new)?,
            ClusterOperation::RemoveMember(gone) => state.change(gone.member_id, |record| {
                *record = Record { member_id: gone.member_id, ..Default::default() };
                record.set_standing(Standing::Removed);
                Ok(())
            })?,
            ClusterOperation::PromoteMember(learner) => {
                state.change(learner.member_id, |record| match record.standing() {
                    Standing::Learner => {
                        record.set_standing(Standing::Voter);
                        Ok(())
                    }
                    Standing::Founder | Standing::Voter | Standing::Removed => {
                        Err(EtcdError::MemberNotLearner)
                    }
                })?
            }
            ClusterOperation::Downgrade(_) | ClusterOperation::CancelDowngrade(_) => {
                return state.downgrade(run, operation);
            }
        };
        run.put(Table::Member, changed.member_id.to_be_bytes().to_vec(), changed.encode_to_vec());
        drop(state);
        self.changes.send_modify(|count| *count = count.wrapping_add(1));
        Ok(())
    }
}

impl State {
    /// Changes the record of a member, unless it was removed or `change` refuses; the record as it is then.
    fn change(
        &mut self,
        member_id: u64,
        change: impl FnOnce(&mut Record) -> Result<(), EtcdError>,
    ) -> Result<Record, EtcdError> {
        let mut record = self.members.get(&member_id).cloned().unwrap_or_default();
        if record.standing() == Standing::Removed {
            return Err(EtcdError::MemberNotFound);
        }
        record.member_id = member_id;
        change(&mut record)?;
        self.members.insert(member_id, record.clone());
        Ok(record)
    }

    fn add(&mut self, new: &NewMember) -> Result<Record, EtcdError> {
        // A removed member's id is not given again either.
        if self.members.contains_key(&new.member_id) {
            return Err(EtcdError::MemberExist);
        }
        let there = || self.members.values().filter(|record| record.standing() != Standing::Removed);
        if there().any(|record| record.peer_urls.iter().any(|url| new.peer_urls.contains(url))) {
            return Err(EtcdError::PeerUrlExist);
        }
        let learners = there().filter(|record| record.standing() == Standing::Learner).count();
        if new.learner && learners >= new.learners_max as usize {
            return Err(EtcdError::TooManyLearners);
        }
        let standing = if new.learner { Standing::Learner } else { Standing::Voter };
        self.change(new.member_id, |record| {
            record.peer_urls.clone_from(&new.peer_urls);
            record.set_standing(standing);
            Ok(())
        })
    }

    fn downgrade(
        &mut self,
        run: &mut BackendWriter<'_>,
        operation: &ClusterOperation,
    ) -> Result<(), EtcdError> {
        if let ClusterOperation::Downgrade(target) = operation {
            if self.downgrade_target.is_some() {
                return Err(EtcdError::DowngradeInProcess);
            }
            run.put(Table::Meta, DOWNGRADE, target.version.clone());
            self.downgrade_target = Some(target.version.clone());
            return Ok(());
        }
        if self.downgrade_target.take().is_none() {
            return Err(EtcdError::NoInflightDowngrade);
        }
        run.delete(Table::Meta, DOWNGRADE);
        Ok(())
    }
}

fn read(backend: &Backend) -> Result<State, BackendError> {
    let mut state = State::default();
    backend.visit(Table::Member, Bound::Unbounded, Bound::Unbounded, |key, value| {
        if let (Ok(id), Ok(record)) = (key.try_into(), Record::decode(value)) {
            state.members.insert(u64::from_be_bytes(id), record);
        }
        ControlFlow::Continue(())
    })?;
    let target = backend.get(Table::Meta, DOWNGRADE)?;
    state.downgrade_target = target.and_then(|target| String::from_utf8(target.to_vec()).ok());
    Ok(state)
}

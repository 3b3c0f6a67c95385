//! Synced watchers by what they want: one match and one encoding serve all that want the same.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use etcdkit_proto::key_range::KeyRange;
use etcdkit_proto::mvccpb::KeyValue;

use super::super::write::{Change, ChangeKind};
use super::super::{MvccError, Store};
use super::event::{EventList, EventListBuilder, Filters};
use super::hub::StreamId;
use super::matcher::Matcher;
use super::queue::{Receiver, StreamQueue};

/// What a watcher wants to be told. Watchers of equal interest are told the same bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Interest {
    pub(super) range: KeyRange,
    pub(super) filters: Filters,
    pub(super) prev_kv: bool,
}

/// Place of a group in [`Groups`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct GroupId(usize);

/// All groups.
#[derive(Default)]
pub(super) struct Groups {
    ids: HashMap<Interest, GroupId>,
    slots: Vec<Option<Group>>,
    free: Vec<GroupId>,
    matcher: Matcher<GroupId>,
}

/// The synced watchers of one interest.
pub(super) struct Group {
    pub(super) interest: Interest,
    pub(super) members: BTreeMap<StreamId, Members>,
    /// Changes of the run in delivery that match.
    pending: Vec<usize>,
}

/// Those of one stream: the queue is locked once for all of them.
pub(super) struct Members {
    pub(super) queue: Arc<StreamQueue>,
    receivers: BTreeMap<i64, Receiver>,
}

impl Members {
    pub(super) fn receivers(&self) -> impl ExactSizeIterator<Item = Receiver> {
        self.receivers.values().copied()
    }
}

impl Groups {
    pub(super) fn join(
        &mut self,
        interest: &Interest,
        stream: StreamId,
        queue: &Arc<StreamQueue>,
        receiver: Receiver,
    ) {
        let id = match self.ids.get(interest) {
            Some(id) => *id,
            None => self.add(interest.clone()),
        };
        let Some(group) = self.slots[id.0].as_mut() else { return };
        let fresh = || Members { queue: queue.clone(), receivers: BTreeMap::new() };
        let members = group.members.entry(stream).or_insert_with(fresh);
        members.receivers.insert(receiver.watch_id, receiver);
    }

    pub(super) fn leave(&mut self, interest: &Interest, stream: StreamId, watch_id: i64) {
        let Some(&id) = self.ids.get(interest) else { return };
        let Some(group) = self.slots[id.0].as_mut() else { return };
        let Some(members) = group.members.get_mut(&stream) else { return };
        members.receivers.remove(&watch_id);
        if members.receivers.is_empty() {
            group.members.remove(&stream);
            self.drop_if_empty(id);
        }
    }

    /// Takes all watchers of a stream out of a group; their ids.
    pub(super) fn leave_all(&mut self, id: GroupId, stream: StreamId) -> Vec<i64> {
        let Some(group) = self.slots[id.0].as_mut() else { return Vec::new() };
        let Some(members) = group.members.remove(&stream) else { return Vec::new() };
        self.drop_if_empty(id);
        members.receivers.into_keys().collect()
    }

    /// Notes in each group which of the changes match, and tells the groups for which any does.
    pub(super) fn match_changes(&mut self, changes: &[Change]) -> Vec<GroupId> {
        let mut touched = Vec::new();
        let (matcher, slots) = (&self.matcher, &mut self.slots);
        for (place, change) in changes.iter().enumerate() {
            matcher.matches(&change.key, |id| {
                let Some(group) = slots[id.0].as_mut() else { return };
                if !group.interest.filters.pass(change.kind) {
                    return;
                }
                if group.pending.is_empty() {
                    touched.push(id);
                }
                group.pending.push(place);
            });
        }
        touched
    }

    /// Takes what [`Self::match_changes`] noted, with the group.
    pub(super) fn take_pending(&mut self, id: GroupId) -> Option<(&Group, Vec<usize>)> {
        let group = self.slots[id.0].as_mut()?;
        let pending = std::mem::take(&mut group.pending);
        Some((group, pending))
    }

    fn add(&mut self, interest: Interest) -> GroupId {
        let group = Group { interest: interest.clone(), members: BTreeMap::new(), pending: Vec::new() };
        let id = match self.free.pop() {
            Some(id) => {
                self.slots[id.0] = Some(group);
                id
            }
            None => {
                self.slots.push(Some(group));
                GroupId(self.slots.len() - 1)
            }
        };
        self.matcher.insert(&interest.range, id);
        self.ids.insert(interest, id);
        id
    }

    fn drop_if_empty(&mut self, id: GroupId) {
        if self.slots[id.0].as_ref().is_some_and(|group| group.members.is_empty())
            && let Some(group) = self.slots[id.0].take()
        {
            self.matcher.remove(&group.interest.range, id);
            self.ids.remove(&group.interest);
            self.free.push(id);
        }
    }
}

/// The pairs as they were before the changes of a run, each read once and only if wanted.
pub(super) struct Previous<'r> {
    store: &'r Store,
    read: HashMap<usize, Option<KeyValue>>,
}

impl<'r> Previous<'r> {
    pub(super) fn new(store: &'r Store) -> Self {
        Previous { store, read: HashMap::new() }
    }

    fn of(&mut self, place: usize, change: &Change) -> Result<Option<&KeyValue>, MvccError> {
        if let std::collections::hash_map::Entry::Vacant(entry) = self.read.entry(place) {
            entry.insert(previous_of(self.store, change)?);
        }
        Ok(self.read.get(&place).and_then(Option::as_ref))
    }
}

/// Encodes some of the changes for an interest.
pub(super) fn encode(
    interest: &Interest,
    changes: &[Change],
    picked: impl Iterator<Item = usize>,
    previous: &mut Previous<'_>,
) -> Result<EventList, MvccError> {
    let mut list = EventListBuilder::default();
    for place in picked {
        let change = &changes[place];
        let before = if interest.prev_kv { previous.of(place, change)? } else { None };
        list.push(change.revision, change.kind, &change.record, before);
    }
    Ok(list.finish())
}

/// The pair before a change; none when the change created it, or when that revision is compacted.
fn previous_of(store: &Store, change: &Change) -> Result<Option<KeyValue>, MvccError> {
    if change.kind == ChangeKind::Create {
        return Ok(None);
    }
    match store.get(&change.key, change.revision - 1) {
        Err(MvccError::Api(_)) => Ok(None),
        answer => answer,
    }
}

//! Alarms: states of a cluster in which it refuses part of the work until somebody looks.
//!
//! An alarm is raised and cleared by commands, so that all members refuse the same, and stays when its cause has gone:
//! a store that was full once is written to again only after somebody has said so.

use std::collections::BTreeSet;
use std::ops::{Bound, ControlFlow};
use std::sync::atomic::{AtomicU8, Ordering};

use etcdkit_proto::EtcdError;
use etcdkit_proto::etcdserverpb::alarm_request::AlarmAction;
use etcdkit_proto::etcdserverpb::{AlarmMember, AlarmRequest, AlarmType};
use parking_lot::RwLock;
use prost::Message as _;

use crate::backend::{Backend, BackendError, BackendWriter, Table};
use crate::command::Operation;

/// The alarms that are raised. One thread, that of the state machine, changes them; any may ask.
#[derive(Debug, Default)]
pub struct Alarms {
    raised: RwLock<BTreeSet<Alarm>>,
    /// Which kinds are raised, a bit each: asked for every command.
    kinds: AtomicU8,
}

/// An alarm: its kind, as numbered in the API, and the member that it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Alarm {
    kind: i32,
    member: u64,
}

impl Alarm {
    fn key(self) -> Vec<u8> {
        [self.member.to_be_bytes().as_slice(), &self.kind.to_be_bytes()].concat()
    }

    fn from_key(key: &[u8]) -> Option<Self> {
        let (member, kind) = key.split_first_chunk::<8>()?;
        let kind = i32::from_be_bytes(kind.try_into().ok()?);
        Some(Alarm { kind, member: u64::from_be_bytes(*member) })
    }

    fn told(self) -> AlarmMember {
        AlarmMember { member_id: self.member, alarm: self.kind }
    }
}

/// The key under which an alarm is stored here that etcd stores as the encoded message; none when it is no message.
pub(crate) fn stored(message: &[u8]) -> Option<Vec<u8>> {
    let told = AlarmMember::decode(message).ok()?;
    Some(Alarm { kind: told.alarm, member: told.member_id }.key())
}

impl Alarms {
    /// Reads the alarms of the backend. A record of a kind that this version does not know is kept and told.
    ///
    /// # Errors
    /// What the backend says.
    pub fn open(backend: &Backend) -> Result<Self, BackendError> {
        let mut raised = BTreeSet::new();
        backend.visit(Table::Alarm, Bound::Unbounded, Bound::Unbounded, |key, _| {
            raised.extend(Alarm::from_key(key));
            ControlFlow::Continue(())
        })?;
        let alarms = Alarms { raised: RwLock::new(raised), kinds: AtomicU8::new(0) };
        alarms.note_kinds();
        Ok(alarms)
    }

    /// Takes over the alarms of another member.
    pub(crate) fn adopt(&self, other: Alarms) {
        *self.raised.write() = other.raised.into_inner();
        self.note_kinds();
    }

    /// The alarms of a kind, or of all kinds with [`AlarmType::None`].
    pub fn list(&self, kind: AlarmType) -> Vec<AlarmMember> {
        let raised = self.raised.read();
        let wanted = raised.iter().filter(|alarm| kind == AlarmType::None || alarm.kind == kind as i32);
        wanted.map(|alarm| alarm.told()).collect()
    }

    /// Whether an alarm of this kind is raised, by any member. Cheap.
    pub fn is_raised(&self, kind: AlarmType) -> bool {
        self.kinds.load(Ordering::Acquire) & bit(kind) != 0
    }

    /// What a command is refused with while alarms are raised. Reading is never refused, and a full store takes what
    /// makes it smaller.
    ///
    /// # Errors
    /// [`EtcdError::Corrupt`] and [`EtcdError::NoSpace`].
    pub fn admit(&self, operation: &Operation) -> Result<(), EtcdError> {
        if self.kinds.load(Ordering::Acquire) == 0 {
            return Ok(());
        }
        let changes_keys =
            !matches!(operation, Operation::Auth(_) | Operation::Alarm(_) | Operation::Cluster(_));
        if changes_keys && self.is_raised(AlarmType::Corrupt) {
            return Err(EtcdError::Corrupt);
        }
        if operation.stored_cost() > 0 && self.is_raised(AlarmType::Nospace) {
            return Err(EtcdError::NoSpace);
        }
        Ok(())
    }

    /// Applies a request to raise or to clear, in the run that is being written; the alarm it was about. Raising a
    /// raised one and clearing one that is not there change nothing.
    pub fn apply(&self, run: &mut BackendWriter<'_>, request: &AlarmRequest) -> Vec<AlarmMember> {
        let alarm = Alarm { kind: request.alarm, member: request.member_id };
        match request.action() {
            AlarmAction::Get => return self.list(request.alarm()),
            AlarmAction::Activate if request.alarm == AlarmType::None as i32 => return Vec::new(),
            AlarmAction::Activate => {
                if self.raised.write().insert(alarm) {
                    run.put(Table::Alarm, alarm.key(), Vec::new());
                    tracing::warn!(
                        member_id = format!("{:x}", alarm.member),
                        kind = request.alarm().as_str_name(),
                        "alarm raised"
                    );
                }
            }
            AlarmAction::Deactivate => {
                if !self.raised.write().remove(&alarm) {
                    return Vec::new();
                }
                run.delete(Table::Alarm, alarm.key());
                tracing::warn!(
                    member_id = format!("{:x}", alarm.member),
                    kind = request.alarm().as_str_name(),
                    "alarm cleared"
                );
            }
        }
        self.note_kinds();
        vec![alarm.told()]
    }

    fn note_kinds(&self) {
        let raised = self.raised.read();
        let kinds = raised.iter().filter_map(|alarm| AlarmType::try_from(alarm.kind).ok());
        self.kinds.store(kinds.fold(0, |all, kind| all | bit(kind)), Ordering::Release);
    }
}

fn bit(kind: AlarmType) -> u8 {
    match kind {
        AlarmType::None => 0,
        AlarmType::Nospace => 1,
        AlarmType::Corrupt => 2,
    }
}

/// An alarm as etcd shows it among the errors of a member.
pub fn as_text(alarm: &AlarmMember) -> String {
    format!("memberID:{} alarm:{}", alarm.member_id, alarm.alarm().as_str_name())
}

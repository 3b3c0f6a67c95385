//! Software transactional memory: code that reads and writes keys one by one, and takes effect as a whole or not at all.
//!
//! Reads go to the server as they are asked for, writes are kept here; the commit is one etcd transaction whose
//! conditions say that what was read still holds. Where it does not, the code runs again.
//!
//! ```no_run
//! # async fn example(client: etcdkit::Client) -> etcdkit::Result<()> {
//! use etcdkit::concurrency::Stm;
//! Stm::new(&client)
//!     .run(|txn| async move {
//!         let ann = txn.get("account/ann").await?.map_or(0, |value| value[0]);
//!         let bob = txn.get("account/bob").await?.map_or(0, |value| value[0]);
//!         txn.put("account/ann", [ann - 1]);
//!         txn.put("account/bob", [bob + 1]);
//!         Ok(())
//!     })
//!     .await?;
//! # Ok(())
//! # }
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;

use super::line::get;
use crate::client::Client;
use crate::error::{Error, EtcdError, Result};
use crate::kv::{GetOptions, GetResponse, PutOptions};
use crate::response::KeyValue;
use crate::txn::{Compare, CompareOp, Txn, TxnOp, TxnOpResponse, TxnResponse};

/// Runs of the code before giving up. Each lost race means that somebody else got on, so this many in a row means
/// that the keys are too contended for this way of changing them.
pub const STM_ATTEMPTS_MAX: usize = 1000;

/// What a transaction is protected from; the levels of Go's `concurrency`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Isolation {
    /// All reads are of one revision, and neither what was read nor what is written has changed since.
    #[default]
    SerializableSnapshot,
    /// All reads are of one revision, and what was read has not changed since.
    Serializable,
    /// What was read has not changed since; a key read twice has one value.
    RepeatableReads,
    /// Reads see what is committed. Nothing is checked at the end.
    ReadCommitted,
}

impl Isolation {
    fn reads_one_revision(self) -> bool {
        matches!(self, Isolation::SerializableSnapshot | Isolation::Serializable)
    }
}

/// Transactions of a client, with what they are protected from.
#[derive(Clone, Debug)]
pub struct Stm {
    client: Client,
    isolation: Isolation,
    prefetch: Vec<Vec<u8>>,
}

impl Stm {
    /// Transactions with [`Isolation::SerializableSnapshot`].
    pub fn new(client: &Client) -> Self {
        Self { client: client.clone(), isolation: Isolation::default(), prefetch: Vec::new() }
    }

    /// Chooses the isolation.
    #[must_use]
    pub fn with_isolation(mut self, isolation: Isolation) -> Self {
        self.isolation = isolation;
        self
    }

    /// Reads these keys in one request when a transaction first reads any key: for code that knows what it needs.
    #[must_use]
    pub fn with_prefetch<K: Into<Vec<u8>>>(mut self, keys: impl IntoIterator<Item = K>) -> Self {
        self.prefetch = keys.into_iter().map(Into::into).collect();
        self
    }

    /// Runs the code until its transaction could be committed, and gives what it returned.
    ///
    /// The code may run several times, so it should do nothing else than read and write through the transaction. An
    /// error of the code ends it without a commit. A commit whose outcome is unknown is reported as such and not
    /// repeated.
    pub async fn run<T, F, Fut>(&self, mut code: F) -> Result<T>
    where
        F: FnMut(StmTxn) -> Fut,
        Fut: Future<Output = Result<T>>,
    {
        let txn = self.begin();
        for _ in 0..STM_ATTEMPTS_MAX {
            let outcome = match code(txn.clone()).await {
                Ok(value) => value,
                Err(error) if snapshot_gone(&error) => {
                    txn.start_over();
                    continue;
                }
                Err(error) => return Err(error),
            };
            if txn.commit().await?.is_some() {
                return Ok(outcome);
            }
        }
        let text = format!("the keys changed under {STM_ATTEMPTS_MAX} attempts in a row");
        Err(Error::GRpcStatus(tonic::Status::aborted(text)))
    }

    /// A transaction to be committed by hand: what [`run`](Self::run) does for code that cannot be a closure.
    pub fn begin(&self) -> StmTxn {
        StmTxn { stm: self.clone(), state: Arc::default() }
    }
}

/// The history that the snapshot needs was compacted meanwhile: a newer snapshot will do.
fn snapshot_gone(error: &Error) -> bool {
    error.etcd() == Some(EtcdError::Compacted)
}

/// One run of a transaction. Clones are the same transaction.
#[derive(Clone, Debug)]
pub struct StmTxn {
    stm: Stm,
    /// Never locked across a request.
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    reads: BTreeMap<Vec<u8>, Read>,
    writes: BTreeMap<Vec<u8>, Write>,
    /// The revision that all reads are of; 0 before the first.
    at: i64,
    /// What the last failed commit found, for the next run to begin with.
    ahead: BTreeMap<Vec<u8>, Read>,
}

#[derive(Clone, Debug)]
struct Read {
    kv: Option<KeyValue>,
    /// Revision at which it was found.
    at: i64,
}

impl Read {
    fn of(mut response: GetResponse, at: i64) -> Self {
        Self { kv: response.take_kvs().pop(), at }
    }

    fn value(&self) -> Option<Bytes> {
        self.kv.as_ref().map(KeyValue::value_bytes)
    }

    fn mod_revision(&self) -> i64 {
        self.kv.as_ref().map_or(0, KeyValue::mod_revision)
    }
}

#[derive(Debug)]
enum Write {
    Put { value: Bytes, options: Option<PutOptions> },
    Delete,
}

impl StmTxn {
    /// The value of a key, as this transaction would leave it; `None` for a key that does not exist.
    pub async fn get(&self, key: impl Into<Vec<u8>>) -> Result<Option<Bytes>> {
        let key = key.into();
        match self.state.lock().writes.get(&key) {
            Some(Write::Put { value, .. }) => return Ok(Some(value.clone())),
            Some(Write::Delete) => return Ok(None),
            None => {}
        }
        Ok(self.read(key).await?.value())
    }

    /// The value of the first of these keys that exists, or `None`.
    pub async fn get_first<K: Into<Vec<u8>>>(
        &self,
        keys: impl IntoIterator<Item = K>,
    ) -> Result<Option<Bytes>> {
        let keys: Vec<Vec<u8>> = keys.into_iter().map(Into::into).collect();
        for key in keys {
            if let Some(value) = self.get(key).await? {
                return Ok(Some(value));
            }
        }
        Ok(None)
    }

    /// Revision of the last change of a key before this transaction; 0 for a key that does not exist.
    pub async fn revision(&self, key: impl Into<Vec<u8>>) -> Result<i64> {
        Ok(self.read(key.into()).await?.mod_revision())
    }

    /// Writes a key.
    pub fn put(&self, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) {
        self.put_with(key, value, None);
    }

    /// Writes a key, with a lease for instance.
    pub fn put_with(&self, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>, options: Option<PutOptions>) {
        self.state.lock().writes.insert(key.into(), Write::Put { value: value.into().into(), options });
    }

    /// Deletes a key.
    pub fn delete(&self, key: impl Into<Vec<u8>>) {
        self.state.lock().writes.insert(key.into(), Write::Delete);
    }

    /// Commits. `None` when what was read has changed meanwhile: then the transaction is empty again, to be filled by
    /// another run.
    pub async fn commit(&self) -> Result<Option<TxnResponse>> {
        let (txn, known) = self.state.lock().commitment(self.stm.isolation);
        let response = self.stm.client.txn(txn).await?;
        if response.succeeded() {
            return Ok(Some(response));
        }
        let at = response.header().map_or(0, |header| header.revision());
        let ahead = found(known, response, at);
        *self.state.lock() = State { ahead, ..State::default() };
        Ok(None)
    }

    /// Forgets what was read and written.
    pub fn start_over(&self) {
        *self.state.lock() = State::default();
    }

    async fn read(&self, key: Vec<u8>) -> Result<Read> {
        let isolation = self.stm.isolation;
        let fresh = {
            let state = self.state.lock();
            if let Some(read) = state.reads.get(&key)
                && isolation != Isolation::ReadCommitted
            {
                return Ok(read.clone());
            }
            state.reads.is_empty() && state.ahead.is_empty()
        };
        if fresh && !self.stm.prefetch.is_empty() {
            let ahead = self.fetch_ahead().await?;
            self.state.lock().ahead = ahead;
        }
        let (known, at) = self.state.lock().known(&key, isolation);
        let read = match known {
            Some(read) => read,
            None => self.fetch(&key, at).await?,
        };
        let mut state = self.state.lock();
        if isolation.reads_one_revision() && state.at == 0 {
            state.at = read.at;
        }
        state.reads.insert(key, read.clone());
        Ok(read)
    }

    async fn fetch(&self, key: &[u8], at: i64) -> Result<Read> {
        let mut options = GetOptions::new();
        if at > 0 {
            // History does not change, so any member may tell it.
            options = options.with_revision(at).with_serializable();
        }
        let found = get(self.stm.client.core(), key, options).await?;
        let at = found.header().map_or(0, |header| header.revision());
        Ok(Read::of(found, at))
    }

    async fn fetch_ahead(&self) -> Result<BTreeMap<Vec<u8>, Read>> {
        let keys = self.stm.prefetch.clone();
        let reads = keys.iter().map(|key| TxnOp::get(key.clone(), None)).collect::<Vec<_>>();
        let response = self.stm.client.txn(Txn::new().and_then(reads)).await?;
        let at = response.header().map_or(0, |header| header.revision());
        Ok(found(keys, response, at))
    }
}

/// What reads of these keys have found, all at one revision.
fn found(keys: Vec<Vec<u8>>, response: TxnResponse, at: i64) -> BTreeMap<Vec<u8>, Read> {
    let read = |(key, response)| match response {
        TxnOpResponse::Get(found) => Some((key, Read::of(found, at))),
        _ => None,
    };
    keys.into_iter().zip(response.into_op_responses()).filter_map(read).collect()
}

impl State {
    /// What is known of a key already, and the revision to read it at where it is not.
    fn known(&mut self, key: &[u8], isolation: Isolation) -> (Option<Read>, i64) {
        if isolation.reads_one_revision() && self.at == 0 {
            // What is known already and what is still to be read must be of one revision.
            self.at = self.ahead.values().next().map_or(0, |read| read.at);
        }
        (self.ahead.remove(key), self.at)
    }

    /// The transaction that commits, and the keys that it reads anew where it cannot.
    fn commitment(&self, isolation: Isolation) -> (Txn, Vec<Vec<u8>>) {
        let known: Vec<Vec<u8>> = self.reads.keys().cloned().collect();
        let read_anew = known.iter().map(|key| TxnOp::get(key.clone(), None)).collect::<Vec<_>>();
        let writes = self.writes.iter().map(|(key, write)| match write {
            Write::Put { value, options } => TxnOp::put(key.clone(), value.to_vec(), options.clone()),
            Write::Delete => TxnOp::delete(key.clone(), None),
        });
        let writes = writes.collect::<Vec<_>>();
        (Txn::new().when(self.conditions(isolation)).and_then(writes).or_else(read_anew), known)
    }

    fn conditions(&self, isolation: Isolation) -> Vec<Compare> {
        let unchanged = |(key, read): (&Vec<u8>, &Read)| {
            Compare::mod_revision(key.clone(), CompareOp::Equal, read.mod_revision())
        };
        let mut conditions = match isolation {
            Isolation::ReadCommitted => Vec::new(),
            _ => self.reads.iter().map(unchanged).collect(),
        };
        if isolation == Isolation::SerializableSnapshot && self.at > 0 {
            let untouched = |key: &Vec<u8>| Compare::mod_revision(key.clone(), CompareOp::Less, self.at + 1);
            conditions.extend(self.writes.keys().filter(|key| !self.reads.contains_key(*key)).map(untouched));
        }
        conditions
    }
}

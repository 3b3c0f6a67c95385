//! `etcdserverpb.KV`: keys and values.

use std::time::Instant;

use etcdkit_proto::EtcdError;
use etcdkit_proto::etcdserverpb::{
    CompactionRequest, CompactionResponse, DeleteRangeRequest, DeleteRangeResponse, PutRequest, PutResponse,
    RangeRequest, RangeResponse, RangeStreamResponse, TxnRequest, TxnResponse,
};
use futures::Stream;
use tonic::Status;

use super::OwnStanding;
use super::access::{Access, Credentials};
use super::budget::Budget;
use super::check;
use super::error::mismatched;
use super::header::Headers;
use super::timing::Timing;
use crate::apply::txn;
use crate::auth::Checker;
use crate::command::{Applied, Operation};
use crate::mvcc::{RangeStream, Store};
use crate::propose::Proposer;
use crate::read::ReadGate;
use crate::streams::elsewhere;

/// The KV service. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Kv {
    pub(crate) headers: Headers,
    pub(crate) store: Store,
    pub(crate) proposer: Proposer,
    pub(crate) gate: ReadGate,
    pub(crate) own: OwnStanding,
    pub(crate) access: Access,
    pub(crate) ops_max: usize,
    /// Chunks of a range stream are about this large.
    pub(crate) chunk_bytes: usize,
    pub(crate) timing: Timing,
    pub(crate) budget: Budget,
}

impl Kv {
    pub(crate) async fn range(
        &self,
        by: &Credentials,
        request: RangeRequest,
    ) -> Result<RangeResponse, Status> {
        check::range(&request)?;
        let begun = Instant::now();
        let kind = "Range";
        let mut response = if request.range_end.is_empty() {
            let outcome = self.read_range(by, &request).await;
            self.timing.note(kind, begun.elapsed(), &request, &outcome);
            outcome?
        } else {
            let (kv, by) = (self.clone(), by.clone());
            elsewhere(async move {
                let outcome = kv.read_range(&by, &request).await;
                kv.timing.note(kind, begun.elapsed(), &request, &outcome);
                outcome
            })
            .await?
        };
        self.headers.fill(&mut response.header);
        Ok(response)
    }

    async fn read_range(&self, by: &Credentials, request: &RangeRequest) -> Result<RangeResponse, Status> {
        if !request.serializable {
            if self.own.is_learner() {
                return Err(EtcdError::NotSupportedForLearner.into());
            }
            self.gate.pass().await?;
        }
        if !request.range_end.is_empty() && !request.count_only {
            self.budget.room().await?;
        }
        let permitted = |checker: &Checker<'_>| checker.range(&request.key, &request.range_end);
        self.access.read(by, permitted, || self.timing.reading(|| self.store.range(request)))
    }

    pub(crate) async fn range_stream(
        &self,
        by: &Credentials,
        request: RangeRequest,
    ) -> Result<impl Stream<Item = Result<RangeStreamResponse, Status>> + Send + use<>, Status> {
        check::range_stream(&request)?;
        if !request.serializable {
            self.gate.pass().await?;
        }
        let caller = self.access.recognise(by, |checker| checker.range(&request.key, &request.range_end))?;
        let chunks = Chunks {
            caller_revision: caller.map(|caller| caller.revision),
            access: self.access.clone(),
            headers: self.headers.clone(),
            chunks: self.store.range_stream(request, self.chunk_bytes),
        };
        Ok(futures::stream::iter(chunks))
    }

    pub(crate) async fn put(&self, by: &Credentials, request: PutRequest) -> Result<PutResponse, Status> {
        check::put(&request)?;
        let caller = self.access.recognise(by, |checker| checker.put(&request))?;
        match self.proposer.propose_for(caller, Operation::Put(request)).await? {
            Applied::Put(mut response) => {
                self.headers.fill(&mut response.header);
                Ok(response)
            }
            _ => Err(mismatched()),
        }
    }

    pub(crate) async fn delete_range(
        &self,
        by: &Credentials,
        request: DeleteRangeRequest,
    ) -> Result<DeleteRangeResponse, Status> {
        check::delete_range(&request)?;
        let caller = self.access.recognise(by, |checker| checker.delete_range(&request))?;
        match self.proposer.propose_for(caller, Operation::DeleteRange(request)).await? {
            Applied::DeleteRange(mut response) => {
                self.headers.fill(&mut response.header);
                Ok(response)
            }
            _ => Err(mismatched()),
        }
    }

    pub(crate) async fn txn(&self, by: &Credentials, request: TxnRequest) -> Result<TxnResponse, Status> {
        check::txn(&request, self.ops_max)?;
        let mut response = if txn::is_read_only(&request) {
            let (kv, by) = (self.clone(), by.clone());
            elsewhere(async move {
                let begun = Instant::now();
                let outcome = kv.read_txn(&by, &request).await;
                kv.timing.note("ReadonlyTxn", begun.elapsed(), &request, &outcome);
                outcome
            })
            .await?
        } else {
            let caller = self.access.recognise(by, |checker| checker.txn(&request))?;
            match self.proposer.propose_for(caller, Operation::Txn(request)).await? {
                Applied::Txn(response) => response,
                _ => return Err(mismatched()),
            }
        };
        self.headers.fill(&mut response.header);
        Ok(response)
    }

    async fn read_txn(&self, by: &Credentials, request: &TxnRequest) -> Result<TxnResponse, Status> {
        if !txn::is_serializable(request) {
            self.gate.pass().await?;
        }
        self.budget.room().await?;
        self.access.read(by, |checker| checker.txn(request), || txn::read_only(&self.store, request))
    }

    pub(crate) async fn compact(&self, request: CompactionRequest) -> Result<CompactionResponse, Status> {
        let CompactionRequest { revision, physical } = request;
        match self.proposer.propose(Operation::Compact(request)).await? {
            Applied::Compact(mut response) => {
                if physical {
                    self.store.compaction_finished(revision).await;
                }
                self.headers.fill(&mut response.header);
                Ok(response)
            }
            _ => Err(mismatched()),
        }
    }
}

/// The chunks of a range read, read as the connection takes them.
struct Chunks {
    /// The auth revision that the caller was permitted at.
    caller_revision: Option<u64>,
    access: Access,
    headers: Headers,
    chunks: RangeStream,
}

impl Iterator for Chunks {
    type Item = Result<RangeStreamResponse, Status>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut chunk = match self.chunks.next_chunk() {
            Ok(chunk) => chunk?,
            Err(error) => return Some(Err(error.into())),
        };
        if self.caller_revision.is_some_and(|revision| revision != self.access.auth.revision()) {
            return Some(Err(EtcdError::AuthRevisionOld.into()));
        }
        if chunk.header.is_some() {
            self.headers.fill(&mut chunk.header);
        }
        Some(Ok(RangeStreamResponse { range_response: Some(chunk) }))
    }
}

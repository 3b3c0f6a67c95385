//! KV calls but transactions, and what Maintenance and Cluster tell about the store.

use anyhow::{Result, anyhow};
use etcdkit_proto::etcdserverpb::cluster_client::ClusterClient;
use etcdkit_proto::etcdserverpb::maintenance_client::MaintenanceClient;
use etcdkit_proto::etcdserverpb::{
    CompactionRequest, DeleteRangeRequest, HashKvRequest, MemberListRequest, PutRequest, RangeRequest,
    RangeResponse, StatusRequest,
};

use super::{Wire, answered, enum_field};
use crate::line::{Line, pair};

impl Wire {
    pub(super) async fn kv(&self, line: &Line) -> Result<Line> {
        match line.verb.as_str() {
            "put" => self.put(line).await,
            "get" => {
                let response = self.kv_client(line).await?.range(range_request(line)?).await?.into_inner();
                Ok(range_answer(line, &response))
            }
            "stream" => self.stream(line).await,
            "del" => self.delete(line).await,
            "compact" => {
                let request =
                    CompactionRequest { revision: line.number("rev")?, physical: line.has("physical") };
                let response = self.kv_client(line).await?.compact(request).await?.into_inner();
                Ok(answered(line, response.header.as_ref()))
            }
            _ => self.about(line).await,
        }
    }

    async fn put(&self, line: &Line) -> Result<Line> {
        let request = PutRequest {
            key: line.bytes("key")?.into(),
            value: line.bytes("value")?.into(),
            lease: line.number("lease")?,
            prev_kv: line.has("prev"),
            ignore_value: line.has("ignore_value"),
            ignore_lease: line.has("ignore_lease"),
        };
        let response = self.kv_client(line).await?.put(request).await?.into_inner();
        let mut answer = answered(line, response.header.as_ref());
        if let Some(kv) = &response.prev_kv {
            answer.push("kv", pair(kv));
        }
        Ok(answer)
    }

    async fn delete(&self, line: &Line) -> Result<Line> {
        let request = DeleteRangeRequest {
            key: line.bytes("key")?.into(),
            range_end: line.bytes("end")?.into(),
            prev_kv: line.has("prev"),
        };
        let response = self.kv_client(line).await?.delete_range(request).await?.into_inner();
        let mut answer = answered(line, response.header.as_ref()).with("deleted", response.deleted);
        response.prev_kvs.iter().for_each(|kv| answer.push("kv", pair(kv)));
        Ok(answer)
    }

    /// RangeStream, merged as a client merges it; tells how many messages came and where the header was.
    async fn stream(&self, line: &Line) -> Result<Line> {
        let mut chunks = self.kv_client(line).await?.range_stream(range_request(line)?).await?.into_inner();
        let (mut merged, mut messages) = (RangeResponse::default(), 0);
        let mut header_early = false;
        while let Some(chunk) = chunks.message().await? {
            messages += 1;
            let part = chunk.range_response.ok_or_else(|| anyhow!("a chunk without content"))?;
            header_early |= merged.header.is_some();
            merged.kvs.extend(part.kvs);
            merged.header = part.header.or(merged.header);
            merged.more |= part.more;
            merged.count += part.count;
        }
        Ok(range_answer(line, &merged)
            .with("messages", messages)
            .with("header_early", u8::from(header_early)))
    }

    async fn about(&self, line: &Line) -> Result<Line> {
        let channel = self.channel(line).await?;
        match line.verb.as_str() {
            "hashkv" => {
                let request = HashKvRequest { revision: line.number("rev")? };
                let response = MaintenanceClient::new(channel).hash_kv(request).await?.into_inner();
                let answer = answered(line, response.header.as_ref()).with("hash", response.hash);
                Ok(answer.with("compact", response.compact_revision).with("hash_rev", response.hash_revision))
            }
            "status" => {
                let response = MaintenanceClient::new(channel).status(StatusRequest {}).await?.into_inner();
                let answer = answered(line, response.header.as_ref()).with("version", &response.version);
                let leads = response.header.is_some_and(|header| header.member_id == response.leader);
                Ok(answer.with("leads", u8::from(leads)).with("db_size", response.db_size))
            }
            _ => {
                let request = MemberListRequest { linearizable: true };
                let response = ClusterClient::new(channel).member_list(request).await?.into_inner();
                let answer = answered(line, response.header.as_ref()).with("count", response.members.len());
                let urls: usize = response.members.iter().map(|member| member.client_ur_ls.len()).sum();
                Ok(answer.with("client_urls", urls))
            }
        }
    }
}

pub(super) fn range_request(line: &Line) -> Result<RangeRequest> {
    Ok(RangeRequest {
        key: line.bytes("key")?.into(),
        range_end: line.bytes("end")?.into(),
        limit: line.number("limit")?,
        revision: line.number("rev")?,
        sort_order: enum_field(line, "order", &["none", "asc", "desc"])?,
        sort_target: enum_field(line, "target", &["key", "version", "create", "mod", "value"])?,
        serializable: line.has("serializable"),
        keys_only: line.has("keys_only"),
        count_only: line.has("count_only"),
        min_mod_revision: line.number("min_mod")?,
        max_mod_revision: line.number("max_mod")?,
        min_create_revision: line.number("min_create")?,
        max_create_revision: line.number("max_create")?,
    })
}

fn range_answer(line: &Line, response: &RangeResponse) -> Line {
    let mut answer = answered(line, response.header.as_ref()).with("count", response.count);
    answer.push("more", u8::from(response.more));
    response.kvs.iter().for_each(|kv| answer.push("kv", pair(kv)));
    answer
}

//! Membership of the cluster.

use etcdkit_proto::etcdserverpb as pb;

use crate::core::Core;
use crate::error::Result;
use crate::method;

/// Client of the cluster service.
#[derive(Clone)]
pub struct ClusterClient {
    core: Core,
}

impl ClusterClient {
    pub(crate) fn new(core: Core) -> Self {
        Self { core }
    }

    /// Adds a member that will be reached by its peers at these URLs.
    pub async fn member_add(
        &self,
        urls: impl Into<Vec<String>>,
        options: Option<MemberAddOptions>,
    ) -> Result<MemberAddResponse> {
        let is_learner = options.unwrap_or_default().is_learner;
        let request = pb::MemberAddRequest { peer_ur_ls: urls.into(), is_learner };
        Ok(self.core.unary(&method::MEMBER_ADD, request).await?.into())
    }

    /// Removes a member.
    pub async fn member_remove(&self, id: u64) -> Result<MemberRemoveResponse> {
        Ok(self.core.unary(&method::MEMBER_REMOVE, pb::MemberRemoveRequest { id }).await?.into())
    }

    /// Changes the peer URLs of a member.
    pub async fn member_update(&self, id: u64, url: impl Into<Vec<String>>) -> Result<MemberUpdateResponse> {
        let request = pb::MemberUpdateRequest { id, peer_ur_ls: url.into() };
        Ok(self.core.unary(&method::MEMBER_UPDATE, request).await?.into())
    }

    /// Lists the members, as the quorum knows them.
    pub async fn member_list(&self) -> Result<MemberListResponse> {
        Ok(self.core.unary(&method::MEMBER_LIST, pb::MemberListRequest { linearizable: true }).await?.into())
    }

    /// Lists the members as the member that answers knows them, without asking the quorum.
    pub async fn member_list_serializable(&self) -> Result<MemberListResponse> {
        let request = pb::MemberListRequest { linearizable: false };
        Ok(self.core.unary(&method::MEMBER_LIST, request).await?.into())
    }

    /// Makes a learner a voting member.
    pub async fn member_promote(&self, id: u64) -> Result<MemberPromoteResponse> {
        Ok(self.core.unary(&method::MEMBER_PROMOTE, pb::MemberPromoteRequest { id }).await?.into())
    }
}

/// Options of `member_add`.
#[derive(Clone, Debug, Default)]
pub struct MemberAddOptions {
    is_learner: bool,
}

impl MemberAddOptions {
    /// A voting member.
    pub const fn new() -> Self {
        Self { is_learner: false }
    }

    /// Adds the member as a learner.
    #[must_use]
    pub const fn with_is_learner(mut self) -> Self {
        self.is_learner = true;
        self
    }
}

/// A member of the cluster.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Member(pb::Member);

impl Member {
    /// Identity of the member.
    pub fn id(&self) -> u64 {
        self.0.id
    }

    /// Its name; empty until it has started once.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Where its peers reach it.
    pub fn peer_urls(&self) -> &[String] {
        &self.0.peer_ur_ls
    }

    /// Where clients reach it.
    pub fn client_urls(&self) -> &[String] {
        &self.0.client_ur_ls
    }

    /// Whether it follows the log without a vote.
    pub fn is_learner(&self) -> bool {
        self.0.is_learner
    }
}

macro_rules! member_response {
    ($(#[$doc:meta])* $name:ident($message:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct $name {
            header: Option<crate::ResponseHeader>,
            members: Vec<Member>,
        }

        impl $name {
            /// The head of the response.
            pub fn header(&self) -> Option<&crate::ResponseHeader> {
                self.header.as_ref()
            }

            /// Takes the head out of the response.
            pub fn take_header(&mut self) -> Option<crate::ResponseHeader> {
                self.header.take()
            }

            /// The members afterwards.
            pub fn members(&self) -> &[Member] {
                &self.members
            }
        }

        impl From<$message> for $name {
            fn from(message: $message) -> Self {
                let members = message.members.into_iter().map(Member).collect();
                Self { header: message.header.map(crate::ResponseHeader), members }
            }
        }
    };
}

member_response! {
    /// Answer to `member_remove`.
    MemberRemoveResponse(pb::MemberRemoveResponse)
}
member_response! {
    /// Answer to `member_update`.
    MemberUpdateResponse(pb::MemberUpdateResponse)
}
member_response! {
    /// Answer to `member_list`.
    MemberListResponse(pb::MemberListResponse)
}
member_response! {
    /// Answer to `member_promote`.
    MemberPromoteResponse(pb::MemberPromoteResponse)
}

/// Answer to `member_add`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MemberAddResponse {
    header: Option<crate::ResponseHeader>,
    member: Option<Member>,
    members: Vec<Member>,
}

impl MemberAddResponse {
    /// The head of the response.
    pub fn header(&self) -> Option<&crate::ResponseHeader> {
        self.header.as_ref()
    }

    /// Takes the head out of the response.
    pub fn take_header(&mut self) -> Option<crate::ResponseHeader> {
        self.header.take()
    }

    /// The new member.
    pub fn member(&self) -> Option<&Member> {
        self.member.as_ref()
    }

    /// The members afterwards.
    pub fn member_list(&self) -> &[Member] {
        &self.members
    }
}

impl From<pb::MemberAddResponse> for MemberAddResponse {
    fn from(message: pb::MemberAddResponse) -> Self {
        Self {
            header: message.header.map(crate::ResponseHeader),
            member: message.member.map(Member),
            members: message.members.into_iter().map(Member).collect(),
        }
    }
}

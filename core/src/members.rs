//! A client and the members of its cluster: all of them as its endpoints, or one of them alone.

use futures::future::try_join_all;

use crate::balancer::Balancer;
use crate::client::Client;
use crate::error::{Error, Result};

/// The oldest release of etcd, major and minor, that this client supports: the one before that of its wire contract.
pub const OLDEST_SUPPORTED: (u32, u32) = (3, 6);

impl Client {
    /// Asks each endpoint for its release, and fails with [`Error::OldCluster`] if one is older than
    /// [`OLDEST_SUPPORTED`]. An endpoint that cannot be asked is an error too.
    pub async fn check_version(&self) -> Result<()> {
        let checks = self.endpoints().into_iter().map(|endpoint| async move {
            let status = self.at_endpoint(&endpoint).await?.status().await?;
            match supported(status.version()) {
                true => Ok(()),
                false => Err(Error::OldCluster { endpoint, version: status.version().to_owned() }),
            }
        });
        try_join_all(checks).await.map(drop)
    }

    /// Replaces the endpoints. Those that stay keep their connections; calls in flight on the others go on.
    pub async fn set_endpoints<E: AsRef<str>>(&self, endpoints: impl AsRef<[E]>) -> Result<()> {
        let (balancer, wanted) = (self.core().balancer(), endpoints.as_ref());
        if wanted.is_empty() {
            return Err(Error::EndpointError("no endpoint given; give at least one as host:port".to_owned()));
        }
        for endpoint in wanted {
            balancer.add(endpoint.as_ref(), self.core().options()).await?;
        }
        for present in balancer.names() {
            if wanted.iter().all(|endpoint| endpoint.as_ref() != present) {
                balancer.remove(&present, self.core().options()).await?;
            }
        }
        Ok(())
    }

    /// Replaces the endpoints by the client URLs that the started members of the cluster announce, and returns them.
    pub async fn sync_endpoints(&self) -> Result<Vec<String>> {
        let members = self.member_list().await?;
        let learner = |member: &&crate::Member| member.is_learner();
        let urls = members.members().iter().filter(|member| !learner(member));
        let urls: Vec<String> = urls.flat_map(|member| member.client_urls().to_vec()).collect();
        if urls.is_empty() {
            return Err(Error::EndpointError("no member of the cluster announces a client URL".to_owned()));
        }
        self.set_endpoints(&urls).await?;
        Ok(urls)
    }

    /// A client with the same options that speaks to one endpoint only: for what concerns a single member.
    pub async fn at_endpoint(&self, endpoint: impl AsRef<str>) -> Result<Self> {
        let mut options = self.core().options().clone();
        options.user = self.core().tokens().user();
        let balancer = Balancer::new(&[endpoint.as_ref()], &options)?;
        let alone = Self::start(balancer, options).await?;
        Ok(match self.core().timeout() {
            Some(timeout) => alone.with_timeout(timeout),
            None => alone,
        })
    }
}

/// What tells no version is no etcd that is supported.
fn supported(version: &str) -> bool {
    let mut numbers = version.split('.').map(str::parse::<u32>);
    let (Some(Ok(major)), Some(Ok(minor))) = (numbers.next(), numbers.next()) else { return false };
    (major, minor) >= OLDEST_SUPPORTED
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_release_before_ours_is_the_oldest_that_is_supported() {
        for good in ["3.6.0", "3.6.0-rc.1", "3.7.1", "3.10.0", "4.0.0"] {
            assert!(supported(good), "{good}");
        }
        for bad in ["3.5.21", "3.4.23", "2.3.8", "", "3", "new"] {
            assert!(!supported(bad), "{bad}");
        }
    }
}

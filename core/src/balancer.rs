//! The endpoints of a client, and which of them serves the next attempt.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::Uri;
use parking_lot::RwLock;
use tokio::time::Instant;
use tonic::transport::Endpoint;
use tonic::transport::channel::Change;

use crate::channel::{Channel, EndpointUpdater};
use crate::endpoint::{Slot, target};
use crate::error::{Error, Result};
use crate::options::ConnectOptions;

/// The set of endpoints. Healthy ones take turns; a failed one is passed over for a while.
pub(crate) struct Balancer {
    slots: RwLock<Vec<Arc<Slot>>>,
    turn: AtomicUsize,
    keeper: Keeper,
}

/// Who looks after the endpoints.
enum Keeper {
    /// This balancer: one slot for each.
    Own,
    /// A channel that balances by itself, behind the only slot; the endpoints' names are all we know.
    Channel { updates: EndpointUpdater, names: RwLock<Vec<String>> },
    /// Nobody: there is a channel and no more.
    None,
}

impl Balancer {
    pub(crate) fn new<E: AsRef<str>>(addresses: &[E], options: &ConnectOptions) -> Result<Self> {
        if addresses.is_empty() {
            return Err(Error::EndpointError("no endpoint given; give at least one as host:port".to_owned()));
        }
        let slots = addresses
            .iter()
            .map(|address| Slot::new(address.as_ref(), options).map(Arc::new))
            .collect::<Result<_>>()?;
        Ok(Self { slots: RwLock::new(slots), turn: AtomicUsize::new(0), keeper: Keeper::Own })
    }

    pub(crate) fn fixed(channel: Channel) -> Self {
        let slots = RwLock::new(vec![Arc::new(Slot::fixed(channel))]);
        Self { slots, turn: AtomicUsize::new(0), keeper: Keeper::None }
    }

    /// Leaves the choice of endpoints to a channel.
    pub(crate) fn delegated(channel: Channel, updates: EndpointUpdater) -> Self {
        let keeper = Keeper::Channel { updates, names: RwLock::default() };
        Self { keeper, ..Self::fixed(channel) }
    }

    /// The endpoint for the next attempt, avoiding the one that just failed where there is another.
    pub(crate) fn pick(&self, avoid: Option<&Arc<Slot>>) -> Arc<Slot> {
        let slots = self.slots.read();
        let now = Instant::now();
        let start = self.turn.fetch_add(1, Ordering::Relaxed);
        let in_turn = || (0..slots.len()).map(|step| &slots[(start + step) % slots.len()]);
        let other = |slot: &&Arc<Slot>| avoid.is_none_or(|avoided| !Arc::ptr_eq(avoided, slot));
        let healthy = in_turn().filter(other).find(|slot| slot.down_until(now).is_none());
        let soonest = || in_turn().filter(other).min_by_key(|slot| slot.down_until(now));
        let any = || in_turn().next();
        healthy.or_else(soonest).or_else(any).cloned().expect("invariant: a balancer has an endpoint")
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.read().len()
    }

    pub(crate) fn names(&self) -> Vec<String> {
        match &self.keeper {
            Keeper::Channel { names, .. } => names.read().clone(),
            _ => self.slots.read().iter().map(|slot| slot.name().to_owned()).collect(),
        }
    }

    pub(crate) async fn add(&self, address: &str, options: &ConnectOptions) -> Result<()> {
        match &self.keeper {
            Keeper::None => Err(Error::EndpointsNotManaged),
            Keeper::Own => {
                let mut slots = self.slots.write();
                if slots.iter().all(|slot| slot.name() != address) {
                    slots.push(Arc::new(Slot::new(address, options)?));
                }
                Ok(())
            }
            Keeper::Channel { updates, names } => {
                let target = target(address, options)?;
                tell(updates, Change::Insert(target.uri().clone(), target)).await?;
                let mut names = names.write();
                names.retain(|name| name != address);
                names.push(address.to_owned());
                Ok(())
            }
        }
    }

    pub(crate) async fn remove(&self, address: &str, options: &ConnectOptions) -> Result<()> {
        let last = |names: &[String]| match names {
            [only] if only == address => {
                let text = format!("{address} is the last endpoint; add another one first");
                Err(Error::EndpointError(text))
            }
            _ => Ok(()),
        };
        last(&self.names())?;
        match &self.keeper {
            Keeper::None => Err(Error::EndpointsNotManaged),
            Keeper::Own => {
                self.slots.write().retain(|slot| slot.name() != address);
                Ok(())
            }
            Keeper::Channel { updates, names } => {
                tell(updates, Change::Remove(target(address, options)?.uri().clone())).await?;
                names.write().retain(|name| name != address);
                Ok(())
            }
        }
    }
}

async fn tell(updates: &EndpointUpdater, change: Change<Uri, Endpoint>) -> Result<()> {
    let closed = |_| Error::EndpointError("the balanced channel takes no changes any more".to_owned());
    updates.send(change).await.map_err(closed)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn three() -> Balancer {
        Balancer::new(&["a:1", "b:1", "c:1"], &ConnectOptions::new()).unwrap()
    }

    #[tokio::test]
    async fn healthy_endpoints_take_turns() {
        let set = three();
        let order: Vec<_> = (0..6).map(|_| set.pick(None).name().to_owned()).collect();
        assert_eq!(order, ["a:1", "b:1", "c:1", "a:1", "b:1", "c:1"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_failed_endpoint_is_passed_over_until_its_time() {
        let set = three();
        let failed = set.pick(None);
        failed.failed();
        assert!((0..9).all(|_| set.pick(None).name() != "a:1"));
        tokio::time::advance(std::time::Duration::from_secs(1)).await;
        assert!((0..3).any(|_| set.pick(None).name() == "a:1"));
    }

    #[tokio::test]
    async fn the_only_endpoint_is_tried_even_if_it_failed() {
        let set = Balancer::new(&["a:1"], &ConnectOptions::new()).unwrap();
        let slot = set.pick(None);
        slot.failed();
        assert_eq!(set.pick(Some(&slot)).name(), "a:1");
        assert!(set.remove("a:1", &ConnectOptions::new()).await.is_err());
    }
}

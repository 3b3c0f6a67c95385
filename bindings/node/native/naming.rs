//! Service discovery: what is registered, and the registration of this process.

use std::sync::Arc;

use etcdkit::naming::{Endpoint, Naming, Registration};
use napi::Env;
use napi::bindgen_prelude::BigInt;
use napi_derive::napi;
use parking_lot::Mutex;

use crate::boundary::Answer;
use crate::client::{Link, NativeClient};

/// The instances of one service.
#[napi]
pub struct NativeNaming {
    link: Link,
    service: String,
    registration: Arc<Mutex<Option<Registration>>>,
}

#[napi]
impl NativeNaming {
    /// The service whose instances are the keys under `service/`.
    #[napi(constructor, catch_unwind)]
    pub fn new(client: &NativeClient, service: String) -> Self {
        NativeNaming { link: client.link(), service, registration: Arc::default() }
    }

    /// Registers an instance under a lease of `ttl` seconds that is renewed; the answer is its key.
    #[napi(catch_unwind)]
    pub fn register(&self, env: Env, tag: u32, address: String, metadata: String, ttl: u32) -> BigInt {
        let (lazy, service) = (self.link.lazy.clone(), self.service.clone());
        let registration = self.registration.clone();
        self.link.start(&env, tag, async move {
            let endpoint = Endpoint::new(address).with_metadata_json(&metadata)?;
            let naming = Naming::new(&lazy.client().await?, service);
            let made = naming.register(endpoint, i64::from(ttl)).await?;
            let key = made.key().to_owned();
            *registration.lock() = Some(made);
            Ok(Answer::Text(key))
        })
    }

    /// Takes the instance off the list now.
    #[napi(catch_unwind)]
    pub fn unregister(&self, env: Env, tag: u32) -> BigInt {
        let registration = self.registration.lock().take();
        self.link.start(&env, tag, async move {
            if let Some(registration) = registration {
                registration.close().await?;
            }
            Ok(Answer::Nothing)
        })
    }

    /// The instances: an array of (key, address, metadata as JSON).
    #[napi(catch_unwind)]
    pub fn list(&self, env: Env, tag: u32) -> BigInt {
        let (lazy, service) = (self.link.lazy.clone(), self.service.clone());
        self.link.start(&env, tag, async move {
            let instances = Naming::new(&lazy.client().await?, service).list().await?;
            let rows = instances.into_iter().map(|(key, endpoint)| {
                let metadata = endpoint.metadata.to_string();
                Answer::List([key, endpoint.addr, metadata].map(Answer::Text).into())
            });
            Ok(Answer::List(rows.collect()))
        })
    }
}

//! Runs a command for each event of a watch.

use std::process::Command;

use etcdkit_proto::etcdserverpb::WatchResponse;

use crate::console::failure::{Exit, Failure, Outcome};
use crate::console::flags::Word;
use crate::console::quote::quote;
use crate::console::tell;
use crate::platform;

/// Runs the command once for each event, one after the other. The first one that fails ends the watch.
///
/// Events that came together carry the revision of their batch, as in etcdctl.
pub(super) async fn run_for_each(command: &[Word], answer: &WatchResponse) -> Outcome {
    let Some((program, arguments)) = command.split_first() else { return Ok(()) };
    let revision = answer.header.map_or(0, |header| header.revision);
    for event in &answer.events {
        let pair = event.kv.clone().unwrap_or_default();
        let mut child = Command::new(platform::os_string(program));
        child
            .args(arguments.iter().map(|word| platform::os_string(word)))
            .env("ETCD_WATCH_REVISION", revision.to_string())
            .env("ETCD_WATCH_EVENT_TYPE", quote(event.r#type().as_str_name().as_bytes()))
            .env("ETCD_WATCH_KEY", quote(&pair.key))
            .env("ETCD_WATCH_VALUE", quote(&pair.value));
        let how = match tokio::task::spawn_blocking(move || child.status()).await {
            Ok(Ok(status)) if status.success() => continue,
            Ok(Ok(status)) => platform::child_exit(status).1,
            Ok(Err(error)) => error.to_string(),
            Err(error) => error.to_string(),
        };
        let shown: Vec<String> = command.iter().map(|word| quote(word)).collect();
        tell(format_args!("command [{}] error ({how})", shown.join(" ")));
        return Err(Failure::silent(Exit::Error));
    }
    Ok(())
}

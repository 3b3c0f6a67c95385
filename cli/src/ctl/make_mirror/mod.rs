//! `make-mirror`: copies keys to another cluster and goes on copying their changes.

mod copy;

use etcdkit::Client;

use super::secure::{self, TlsFlags};
use super::session::{Call, Credentials, Session};
use crate::console::failure::{Exit, Failure, Outcome};
use crate::console::flags::{Flag, Values};
use crate::console::stop::{Ended, Stop};
use crate::console::tree::{Command, Group};
use crate::console::{password, tell};
use copy::{Mapping, Mirror};

const PREFIX: Flag = Flag::text("prefix", "copy the keys that begin with this; all keys when empty");
const REV: Flag = Flag::int("rev", "copy only the changes from this revision on, not the keys there are");
const MAX_TXN_OPS: Flag = Flag::int("max-txn-ops", "most keys written with one request").or("128");
const DEST_PREFIX: Flag = Flag::text("dest-prefix", "put this in place of --prefix at the destination");
const NO_DEST_PREFIX: Flag = Flag::switch("no-dest-prefix", "take --prefix off the keys at the destination");
const DEST_CERT: Flag = Flag::text("dest-cert", "as --cert, for the destination");
const DEST_KEY: Flag = Flag::text("dest-key", "as --key, for the destination");
const DEST_CACERT: Flag = Flag::text("dest-cacert", "as --cacert, for the destination");
const DEST_INSECURE_TRANSPORT: Flag =
    Flag::switch("dest-insecure-transport", "as --insecure-transport, for the destination").or("true");
const DEST_USER: Flag = Flag::text("dest-user", "as --user, for the destination");
const DEST_PASSWORD: Flag = Flag::text("dest-password", "as --password, for the destination");

pub(super) const COMMAND: Command = Command {
    name: "make-mirror",
    arguments: "<destination>",
    summary: "Copies keys and their changes to another cluster",
    details: "Copies all keys, or those with a prefix, to another cluster, and then every change of them until\n\
              interrupted. Leases are not copied. It prints the number of copied keys and changes every 30 seconds, and\n\
              when it ends the revision from which --rev takes it up again.",
    examples: &[
        "$0 make-mirror 10.0.1.1:2379",
        "$0 make-mirror --prefix=/app/ --dest-prefix=/copy/ 10.0.1.1:2379",
        "$0 make-mirror --rev=18024 10.0.1.1:2379",
    ],
    group: Group::Utility,
    flags: &[
        PREFIX,
        REV,
        MAX_TXN_OPS,
        DEST_PREFIX,
        NO_DEST_PREFIX,
        DEST_CERT,
        DEST_KEY,
        DEST_CACERT,
        DEST_INSECURE_TRANSPORT,
        DEST_USER,
        DEST_PASSWORD,
    ],
    run: Some(|call| Box::pin(run(call))),
    ..Command::BLANK
};

async fn run(call: Call) -> Outcome {
    let destination = call.only_word("make-mirror takes one destination argument")?;
    let mapping = mapping(&call.values)?;
    let ops_max = usize::try_from(call.values.int(&MAX_TXN_OPS)).unwrap_or_default().max(1);
    let from_revision = call.values.int(&REV);
    let session = call.open()?;
    let to = destination_client(&session, destination).await?;
    let from = session.client().await?;
    let mut stop = Stop::listen()?;
    let mut mirror = Mirror::new(from, to, mapping, ops_max);
    let ended = stop.or(mirror.run(from_revision)).await;
    if let Some(revision) = mirror.done_up_to() {
        tell(format_args!("mirrored up to revision {revision}; --rev={} takes it up again", revision + 1));
    }
    match ended {
        Ended::Done(outcome) => outcome,
        Ended::Stopped => Err(Failure::silent(Exit::Interrupted)),
    }
}

/// Where the keys go.
///
/// etcdctl takes the prefix off when it is called with `--rev` and without a prefix for the destination, so that a
/// mirror that is taken up again continues under other keys. Here `--rev` changes nothing about the keys.
fn mapping(values: &Values) -> Outcome<Mapping> {
    let (prefix, other) = (values.text(&PREFIX), values.text(&DEST_PREFIX));
    let takes_off = values.switch(&NO_DEST_PREFIX);
    if takes_off && !other.is_empty() {
        return Err(Failure::bad_args(
            "`--dest-prefix` and `--no-dest-prefix` cannot be set at the same time, choose one",
        ));
    }
    let at_destination = if other.is_empty() && !takes_off { prefix.clone() } else { other };
    Ok(Mapping { prefix: prefix.into_bytes(), at_destination: at_destination.into_bytes() })
}

async fn destination_client(session: &Session, destination: String) -> Outcome<Client> {
    let values = &session.values;
    let flags = TlsFlags {
        cacert: &DEST_CACERT,
        cert: &DEST_CERT,
        key: &DEST_KEY,
        insecure_transport: &DEST_INSECURE_TRANSPORT,
        skip_verify: None,
    };
    let (user, given) = (values.text(&DEST_USER), values.text(&DEST_PASSWORD));
    let login = match (user.split_once(':'), given.is_empty()) {
        _ if user.is_empty() => None,
        (_, false) => Some((user, given)),
        (Some((name, password)), true) => Some((name.to_owned(), password.to_owned())),
        (None, true) => Some((user, password::ask("Destination Password: ")?)),
    };
    let credentials = Credentials { login, token: String::new(), tls: secure::tls(values, &flags)? };
    session.connect(&[destination], &credentials).await
}

//! The authorization matrix: random users, roles and requests, each answer held against an independent judge.
//!
//! What is compared is only whether a request is refused for want of a right, and with which of etcd's errors; what a
//! permitted request answers is the business of the differential test.

mod generate;
mod model;
mod send;

use std::time::Instant;

use anyhow::Result;

use crate::server::{Kind, Programs, Server};
use generate::Generator;
use send::Peer;

/// Cases after which users, roles and rights are made anew.
const CASES_PER_MODEL: usize = 500;

/// Passwords are not what is judged here: hashed as etcd does by default they take most of the time.
const CHEAP_PASSWORDS: &str = "--bcrypt-cost=4";

/// Options of the authorization matrix.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The server under test.
    #[arg(long, value_enum, default_value = "ours-memory")]
    server: Kind,
    /// How many cases.
    #[arg(long, default_value_t = 50_000)]
    cases: usize,
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Plays all cases; the answer is whether every verdict was right.
pub(crate) async fn run(options: Options, programs: Programs) -> Result<bool> {
    let begun = Instant::now();
    let (mut played, mut failed, mut refused) = (0, 0, 0);
    let mut seed = options.seed;
    while played < options.cases {
        let mut generator = Generator::new(seed);
        let model = generator.model();
        let server = Server::start_with(options.server, &programs, vec![CHEAP_PASSWORDS.to_owned()]).await?;
        let mut peer = Peer::prepare(&server.endpoint(), &model).await?;
        for number in 0..CASES_PER_MODEL.min(options.cases - played) {
            let case = generator.case(&model);
            let expected = model.judge(&case.caller, &case.needs);
            let found = peer.verdict(&case, &model).await?;
            played += 1;
            refused += usize::from(expected != model::Verdict::Allowed);
            if found != expected {
                failed += 1;
                println!(
                    "FAIL seed {seed} case {number}: {found:?} and not {expected:?}: {case:?}\n  {model:?}"
                );
            }
        }
        seed += 1;
    }
    println!(
        "{played} cases on {}, {refused} of them to be refused, {failed} failed ({:.1?})",
        options.server.name(),
        begun.elapsed()
    );
    Ok(failed == 0)
}

//! Kinds of requests: each seed asks for one, so that a difference has few suspects.

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Requests {
    /// Keys, leases, watches and compactions.
    Data,
    /// The same under limits so low that they are met all the time.
    Limits,
    /// Users, roles, rights and tokens, and requests of those who have them.
    Auth,
    /// Requests as JSON, well and badly formed, with authentication on.
    Gateway,
}

impl Requests {
    /// All kinds in turn.
    pub(super) fn of_seed(seed: u64) -> Self {
        match seed % 4 {
            0 => Requests::Gateway,
            1 => Requests::Data,
            2 => Requests::Auth,
            _ => Requests::Limits,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Requests::Data => "data",
            Requests::Limits => "limits",
            Requests::Auth => "auth",
            Requests::Gateway => "gateway",
        }
    }

    /// What both servers are started with.
    pub(super) fn flags(self) -> Vec<String> {
        let flags: &[&str] = match self {
            Requests::Data => &[],
            Requests::Limits => &["--max-txn-ops=6", "--max-request-bytes=65536"],
            Requests::Auth | Requests::Gateway => &["--bcrypt-cost=4"],
        };
        flags.iter().map(|&flag| flag.to_owned()).collect()
    }

    /// Whether watchers are a part of it. With rights that change they are not: ours end when their right does.
    pub(super) fn watches(self) -> bool {
        matches!(self, Requests::Data | Requests::Limits)
    }

    /// Whether those who ask have rights, or have none.
    pub(super) fn asks_rights(self) -> bool {
        matches!(self, Requests::Auth | Requests::Gateway)
    }

    /// Bytes of a value that is large. With few bytes beside it one passes and two do not, so that it never depends on
    /// how a server counts what it wraps a request in.
    pub(super) fn large_value_bytes(self) -> Option<usize> {
        match self {
            Requests::Data => Some(1_600_000),
            Requests::Limits => Some(48_000),
            Requests::Auth | Requests::Gateway => None,
        }
    }

    pub(super) fn large_values_are_one_in(self) -> u32 {
        match self {
            Requests::Limits => 10,
            _ => 400,
        }
    }

    /// Operations of a transaction that has too many.
    pub(super) fn too_many_ops(self) -> usize {
        match self {
            Requests::Limits => 7,
            _ => 129,
        }
    }
}

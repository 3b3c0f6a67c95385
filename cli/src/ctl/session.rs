//! A called command with its flags, and the connection it makes when its arguments have been found good.

use std::time::Duration;

use etcdkit::{Client, ConnectOptions, TlsPem};

use super::failure::{Exit, Failure, Outcome};
use super::flags::{Parsed, Values, Word};
use super::globals;
use super::output::{Answer, Format, Printer};
use super::secure;

/// Probes closer than this make a server close the connection, so shorter times are raised to it.
const KEEPALIVE_TIME_MIN: Duration = Duration::from_secs(10);

/// A command with what it was called with.
pub(super) struct Call {
    pub(super) values: Values,
    /// The arguments.
    pub(super) words: Vec<Word>,
    /// How many of them came before `--`, when there was one.
    pub(super) before_dash: Option<usize>,
}

impl Call {
    pub(super) fn new(parsed: Parsed) -> Self {
        Call { values: parsed.values, words: parsed.words, before_dash: parsed.before_dash }
    }

    /// Reads the environment and checks the global flags. Does not connect yet.
    pub(super) fn open(mut self) -> Outcome<Session> {
        globals::apply_environment(globals::ALL, &mut self.values, std::env::vars_os())?;
        let values = self.values;
        if values.switch(&globals::DEBUG) {
            print_settings(&values);
        }
        refuse_unsupported(&values)?;
        let tls = secure::tls(&values)?;
        let token = values.text(&globals::AUTH_JWT_TOKEN);
        // A token stands for a login.
        let login = if token.is_empty() { login(&values)? } else { None };
        let printer = Printer {
            format: Format::named(&values.text(&globals::WRITE_OUT))?,
            hex: values.switch(&globals::HEX),
            values_only: false,
        };
        Ok(Session { values, printer, login, token, tls })
    }
}

/// A flag that asks for what this client cannot do must not be passed over in silence.
fn refuse_unsupported(values: &Values) -> Outcome {
    match values.text(&globals::DISCOVERY_SRV).is_empty() {
        true => Ok(()),
        false => Err(Failure::bad_args(format!("--{} is not supported yet", globals::DISCOVERY_SRV.name))),
    }
}

fn login(values: &Values) -> Outcome<Option<(String, String)>> {
    let (user, password) = (values.text(&globals::USER), values.text(&globals::PASSWORD));
    if user.is_empty() {
        return Ok(None);
    }
    if !password.is_empty() {
        return Ok(Some((user, password)));
    }
    match user.split_once(':') {
        Some((name, password)) => Ok(Some((name.to_owned(), password.to_owned()))),
        None => Err(Failure::bad_args(format!(
            "no password for user {user:?}: give it as --user={user}:PASSWORD, by --password or in ETCDCTL_PASSWORD"
        ))),
    }
}

fn print_settings(values: &Values) {
    for flag in globals::ALL {
        super::tell(format_args!("{}={}", globals::variable(flag), values.shown(flag)));
    }
}

/// The settings of a command that is about to talk to a server.
pub(super) struct Session {
    pub(super) values: Values,
    pub(super) printer: Printer,
    login: Option<(String, String)>,
    token: String,
    tls: Option<TlsPem>,
}

impl Session {
    /// The endpoints named by flag or variable.
    pub(super) fn endpoints(&self) -> Vec<String> {
        let listed = self.values.list(&globals::ENDPOINTS);
        listed
            .iter()
            .map(|endpoint| endpoint.trim().to_owned())
            .filter(|endpoint| !endpoint.is_empty())
            .collect()
    }

    /// A client of all endpoints.
    pub(super) async fn client(&self) -> Outcome<Client> {
        self.client_of(&self.endpoints(), self.login.clone()).await
    }

    /// A client of one endpoint.
    pub(super) async fn client_at(&self, endpoint: &str) -> Outcome<Client> {
        self.client_of(&[endpoint.to_owned()], self.login.clone()).await
    }

    /// A client that does not log in, for what needs no permission.
    pub(super) async fn anonymous_client(&self) -> Outcome<Client> {
        self.client_of(&self.endpoints(), None).await
    }

    async fn client_of(&self, endpoints: &[String], login: Option<(String, String)>) -> Outcome<Client> {
        if endpoints.is_empty() {
            return Err(Failure::new(Exit::BadConnection, "etcdclient: no available endpoints"));
        }
        let idle = self.values.duration(&globals::KEEPALIVE_TIME).max(KEEPALIVE_TIME_MIN);
        let mut options = ConnectOptions::new()
            .with_timeout(self.values.duration(&globals::COMMAND_TIMEOUT))
            .with_connect_timeout(self.values.duration(&globals::DIAL_TIMEOUT))
            .with_keep_alive(idle, self.values.duration(&globals::KEEPALIVE_TIMEOUT));
        if let Some((name, password)) = login {
            options = options.with_user(name, password);
        }
        if !self.token.is_empty() {
            options = options.with_token(self.token.clone());
        }
        if let Some(tls) = &self.tls {
            options = options.with_tls_pem(tls).map_err(|error| Failure::bad_args(error.message()))?;
        }
        Client::connect(endpoints, Some(options))
            .await
            .map_err(|error| Failure::new(Exit::BadConnection, describe(&error)))
    }

    /// Prints an answer in the format asked for.
    pub(super) fn print(&self, answer: &Answer<'_>) -> Outcome {
        self.printer.print(answer)
    }
}

/// Words an error as etcdctl does, and adds what only this client knows.
pub(super) fn describe(error: &etcdkit::Error) -> String {
    let mut text = match error.etcd() {
        Some(known) => known.message().to_owned(),
        None => describe_unknown(error),
    };
    if error.outcome_unknown() {
        text.push_str("; the write may or may not have been executed: read before repeating it");
    }
    text
}

/// etcdctl waits for a server until its time is over, so that is what scripts look for.
fn describe_unknown(error: &etcdkit::Error) -> String {
    use etcdkit::ErrorKind;
    match error.kind() {
        ErrorKind::DeadlineExceeded | ErrorKind::Unavailable => {
            format!("context deadline exceeded ({})", error.message())
        }
        _ => error.to_string(),
    }
}

/// A failed request without an exit code of its own.
pub(super) fn failed(error: etcdkit::Error) -> Failure {
    Failure::error(describe(&error))
}

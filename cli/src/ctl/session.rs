//! A called command with its flags, and the connection it makes when its arguments have been found good.

use std::time::Duration;

use etcdkit::{Client, ConnectOptions, TlsPem};

use super::discovery;
use super::globals;
use super::output::{Answer, Format, Look, Printer};
use super::secure;
pub(super) use crate::console::call::Call;
use crate::console::failure::{Exit, Failure, Outcome};
use crate::console::flags::Values;
use crate::console::password;

/// Probes closer than this make a server close the connection, so shorter times are raised to it.
const KEEPALIVE_TIME_MIN: Duration = Duration::from_secs(10);

impl Call {
    /// Reads the environment and checks the global flags. Does not connect yet.
    pub(super) fn open(mut self) -> Outcome<Session> {
        globals::apply_environment(globals::ALL, &mut self.values, std::env::vars_os())?;
        let values = self.values;
        if values.switch(&globals::DEBUG) {
            print_settings(&values);
        }
        let discovered = discovery::endpoints(&values)?;
        let mut tls = secure::tls(&values, &secure::OF_THE_CLUSTER)?;
        if discovered.is_some() {
            let server_name = discovery::server_name(&values);
            if !server_name.is_empty() {
                tls.get_or_insert_default().server_name = server_name;
            }
        }
        let printer = Printer {
            format: Format::named(&values.text(&globals::WRITE_OUT))?,
            hex: values.switch(&globals::HEX),
            values_only: false,
            look: Look::of_stdout(values.switch(&globals::NO_COLOR), values.is_set(&globals::WRITE_OUT)),
        };
        let token = values.text(&globals::AUTH_JWT_TOKEN);
        // A token stands for a login.
        let login = if token.is_empty() { login(&values)? } else { None };
        Ok(Session { values, printer, discovered, credentials: Credentials { login, token, tls } })
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
        None => Ok(Some((user, password::ask("Password: ")?))),
    }
}

fn print_settings(values: &Values) {
    for flag in globals::ALL {
        crate::console::tell(format_args!("{}={}", globals::variable(flag), values.shown(flag)));
    }
}

/// What a cluster is convinced with, and how far it is trusted.
#[derive(Clone)]
pub(super) struct Credentials {
    /// Name and password.
    pub(super) login: Option<(String, String)>,
    /// A JWT; empty for none.
    pub(super) token: String,
    pub(super) tls: Option<TlsPem>,
}

/// The settings of a command that is about to talk to a server.
pub(super) struct Session {
    pub(super) values: Values,
    pub(super) printer: Printer,
    /// What DNS named instead of the flag.
    discovered: Option<Vec<String>>,
    credentials: Credentials,
}

impl Session {
    /// The endpoints named by DNS, flag or variable.
    pub(super) fn endpoints(&self) -> Vec<String> {
        if let Some(discovered) = &self.discovered {
            return discovered.clone();
        }
        let listed = self.values.list(&globals::ENDPOINTS);
        listed
            .iter()
            .map(|endpoint| endpoint.trim().to_owned())
            .filter(|endpoint| !endpoint.is_empty())
            .collect()
    }

    /// What connections are encrypted with, if they are.
    pub(super) fn tls(&self) -> Option<&TlsPem> {
        self.credentials.tls.as_ref()
    }

    /// A client of all endpoints.
    pub(super) async fn client(&self) -> Outcome<Client> {
        self.connect(&self.endpoints(), &self.credentials).await
    }

    /// A client of one endpoint.
    pub(super) async fn client_at(&self, endpoint: &str) -> Outcome<Client> {
        self.connect(&[endpoint.to_owned()], &self.credentials).await
    }

    /// A client that does not log in, for what needs no permission.
    pub(super) async fn anonymous_client(&self) -> Outcome<Client> {
        let credentials = Credentials { login: None, ..self.credentials.clone() };
        self.connect(&self.endpoints(), &credentials).await
    }

    /// A client of any cluster, with the timeouts of this command.
    pub(super) async fn connect(&self, endpoints: &[String], credentials: &Credentials) -> Outcome<Client> {
        if endpoints.is_empty() {
            return Err(Failure::new(Exit::BadConnection, "etcdclient: no available endpoints"));
        }
        let idle = self.values.duration(&globals::KEEPALIVE_TIME).max(KEEPALIVE_TIME_MIN);
        let mut options = ConnectOptions::new()
            .with_timeout(self.values.duration(&globals::COMMAND_TIMEOUT))
            .with_connect_timeout(self.values.duration(&globals::DIAL_TIMEOUT))
            .with_keep_alive(idle, self.values.duration(&globals::KEEPALIVE_TIMEOUT));
        if let Some((name, password)) = &credentials.login {
            options = options.with_user(name, password);
        }
        if !credentials.token.is_empty() {
            options = options.with_token(&credentials.token);
        }
        if let Some(tls) = &credentials.tls {
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
        _ => match error {
            etcdkit::Error::GRpcStatus(status) => {
                format!("rpc error: code = {} desc = {}", go_name(status.code()), status.message())
            }
            other => other.to_string(),
        },
    }
}

/// The name Go has for a code.
fn go_name(code: etcdkit::Code) -> String {
    match code {
        etcdkit::Code::Cancelled => "Canceled".to_owned(),
        etcdkit::Code::Ok => "OK".to_owned(),
        code => format!("{code:?}"),
    }
}

/// A failed request without an exit code of its own.
pub(super) fn failed(error: etcdkit::Error) -> Failure {
    Failure::error(describe(&error))
}

//! Tokens that carry their own proof: a user, the auth revision it was recognised at, an end, and a signature.
//!
//! Any member that has the public key knows such a token, also one that was down when it was given. The price: a token
//! is good until its end or until users or rights change, whichever comes first, because the revision in it is then old.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::time::{Duration, SystemTime};

use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

use crate::command::Caller;
use crate::config::{ConfigError, parse_duration};
use crate::platform;

/// Life of a token when the options name none, as in etcd.
const TTL_DEFAULT: Duration = Duration::from_secs(300);

/// Longest token that is looked at, bytes. One that names a user and a revision takes a few hundred.
const TOKEN_BYTES_MAX: usize = 8 << 10;

/// Signs and reads tokens.
pub(crate) struct Jwt {
    algorithm: Algorithm,
    /// Absent where only a public key is known: tokens are then given elsewhere.
    signing: Option<EncodingKey>,
    reading: DecodingKey,
    validation: Validation,
    ttl: Duration,
}

/// What a token says, spelled as in etcd.
#[derive(Debug, Deserialize, Serialize)]
struct Claims {
    username: String,
    revision: u64,
    #[serde(default)]
    exp: u64,
}

/// A token cannot be given.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SignError {
    /// There is no private key.
    #[error("auth: token signing attempted with verify-only key")]
    VerifyOnly,
    /// The key does not do it.
    #[error("auth: {0}")]
    Key(String),
}

/// How tokens are made.
pub(crate) enum TokenKind {
    /// Names kept in memory.
    Simple,
    /// Signed.
    Jwt(Box<Jwt>),
}

impl TokenKind {
    /// Reads the value of `--auth-token`: `simple`, or `jwt,option=value,…`, and the keys it names.
    pub(crate) fn open(text: &str) -> Result<Self, ConfigError> {
        let (kind, options) = text.split_once(',').unwrap_or((text, ""));
        let refused = |why: String| ConfigError(format!("--auth-token {text:?}: {why}"));
        match kind {
            "simple" => Ok(TokenKind::Simple),
            "jwt" => Ok(TokenKind::Jwt(Box::new(
                parse_options(options).and_then(|options| Jwt::new(&options)).map_err(refused)?,
            ))),
            _ => Err(refused("it begins with simple or jwt".to_owned())),
        }
    }
}

fn parse_options(text: &str) -> Result<HashMap<&str, &str>, String> {
    let mut options = HashMap::new();
    for pair in text.split(',').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').ok_or_else(|| format!("{pair:?} is not option=value"))?;
        if options.insert(name, value).is_some() {
            return Err(format!("{name} is given twice"));
        }
        if !["sign-method", "pub-key", "priv-key", "ttl"].contains(&name) {
            tracing::warn!(option = name, "unknown JWT option");
        }
    }
    Ok(options)
}

impl Jwt {
    fn new(options: &HashMap<&str, &str>) -> Result<Self, String> {
        let method = options.get("sign-method").copied().unwrap_or_default();
        let algorithm: Algorithm = match method {
            "ES512" => return Err("sign-method ES512 is not supported: use ES256, ES384 or EdDSA".to_owned()),
            method => {
                method.parse::<Algorithm>().map_err(|_| format!("there is no sign-method {method:?}"))?
            }
        };
        let ttl = match options.get("ttl") {
            Some(text) => parse_duration(text).map_err(|error| error.to_string())?,
            None => TTL_DEFAULT,
        };
        let private = read_key(options.get("priv-key"))?;
        let public = read_key(options.get("pub-key"))?;
        let (signing, reading) = keys(algorithm, private.as_deref(), public.as_deref())?;
        let mut validation = Validation::new(algorithm);
        // As in etcd: to the second, and a token without an end has none.
        validation.leeway = 0;
        validation.required_spec_claims = HashSet::new();
        validation.validate_aud = false;
        Ok(Jwt { algorithm, signing, reading, validation, ttl })
    }

    /// A token for a user that has shown its password.
    pub(crate) fn sign(&self, caller: &Caller) -> Result<String, SignError> {
        let key = self.signing.as_ref().ok_or(SignError::VerifyOnly)?;
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let claims = Claims {
            username: caller.user.clone(),
            revision: caller.revision,
            exp: now.saturating_add(self.ttl).as_secs(),
        };
        jsonwebtoken::encode(&Header::new(self.algorithm), &claims, key)
            .map_err(|error| SignError::Key(error.to_string()))
    }

    /// Whom a token names; none when it is not good.
    pub(crate) fn caller(&self, token: &str) -> Option<Caller> {
        if token.len() > TOKEN_BYTES_MAX {
            tracing::debug!(bytes = token.len(), "a token is too long");
            return None;
        }
        match jsonwebtoken::decode::<Claims>(token, &self.reading, &self.validation) {
            Ok(token) => Some(Caller { user: token.claims.username, revision: token.claims.revision }),
            Err(error) => {
                tracing::debug!(%error, "a token is not good");
                None
            }
        }
    }
}

fn read_key(path: Option<&&str>) -> Result<Option<Vec<u8>>, String> {
    let Some(path) = path.filter(|path| !path.is_empty()) else { return Ok(None) };
    platform::read_file(Path::new(path)).map(Some).map_err(|error| format!("cannot read {path}: {error}"))
}

/// The key to sign with, where there is a private one, and the key to read with.
fn keys(
    algorithm: Algorithm,
    private: Option<&[u8]>,
    public: Option<&[u8]>,
) -> Result<(Option<EncodingKey>, DecodingKey), String> {
    use Algorithm::{ES256, ES384, EdDSA, HS256, HS384, HS512};
    if let HS256 | HS384 | HS512 = algorithm {
        let secret = private.ok_or("the secret (priv-key) is missing")?;
        return Ok((Some(EncodingKey::from_secret(secret)), DecodingKey::from_secret(secret)));
    }
    let (private, public) = match algorithm {
        ES256 | ES384 => (private.map(EncodingKey::from_ec_pem), public.map(DecodingKey::from_ec_pem)),
        EdDSA => (private.map(EncodingKey::from_ed_pem), public.map(DecodingKey::from_ed_pem)),
        _ => (private.map(EncodingKey::from_rsa_pem), public.map(DecodingKey::from_rsa_pem)),
    };
    let unusable = |which: &str, error: jsonwebtoken::errors::Error| {
        format!("the {which} key is no PKCS #8 (or, for RSA, PKCS #1) PEM key for {algorithm:?}: {error}")
    };
    let private = private.transpose().map_err(|error| unusable("private", error))?;
    let public = public.transpose().map_err(|error| unusable("public", error))?;
    let Some(private) = private else {
        return Ok((None, public.ok_or("neither pub-key nor priv-key is given")?));
    };
    let own = Jwk::from_encoding_key(&private, algorithm).map_err(|error| unusable("private", error))?;
    let matches = |public: &DecodingKey| {
        Jwk::from_decoding_key(public, Some(algorithm)).is_ok_and(|other| other == own)
    };
    if public.as_ref().is_some_and(|public| !matches(public)) {
        return Err("the public key is not that of the private key".to_owned());
    }
    let reading = DecodingKey::from_jwk(&own).map_err(|error| unusable("private", error))?;
    Ok((Some(private), reading))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384};

    use super::*;

    /// Keys as `openssl genpkey` writes them, made for this test.
    const ED_PRIVATE: &str = "-----BEGIN PRIVATE KEY-----\n\
        MC4CAQAwBQYDK2VwBCIEIE35B5RjESQpGMOJsdn2rGXZKp16UlHvh5i2IRcWYfxb\n\
        -----END PRIVATE KEY-----\n";
    const ED_PUBLIC: &str = "-----BEGIN PUBLIC KEY-----\n\
        MCowBQYDK2VwAyEATK7lwkKxdF4P829ehGEYHH+I64QISuUYGOUgAvgq/+o=\n\
        -----END PUBLIC KEY-----\n";
    const ED_PUBLIC_OF_ANOTHER: &str = "-----BEGIN PUBLIC KEY-----\n\
        MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n\
        -----END PUBLIC KEY-----\n";

    struct Keys(tempfile::TempDir);

    impl Keys {
        fn new() -> Self {
            Keys(tempfile::tempdir().unwrap())
        }

        fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
            let path = self.0.path().join(name);
            std::fs::write(&path, content).unwrap();
            path.to_str().unwrap().to_owned()
        }
    }

    fn open(options: &str) -> Result<Box<Jwt>, String> {
        match TokenKind::open(options) {
            Ok(TokenKind::Jwt(jwt)) => Ok(jwt),
            Ok(TokenKind::Simple) => Err("simple".to_owned()),
            Err(error) => Err(error.0),
        }
    }

    fn caller() -> Caller {
        Caller { user: "alice".into(), revision: 7 }
    }

    #[test]
    fn a_token_tells_its_user_and_revision() {
        let keys = Keys::new();
        let secret = keys.file("secret", "a secret of some length, as it should be");
        for method in ["HS256", "HS384", "HS512"] {
            let jwt = open(&format!("jwt,sign-method={method},priv-key={secret}")).unwrap();
            assert_eq!(jwt.caller(&jwt.sign(&caller()).unwrap()), Some(caller()), "{method}");
        }
        let made = |kind| {
            let pair = KeyPair::generate_for(kind).unwrap();
            (pair.serialize_pem(), pair.public_key_pem())
        };
        let pairs = [
            ("ES256", made(&PKCS_ECDSA_P256_SHA256), made(&PKCS_ECDSA_P256_SHA256).1),
            ("ES384", made(&PKCS_ECDSA_P384_SHA384), made(&PKCS_ECDSA_P384_SHA384).1),
            ("EdDSA", (ED_PRIVATE.to_owned(), ED_PUBLIC.to_owned()), ED_PUBLIC_OF_ANOTHER.to_owned()),
        ];
        for (method, (private, public), other) in pairs {
            let private = keys.file("private.pem", private);
            let public = keys.file("public.pem", public);
            let other = keys.file("other.pem", other);
            let both =
                open(&format!("jwt,sign-method={method},priv-key={private},pub-key={public}")).unwrap();
            let token = both.sign(&caller()).unwrap();
            let public_only = open(&format!("jwt,sign-method={method},pub-key={public}")).unwrap();
            let private_only = open(&format!("jwt,sign-method={method},priv-key={private}")).unwrap();
            for reader in [&both, &public_only, &private_only] {
                assert_eq!(reader.caller(&token), Some(caller()), "{method}");
            }
            assert_eq!(public_only.sign(&caller()), Err(SignError::VerifyOnly));
            let stranger = open(&format!("jwt,sign-method={method},pub-key={other}")).unwrap();
            assert_eq!(stranger.caller(&token), None, "{method}");
            let mismatch = open(&format!("jwt,sign-method={method},priv-key={private},pub-key={other}"));
            assert!(mismatch.err().unwrap().contains("not that of the private key"));
        }
    }

    #[test]
    fn a_token_that_has_ended_or_was_changed_is_not_good() {
        let keys = Keys::new();
        let secret = keys.file("secret", "a secret of some length, as it should be");
        let jwt = open(&format!("jwt,sign-method=HS256,priv-key={secret},ttl=0s")).unwrap();
        let ended = Claims { username: "alice".into(), revision: 7, exp: 1 };
        let key = jwt.signing.as_ref().unwrap();
        let ended = jsonwebtoken::encode(&Header::new(jwt.algorithm), &ended, key).unwrap();
        assert_eq!(jwt.caller(&ended), None);
        let long = open(&format!("jwt,sign-method=HS256,priv-key={secret}")).unwrap();
        let mut token = long.sign(&caller()).unwrap();
        assert_eq!(long.caller(&token), Some(caller()));
        token.insert(token.len() / 2, 'A');
        assert_eq!((long.caller(&token), long.caller(""), long.caller("a.b.c")), (None, None, None));
        let other_method = open(&format!("jwt,sign-method=HS512,priv-key={secret}")).unwrap();
        assert_eq!(other_method.caller(&long.sign(&caller()).unwrap()), None, "the method is fixed");
    }

    /// What attackers try: no signature, the public key taken for a secret, what is long or has many parts.
    #[test]
    fn a_forged_token_is_not_good() {
        let keys = Keys::new();
        let (private, public) = (keys.file("private.pem", ED_PRIVATE), keys.file("public.pem", ED_PUBLIC));
        let jwt = open(&format!("jwt,sign-method=EdDSA,priv-key={private},pub-key={public}")).unwrap();
        let good = jwt.sign(&caller()).unwrap();
        let claims = good.split('.').nth(1).unwrap();
        // {"typ":"JWT","alg":"none"} and {"alg":"None"}.
        let none = ["eyJ0eXAiOiJKV1QiLCJhbGciOiJub25lIn0", "eyJhbGciOiJOb25lIn0"];
        let by_public_key = {
            let key = EncodingKey::from_secret(ED_PUBLIC.as_bytes());
            let claims = Claims { username: "alice".into(), revision: 7, exp: u64::MAX };
            jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key).unwrap()
        };
        let forged = [
            format!("{}.{claims}.", none[0]),
            format!("{}.{claims}.", none[1]),
            by_public_key,
            good[..good.len() - 1].to_owned(),
            good.rsplit_once('.').unwrap().0.to_owned(),
            format!("{good}{}", "A".repeat(1 << 20)),
            ".".repeat(10_000),
        ];
        for token in forged {
            assert_eq!(jwt.caller(&token), None, "{}", &token[..token.len().min(60)]);
        }
        assert_eq!(jwt.caller(&good), Some(caller()));
    }

    #[test]
    fn unusable_options_are_told() {
        let keys = Keys::new();
        let text = keys.file("text", "no key");
        for (options, message) in [
            ("foo".to_owned(), "simple or jwt"),
            ("jwt".to_owned(), "no sign-method"),
            ("jwt,sign-method=none".to_owned(), "no sign-method"),
            ("jwt,sign-method=ES512".to_owned(), "not supported"),
            ("jwt,sign-method=HS256".to_owned(), "is missing"),
            ("jwt,sign-method=RS256".to_owned(), "neither pub-key nor priv-key"),
            ("jwt,sign-method=RS256,priv-key=/nowhere".to_owned(), "cannot read /nowhere"),
            (format!("jwt,sign-method=RS256,priv-key={text}"), "the private key is no"),
            ("jwt,ttl".to_owned(), "is not option=value"),
            ("jwt,ttl=1s,ttl=2s".to_owned(), "given twice"),
        ] {
            let error = open(&options).err().unwrap();
            assert!(error.contains(message), "{options}: {error}");
        }
    }
}

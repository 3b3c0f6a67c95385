//! What browsers are told about who may ask.

use http::HeaderMap;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue,
};

/// The origins that may ask.
#[derive(Debug)]
pub(super) struct Cors {
    origins: Vec<String>,
}

impl Cors {
    /// Reads a list of origins separated by commas; `*` is any, and so is nothing.
    pub(super) fn new(origins: &str) -> Self {
        Cors { origins: origins.split(',').map(|origin| origin.trim().to_owned()).collect() }
    }

    fn allow(&self, origin: Option<&HeaderValue>) -> Option<HeaderValue> {
        if self.origins.iter().any(|known| known == "*" || known.is_empty()) {
            return Some(HeaderValue::from_static("*"));
        }
        let origin = origin?;
        self.origins.iter().any(|known| known.as_bytes() == origin.as_bytes()).then(|| origin.clone())
    }

    /// Adds the headers by which a browser decides whether a page may see the answer.
    pub(super) fn sign(&self, headers: &mut HeaderMap, origin: Option<&HeaderValue>) {
        let Some(allowed) = self.allow(origin) else { return };
        headers.insert(
            ACCESS_CONTROL_ALLOW_METHODS,
            HeaderValue::from_static("POST, GET, OPTIONS, PUT, DELETE"),
        );
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        headers.insert(
            ACCESS_CONTROL_ALLOW_HEADERS,
            HeaderValue::from_static("accept, content-type, authorization"),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_allowed_by_name_or_by_the_star() {
        let origin = HeaderValue::from_static("http://a");
        assert_eq!(Cors::new("*").allow(None), Some(HeaderValue::from_static("*")));
        assert_eq!(Cors::new("http://b, http://a").allow(Some(&origin)), Some(origin.clone()));
        assert_eq!(Cors::new("http://b").allow(Some(&origin)), None);
        assert_eq!(Cors::new("http://b").allow(None), None);
    }
}

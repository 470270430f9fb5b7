//! What the application accepts and nobody can have meant.

use url::Url;

/// Further apart than this, two names are not each other's misspelling.
const FARTHEST: usize = 3;
/// The methods of RFC 9110 and RFC 5789.
const METHODS: &[&str] = &["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE"];

/// On a key that is not among the known ones. Keys that begin with `x-` are meant to be
/// ignored, by a custom that compose files have spread.
pub fn on_key(name: &str, known: &[&str]) -> Option<String> {
    if known.contains(&name) || name.starts_with("x-") {
        return None;
    }
    let distance = |candidate: &&str| strsim::damerau_levenshtein(name, candidate);
    let nearest =
        known.iter().copied().min_by_key(distance).filter(|candidate| distance(candidate) <= FARTHEST);
    let hint = nearest.map(|nearest| format!(": is {nearest} meant?")).unwrap_or_default();
    Some(format!("is a key that the application ignores{hint}"))
}

/// On a base URL that no request can be sent to.
pub fn on_base_url(text: &str) -> Option<String> {
    let is_http = |url: &Url| matches!(url.scheme(), "http" | "https") && url.host().is_some();
    if text.is_empty() || Url::parse(text).is_ok_and(|url| is_http(&url)) {
        return None;
    }
    Some("is no http:// or https:// URL".into())
}

/// On an endpoint that no request's path can begin with.
pub fn on_endpoint(text: &str) -> Option<String> {
    (!text.starts_with('/')).then(|| format!("{text:?} does not begin with a slash, so no path matches it"))
}

/// On a method that no request has.
pub fn on_method(text: &str) -> Option<String> {
    (!METHODS.contains(&text)).then(|| format!("{text:?} is no HTTP method (they are upper case)"))
}

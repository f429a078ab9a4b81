//! What of a request's URLs may be fetched.

use super::compiled;
use crate::contract::snapshot::Fetching;
use crate::control::config::Origins;
use std::sync::Arc;

fn fetching(media: &str) -> Option<Arc<Fetching>> {
    let rest = "providers: {p: {format: openai, base_url: https://x.example}}\nmodels: {m: {targets: [{provider: p, model: x}]}}\n";
    compiled(format!("{media}{rest}"), &mut Origins::new(None)).snapshot.media.clone()
}

/// Nothing is fetched unless the operator says so, and then what is not said is bounded.
#[test]
fn nothing_is_fetched_by_itself() {
    assert!(fetching("").is_none());
    assert!(fetching("media: {}\n").is_none());
    assert!(fetching("media: {fetch: none, hosts: [a.example]}\n").is_none());
    let rules = fetching("media: {fetch: https}\n").expect("rules");
    assert!(!rules.plain_http && rules.hosts.allows("any.example") && rules.private_hosts.is_empty());
    assert_eq!((rules.bytes_max, rules.count_max, rules.timeout_ms), (20 << 20, 20, 10_000));
}

/// Hosts are those that are listed, in any case; private ones have the one port that is named, or their scheme's.
#[test]
fn hosts_are_listed() {
    let rules = fetching(
        "media: {fetch: any, hosts: [A.example, \"*.b.example\"], private_hosts: [C.corp, \"10.0.0.7:8443\", \"c.corp:443\"], bytes_max: 7, count_max: 2, timeout_ms: 5}\n",
    );
    let rules = rules.expect("rules");
    assert!(rules.plain_http);
    let allowed = ["a.example", "x.b.example"].map(|host| rules.hosts.allows(host));
    let others = ["b.example", "a.example.evil", "c.corp"].map(|host| rules.hosts.allows(host));
    assert_eq!((allowed, others), ([true; 2], [false; 3]));
    let private: Vec<_> = rules.private_hosts.iter().map(|(host, port)| (&**host, *port)).collect();
    assert_eq!(private, [("c.corp", None), ("10.0.0.7", Some(8443)), ("c.corp", Some(443))]);
    assert_eq!((rules.bytes_max, rules.count_max, rules.timeout_ms), (7, 2, 5));
}

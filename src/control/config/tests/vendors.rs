//! Providers that name a vendor.

use super::{compiled, lines};
use crate::contract::snapshot::Provider;
use crate::control::config::{Origins, vendors};

fn provider(row: &str) -> Provider {
    let text = format!("providers: {{p: {row}}}\nmodels: {{m: {{targets: [{{provider: p, model: x}}]}}}}\n");
    let compiled = compiled(text, &mut Origins::new(None));
    assert!(compiled.warnings.is_empty(), "{row}: {}", lines(&compiled.warnings));
    compiled.snapshot.providers.into_iter().next().expect("one provider")
}

fn credential(provider: &Provider) -> (String, String) {
    let (name, value) =
        (&provider.credential_header, &provider.credentials.first().expect("a credential").value);
    (name.to_string(), String::from_utf8_lossy(value.expose()).into_owned())
}

/// Every row of the table makes a provider, with its key and, where the operator has one of their own, an address.
#[test]
fn every_row_compiles() {
    for vendor in vendors::names().map(|name| vendors::find(name).expect("a row")) {
        let base_url =
            if vendor.base_url.is_some() { "" } else { ", base_url: 'https://models.example/gateway'" };
        let row = format!("{{vendor: {}, api_key: '${{SECRET}}'{base_url}}}", vendor.name);
        let provider = provider(&row);
        assert!(provider.origin.tls.is_some(), "{row}: keys travel in TLS");
        assert!(credential(&provider).1.ends_with("sk-canary-0123456789"), "{row}");
    }
}

/// What a provider does not say is as its vendor has it.
#[test]
fn vendors_are_inherited_from() {
    let groq = provider("{vendor: groq, api_key: '${SECRET}'}");
    assert_eq!((&*groq.host_header, &*groq.base_path), ("api.groq.com", "/openai/v1"));
    assert_eq!(credential(&groq), ("authorization".into(), "Bearer sk-canary-0123456789".into()));
    assert!(groq.takes_stream_usage && groq.has_responses && !groq.counts_input);
    assert!(provider("{vendor: openai, api_key: '${SECRET}'}").counts_input);
    let azure =
        provider("{vendor: azure, api_key: '${SECRET}', base_url: 'https://r.openai.azure.com/openai/v1'}");
    assert_eq!(credential(&azure), ("api-key".into(), "sk-canary-0123456789".into()));
    assert!(!provider("{vendor: mistral, api_key: '${SECRET}'}").takes_stream_usage);
    assert!(!provider("{vendor: google, api_key: '${SECRET}'}").has_responses);
}

/// What a provider does say wins over its vendor.
#[test]
fn own_words_win() {
    let own = provider(
        "{vendor: mistral, api_key: '${SECRET}', base_url: 'http://10.0.0.7:81/x', header: X-Key, stream_usage: true}",
    );
    assert_eq!((&*own.host_header, &*own.base_path), ("10.0.0.7:81", "/x"));
    assert_eq!(credential(&own), ("x-key".into(), "sk-canary-0123456789".into()));
    assert!(own.takes_stream_usage);
    assert!(provider("{vendor: google, api_key: '${SECRET}', responses: true}").has_responses);
    assert!(provider("{vendor: vllm, base_url: 'http://x/v1', input_tokens: true}").counts_input);
    provider(
        "{vendor: anthropic, format: openai, base_url: 'https://api.anthropic.com/v1', api_key: '${SECRET}'}",
    );
}

/// A vendor that wants a key is told of when there is none, unless the address is the operator's own.
#[test]
fn absent_keys_are_told() {
    let text = "
providers:
  a: {vendor: groq}
  b: {vendor: groq, base_url: https://proxy.example}
  c: {vendor: vllm, base_url: http://10.0.0.7:8000/v1}
models: {m: {targets: [{provider: a, model: x}]}}
";
    let warnings = lines(&compiled(text, &mut Origins::new(None)).warnings);
    let expected =
        "gateway.yaml:3:15: providers.a.vendor: groq wants a key, and api_key is absent (${GROQ_API_KEY}?)\n";
    assert_eq!(warnings, expected);
}

/// A base that ends where no vendor's does, or with what the gateway puts behind it, is told of.
#[test]
fn odd_bases_are_told() {
    let text = "
providers:
  a: {vendor: vllm, base_url: http://10.0.0.7:8000}
  b: {format: openai, base_url: https://models.example/v1/chat/completions}
models: {m: {targets: [{provider: a, model: x}]}}
";
    let warnings = lines(&compiled(text, &mut Origins::new(None)).warnings);
    let expected = "gateway.yaml:3:31: providers.a.base_url: may lack the rest of its path: for vllm it looks like http://HOST:8000/v1\n\
        gateway.yaml:4:33: providers.b.base_url: ends with /chat/completions, which the gateway puts behind it by itself\n";
    assert_eq!(warnings, expected);
}

//! Credentials that are fetched and renewed: with token servers that tell the truth, and ones that do not.

use crate::harness::{Gateway, Io, Scripted, Setup, chat, fresh_dir, on_both_drivers, over_tls, post, until};
use crate::signatures::verify;
use ring::signature;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const RSA_KEY: &str = include_str!("fixtures/test-only-rsa-2048.key");
pub const CHAT: &str = "/v1/chat/completions";
const MESSAGE: &str = r#"{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"hi"}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":1,"output_tokens":1}}"#;
const FAR: &str = "2099-01-01T00:00:00Z";

/// An HTTP answer.
pub fn answer(status: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n");
    format!("{head}{body}").into_bytes()
}

pub fn ok(body: &str) -> Vec<u8> {
    answer("200 OK", body)
}

/// A server that answers every request by what `say` makes of it.
pub fn server(say: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> Scripted {
    Scripted::start(move |_, mut peer| {
        while let Some(request) = peer.request() {
            peer.send(&say(&request));
        }
    })
}

/// A token server whose tokens are `t1`, `t2` and so on, each good for so long.
pub fn tokens(life: u64) -> Scripted {
    let given = AtomicUsize::new(0);
    server(move |_| {
        let number = given.fetch_add(1, Ordering::Relaxed) + 1;
        ok(&json!({"access_token": format!("canary-t{number}"), "expires_in": life, "token_type": "Bearer"})
            .to_string())
    })
}

/// A provider that answers in the format that it was asked in.
pub fn provider() -> Scripted {
    server(|request| ok(if request.starts_with("POST /v1/messages") { MESSAGE } else { r#"{"a":1}"# }))
}

pub fn field<'r>(request: &'r str, name: &str) -> Option<&'r str> {
    let head = request.split("\r\n\r\n").next()?;
    head.lines().find_map(|line| {
        let (known, value) = line.split_once(':')?;
        known.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// What the last request was authorized by.
pub fn authorization(provider: &Scripted) -> String {
    let seen = provider.seen();
    field(seen.last().expect("a request"), "authorization").unwrap_or_default().to_owned()
}

/// A setup with a provider `name` for each of these `auth` blocks, in both formats, and models of the same names:
/// `name` is asked with the client's own bytes, `name-x` is translated.
pub fn setup(io: Io, up: SocketAddr, blocks: &[(&str, &str)]) -> Setup {
    let mut setup = Setup::at(io, up);
    for (name, auth) in blocks {
        let row = |format: &str, base: &str| {
            format!("{{format: {format}, base_url: \"http://{up}{base}\", auth: {auth}}}")
        };
        let crossing = format!("{name}-x");
        setup = setup
            .provider_row(name, &row("openai", "/v1"))
            .provider_row(&crossing, &row("anthropic", ""))
            .model(name, &format!("{{provider: {name}, model: real}}"), "")
            .model(&crossing, &format!("{{provider: {crossing}, model: real}}"), "");
    }
    setup
}

pub fn ask(model: &str) -> Vec<u8> {
    ask_with(model, "hi")
}

pub fn ask_with(model: &str, content: &str) -> Vec<u8> {
    let body = json!({"model": model, "max_tokens": 9, "messages": [{"role": "user", "content": content}]});
    post(CHAT, &body.to_string())
}

/// Asks until the provider is reached, and gives what it was shown.
pub fn shown(gateway: &Gateway, provider: &Scripted, model: &str) -> String {
    until("an answer", || (gateway.client().ask(&ask(model)).status == 200).then_some(()));
    authorization(provider)
}

pub fn start(setup: &Setup, variables: &[(&str, &str)]) -> Gateway {
    let dir = fresh_dir();
    std::fs::write(dir.join("gateway.yaml"), setup.yaml(&dir)).expect("a file can be written");
    Gateway::spawn_with(dir, &[], variables)
}

/// The JSON of a service account's key.
fn account(token_uri: &str) -> String {
    json!({
        "type": "service_account",
        "client_email": "gateway@tests.example",
        "private_key_id": "key-of-tests",
        "private_key": RSA_KEY,
        "token_uri": token_uri,
    })
    .to_string()
}

/// Nothing that the operator reads holds a secret.
#[track_caller]
pub fn quiet(gateway: &Gateway) {
    for text in [gateway.stderr(), gateway.stdout(), gateway.log(), gateway.metrics()] {
        assert!(!text.contains("canary-") && !text.contains("PRIVATE"), "{text}");
    }
}

/// A service account's statement is signed with its key, and its token is shown; a new one follows before the old one
/// is over, while requests go on.
#[test]
fn tokens_are_renewed() {
    on_both_drivers(|io| {
        // Lives are counted in whole seconds: of a shorter one too little might be left to renew it in.
        let (tokens, provider) = (tokens(4), provider());
        let url = format!("http://{}/token", tokens.address);
        let auth = "{google: {service_account: '${ACCOUNT}', scope: scope-of-tests}}";
        let gateway = start(&setup(io, provider.address, &[("g", auth)]), &[("ACCOUNT", &account(&url))]);
        assert_eq!(gateway.client().ask(&ask("g")).status, 200, "it is there from the first request on");
        assert_eq!(authorization(&provider), "Bearer canary-t1");
        let request = tokens.seen().remove(0);
        assert!(request.starts_with("POST /token HTTP/1.1\r\n"), "{request}");
        assert_eq!(field(&request, "content-type"), Some("application/x-www-form-urlencoded"));
        check_assertion(&request, &url);
        // Nobody waits for a renewal, and no request falls between two tokens.
        until("the third token", || {
            for model in ["g", "g-x"] {
                let answer = gateway.client().ask(&ask(model));
                assert_eq!(answer.status, 200, "{}", answer.text());
            }
            (authorization(&provider) == "Bearer canary-t3").then_some(())
        });
        assert!(tokens.seen().len() >= 3);
        quiet(&gateway);
    });
}

/// The statement in a request for a token is the account's, for this server, and signed with its key.
#[track_caller]
fn check_assertion(request: &str, audience: &str) {
    let body = request.split("\r\n\r\n").nth(1).expect("a body");
    let (grant, assertion) = body.split_once("&assertion=").expect("a form");
    assert_eq!(grant, "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer");
    let parts: Vec<&str> = assertion.split('.').collect();
    let [header, claims] =
        [0, 1].map(|at| -> Value { serde_json::from_slice(&base64(parts[at])).expect("JSON") });
    assert_eq!(header, json!({"alg": "RS256", "typ": "JWT", "kid": "key-of-tests"}));
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("later").as_secs();
    let issued = claims["iat"].as_u64().expect("a time");
    assert!((now - 60..=now).contains(&issued));
    let wanted = json!({
        "iss": "gateway@tests.example",
        "scope": "scope-of-tests",
        "aud": audience,
        "iat": issued,
        "exp": issued + 3600,
    });
    assert_eq!(claims, wanted);
    let der = PrivatePkcs8KeyDer::from_pem_slice(RSA_KEY.as_bytes()).expect("PKCS #8");
    let pair = signature::RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).expect("an RSA key");
    let key =
        signature::UnparsedPublicKey::new(&signature::RSA_PKCS1_2048_8192_SHA256, pair.public().as_ref());
    let signed = format!("{}.{}", parts[0], parts[1]);
    key.verify(signed.as_bytes(), &base64(parts[2])).expect("the account's signature");
}

/// The bytes that digits of base64 in the alphabet of URLs stand for.
fn base64(digits: &str) -> Vec<u8> {
    let value = |digit: u8| match digit {
        b'A'..=b'Z' => digit - b'A',
        b'a'..=b'z' => digit - b'a' + 26,
        b'0'..=b'9' => digit - b'0' + 52,
        b'-' => 62,
        b'_' => 63,
        other => unreachable!("{other} is no digit"),
    };
    let bits: Vec<u8> = digits.bytes().flat_map(|d| (0..6).rev().map(move |at| value(d) >> at & 1)).collect();
    bits.chunks_exact(8).map(|byte| byte.iter().fold(0, |all, bit| all << 1 | bit)).collect()
}

/// The services that machines have, and Entra's and AWS's token services, all at one address.
fn everybody() -> Scripted {
    let keys = |name: &str| {
        json!({
            "Code": "Success", "AccessKeyId": format!("A-{name}"), "SecretAccessKey": format!("canary-{name}"),
            "Token": format!("canary-token-{name}"), "Expiration": FAR,
        })
        .to_string()
    };
    server(move |request| {
        let line = request.lines().next().unwrap_or_default();
        let has = |name: &str, value: &str| field(request, name) == Some(value);
        let roles = "/latest/meta-data/iam/security-credentials/";
        match line.strip_suffix(" HTTP/1.1").unwrap_or_default() {
            "PUT /latest/api/token" if field(request, "x-aws-ec2-metadata-token-ttl-seconds").is_some() => ok("imds-session"),
            path if path.contains(roles) && !has("x-aws-ec2-metadata-token", "imds-session") => {
                answer("401 Unauthorized", "")
            }
            path if path == format!("GET {roles}") => ok("the-role\n"),
            path if path == format!("GET {roles}the-role") => ok(&keys("imds")),
            "GET /v2/container" if has("authorization", "canary-agent") => ok(&keys("container")),
            "POST /sts/" | "POST /sts"
                if request.ends_with("\r\n\r\nAction=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fr&RoleSessionName=ringgate&WebIdentityToken=canary-issued") =>
            {
                ok(&format!("<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials>\n\
                    <AccessKeyId>A-web</AccessKeyId><SecretAccessKey>canary-web</SecretAccessKey>\
                    <SessionToken>canary-token-web</SessionToken><Expiration>{FAR}</Expiration>\
                    </Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"))
            }
            "GET /computeMetadata/v1/instance/service-accounts/default/token?scopes=https%3A%2F%2Fwww.googleapis.com%2Fauth%2Fcloud-platform"
                if has("metadata-flavor", "Google") =>
            {
                ok(r#"{"access_token":"canary-machine","expires_in":3599}"#)
            }
            "POST /t/oauth2/v2.0/token"
                if request.ends_with("\r\n\r\ngrant_type=client_credentials&client_id=c&client_secret=canary-%26secret&scope=https%3A%2F%2Fcognitiveservices.azure.com%2F.default") =>
            {
                ok(r#"{"access_token":"canary-entra","expires_in":"3599"}"#)
            }
            "GET /metadata/identity/oauth2/token?api-version=2018-02-01&resource=https%3A%2F%2Fcognitiveservices.azure.com&client_id=c"
                if has("metadata", "true") =>
            {
                ok(r#"{"access_token":"canary-managed","expires_on":"4070908800"}"#)
            }
            _ => answer("404 Not Found", r#"{"error":"not_found"}"#),
        }
    })
}

/// Every source is asked as its vendor wants it, and what it gives is shown.
#[test]
fn every_source() {
    on_both_drivers(|io| {
        let (everybody, provider) = (everybody(), provider());
        let at = everybody.address;
        let dir = fresh_dir();
        let issued = dir.join("token");
        std::fs::write(&issued, "canary-issued\n").expect("a file can be written");
        let aws = |name: &str, more: &str| {
            format!("{{aws: {{region: r, source: {name}, token_url: \"http://{at}{more}}}}}")
        };
        let web =
            format!("/sts\", role_arn: \"arn:aws:iam::1:role/r\", token_file: \"{}\"", issued.display());
        let blocks = [
            ("imds", aws("imds", "\"")),
            ("container", aws("container", "/v2/container\"")),
            ("web", aws("web_identity", &web)),
            ("machine", format!("{{google: {{metadata: true, token_url: \"http://{at}\"}}}}")),
            (
                "entra",
                format!(
                    "{{entra: {{tenant: t, client_id: c, client_secret: canary-&secret, token_url: \"http://{at}/t/oauth2/v2.0/token\"}}}}"
                ),
            ),
            (
                "managed",
                format!("{{entra: {{managed_identity: true, client_id: c, token_url: \"http://{at}\"}}}}"),
            ),
        ];
        let blocks: Vec<_> = blocks.iter().map(|(name, auth)| (*name, auth.as_str())).collect();
        let variables = [("AWS_CONTAINER_AUTHORIZATION_TOKEN", "canary-agent")];
        let gateway = start(&setup(io, provider.address, &blocks), &variables);
        for name in ["imds", "container", "web"] {
            for model in [name.to_owned(), format!("{name}-x")] {
                shown(&gateway, &provider, &model);
                let request = provider.seen().pop().expect("a request");
                let token = format!("canary-token-{name}");
                verify(&request, &format!("A-{name}"), &format!("canary-{name}"), Some(&token), "r/bedrock");
            }
        }
        for name in ["machine", "entra", "managed"] {
            for model in [name.to_owned(), format!("{name}-x")] {
                assert_eq!(shown(&gateway, &provider, &model), format!("Bearer canary-{name}"));
            }
        }
        // Both providers of a block share what was fetched.
        assert_eq!(everybody.seen().len(), 3 + 5);
        quiet(&gateway);
        let metrics = gateway.metrics();
        assert!(
            metrics.contains("gateway_credential_held{provider=\"entra\",source=\"entra_client\"} 1"),
            "{metrics}"
        );
        assert!(
            metrics.contains("gateway_credential_fetches_total{provider=\"imds-x\",source=\"aws_imds\"} 1"),
            "{metrics}"
        );
    });
}

/// A token server that says nothing holds nobody up: the gateway starts, other providers serve, and who wants this one
/// is told at once what is missing, or is served by the next target.
#[test]
fn nobody_waits_for_a_token() {
    on_both_drivers(|io| {
        let silent = Scripted::start(|_, mut peer| peer.wait_for_end());
        let provider = provider();
        let auth = format!("{{google: {{metadata: true, token_url: \"http://{}\"}}}}", silent.address);
        let setup = setup(io, provider.address, &[("silent", &auth)]).model(
            "either",
            "{provider: silent, model: a}, {provider: up, model: b, priority: 2}",
            "",
        );
        let gateway = Gateway::start(&setup);
        let mut client = gateway.client();
        for model in ["silent", "silent-x"] {
            let answer = client.ask(&ask(model));
            let message = answer.refused(502, "credential_missing");
            assert!(message.contains("no valid credentials"), "{message}");
            assert_eq!(answer.json()["error"]["ringgate"]["blame"], "gateway");
        }
        assert_eq!(client.ask(&ask("either")).status, 200);
        assert_eq!(client.ask(&chat("")).status, 200);
        let held = "gateway_credential_held{provider=\"silent\",source=\"google_metadata\"} 0";
        assert!(gateway.metrics().contains(held));
        assert_eq!(provider.seen().len(), 2, "nothing went out without a credential");
    });
}

/// Token servers that refuse, lie or break off are asked again, and said so of, without a word of what they sent.
#[test]
fn lies_are_survived() {
    let lies: [(&str, Vec<u8>); 8] = [
        ("no JSON", ok("<html>canary-lie</html>")),
        ("it has no access_token", ok(r#"{"canary-lie":1}"#)),
        ("it has no access_token", ok(r#"{"access_token":"canary-lie\r\nx-evil: 1"}"#)),
        ("it is over already", ok(r#"{"access_token":"canary-lie","expires_in":0}"#)),
        (
            "refused with 401: invalid_client",
            answer("401 Unauthorized", r#"{"error":"invalid_client","error_description":"canary-lie"}"#),
        ),
        (
            "refused with 307",
            b"HTTP/1.1 307 Temporary Redirect\r\nlocation: /canary-lie\r\ncontent-length: 0\r\n\r\n".to_vec(),
        ),
        ("too large", ok(&"canary-lie ".repeat(10_000))),
        ("no connection", b"HTTP/1.1 200".to_vec()),
    ];
    let provider = provider();
    let servers: Vec<Scripted> = lies
        .iter()
        .map(|(_, lie)| {
            let lie = lie.clone();
            Scripted::start(move |number, mut peer| {
                if peer.request().is_some() {
                    let truth = ok(r#"{"access_token":"canary-true"}"#);
                    peer.send(if number == 0 { &lie } else { &truth });
                }
            })
        })
        .collect();
    let mut setup = Setup::at(Io::Auto, provider.address);
    for (at, server) in servers.iter().enumerate() {
        let auth = format!(
            "{{entra: {{tenant: t, client_id: c, client_secret: canary-{at}, token_url: \"http://{}/t\"}}}}",
            server.address
        );
        setup = setup
            .provider_row(
                &format!("p{at}"),
                &format!("{{format: openai, base_url: \"http://{}/v1\", auth: {auth}}}", provider.address),
            )
            .model(&format!("m{at}"), &format!("{{provider: p{at}, model: a}}"), "");
    }
    let gateway = Gateway::start(&setup);
    for (at, (reason, _)) in lies.iter().enumerate() {
        assert_eq!(shown(&gateway, &provider, &format!("m{at}")), "Bearer canary-true", "after {reason}");
        let stderr = gateway.stderr();
        let line = stderr
            .lines()
            .find(|line| line.contains("cannot be fetched") && line.contains(&format!("provider=p{at} ")));
        assert!(line.is_some_and(|line| line.contains(reason)), "{reason}: {line:?} in {stderr}");
        assert!(!gateway.metrics().contains(&format!(
            "gateway_credential_failures_total{{provider=\"p{at}\",source=\"entra_client\"}} 0"
        )));
    }
    quiet(&gateway);
}

/// A token that its provider refuses is renewed early, without a restart; if new ones are refused, too, the token
/// server is not asked again and again, and the client is told nothing of it.
#[test]
fn refused_tokens_are_renewed() {
    on_both_drivers(|io| {
        let tokens = tokens(3600);
        let good = Arc::new(Mutex::new("canary-t2".to_owned()));
        let wanted = good.clone();
        let provider = server(move |request| {
            let wanted = wanted.lock().expect("no panic").clone();
            if field(request, "authorization") == Some(&format!("Bearer {wanted}")) {
                return ok(if request.starts_with("POST /v1/messages") { MESSAGE } else { "{}" });
            }
            answer("401 Unauthorized", &echo(request))
        });
        let auth = format!(
            "{{entra: {{tenant: t, client_id: c, client_secret: s, token_url: \"http://{}/t\"}}}}",
            tokens.address
        );
        let gateway = Gateway::start(&setup(io, provider.address, &[("p", &auth)]));
        let first = until("the first token", || {
            let answer = gateway.client().ask(&ask("p"));
            (answer.json()["error"]["code"] != "credential_missing").then_some(answer)
        });
        assert!(!first.text().contains("canary"), "{}", first.text());
        first.refused(502, "upstream_account");
        assert_eq!(shown(&gateway, &provider, "p-x"), "Bearer canary-t2");
        "nothing".clone_into(&mut good.lock().expect("no panic"));
        for _ in 0..20 {
            gateway.client().ask(&ask("p")).refused(502, "upstream_account");
        }
        // Longer than it takes to look whether a token was refused.
        std::thread::sleep(Duration::from_millis(600));
        assert_eq!(tokens.seen().len(), 2, "once in a while is enough");
        quiet(&gateway);
    });
}

/// An error's body that repeats what the provider was shown.
fn echo(request: &str) -> String {
    let shown =
        ["authorization", "x-amz-security-token"].map(|name| field(request, name).unwrap_or_default());
    json!({"type": "error", "error": {"type": "invalid_request_error", "message": shown.join(" ")}})
        .to_string()
}

/// A provider that repeats what it was shown tells the client nothing by it.
#[test]
fn what_was_shown_is_not_told() {
    let (tokens, provider) = (tokens(3600), server(|request| answer("400 Bad Request", &echo(request))));
    let token = format!("{{google: {{metadata: true, token_url: \"http://{}\"}}}}", tokens.address);
    let keys = "{aws: {region: r, source: static, access_key_id: A, secret_access_key: canary-s, session_token: canary-t}}";
    let gateway = Gateway::start(&setup(Io::Auto, provider.address, &[("token", &token), ("keys", keys)]));
    for model in ["token", "token-x", "keys", "keys-x"] {
        let answer = until("an answer of the provider's", || {
            let answer = gateway.client().ask(&ask(model));
            (answer.status == 400).then_some(answer)
        });
        let text = answer.text();
        assert!(text.contains("[redacted]") && !text.contains("canary"), "{model}: {text}");
    }
    quiet(&gateway);
}

/// A reload keeps what was fetched for settings that stay, and fetches for those that change.
#[test]
fn reloads_keep_tokens() {
    let (tokens, provider) = (tokens(3600), provider());
    let auth = format!(
        "{{entra: {{tenant: t, client_id: c, client_secret: first, token_url: \"http://{}/t\"}}}}",
        tokens.address
    );
    let gateway = Gateway::start(&setup(Io::Auto, provider.address, &[("p", &auth)]));
    assert_eq!(shown(&gateway, &provider, "p"), "Bearer canary-t1");
    let published =
        |version| until("a reload", || (gateway.metric("gateway_config_version") == version).then_some(()));
    gateway.rewrite_config(&(gateway.config_text() + "timeouts: {connect_ms: 4000}\n"));
    published(2);
    assert_eq!(gateway.client().ask(&ask("p")).status, 200, "not one request is without a token");
    assert_eq!((authorization(&provider).as_str(), tokens.seen().len()), ("Bearer canary-t1", 1));
    gateway.rewrite_config(&gateway.config_text().replace("client_secret: first", "client_secret: second"));
    until("the new token", || {
        assert_eq!(gateway.client().ask(&ask("p")).status, 200, "it is fetched while the old one serves");
        (authorization(&provider) == "Bearer canary-t2").then_some(())
    });
    published(3);
    assert!(tokens.seen()[1].contains("client_secret=second"));
}

/// Token servers speak TLS, with an authority of the operator's if they want; one that nobody vouches for is not asked.
#[test]
fn token_servers_are_verified() {
    let granted = ok(r#"{"access_token":"canary-secured","expires_in":3600}"#);
    let (tokens, ca) = over_tls(b"client_secret=s&scope=x", granted);
    let provider = provider();
    let auth = |more: &str| {
        let port = tokens.address.port();
        format!(
            "{{entra: {{tenant: t, client_id: c, client_secret: s, scope: x, token_url: \"https://localhost:{port}/t\"{more}}}}}"
        )
    };
    let trusted = auth(&format!(", ca: \"{}\"", ca.display()));
    let gateway =
        Gateway::start(&setup(Io::Auto, provider.address, &[("trusted", &trusted), ("stranger", &auth(""))]));
    assert_eq!(shown(&gateway, &provider, "trusted"), "Bearer canary-secured");
    until("the failure", || gateway.stderr().contains("UnknownIssuer").then_some(()));
    gateway.client().ask(&ask("stranger")).refused(502, "credential_missing");
}

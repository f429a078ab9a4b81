//! Roles of AWS that keys assume before they sign.

use crate::credentials::{answer, ask, ok, provider, quiet, server, setup, shown, start};
use crate::harness::{Io, Scripted, fresh_dir, on_both_drivers, until};
use crate::signatures::verify;

const FAR: &str = "2099-01-01T00:00:00Z";

/// STS, which gives keys for any role but one, and the metadata service of a machine.
fn services() -> Scripted {
    server(|request| {
        let (head, body) = request.split_once("\r\n\r\n").expect("a whole request");
        let roles = "/latest/meta-data/iam/security-credentials/";
        match head.lines().next().and_then(|line| line.strip_suffix(" HTTP/1.1")).unwrap_or_default() {
            "PUT /latest/api/token" => ok("session"),
            path if path == format!("GET {roles}") => ok("machine\n"),
            path if path.contains(roles) => ok(&format!(
                r#"{{"AccessKeyId":"A-machine","SecretAccessKey":"canary-machine","Token":"canary-tm","Expiration":"{FAR}"}}"#
            )),
            "POST /sts" if body.contains("role%2Fforbidden") => answer(
                "403 Forbidden",
                "<ErrorResponse><Error><Code>AccessDenied</Code><Message>canary words</Message></Error></ErrorResponse>",
            ),
            "POST /sts" => {
                let role =
                    body.split("role%2F").nth(1).and_then(|rest| rest.split('&').next()).expect("a role");
                ok(&format!(
                    "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>A-{role}</AccessKeyId>\
                     <SecretAccessKey>canary-{role}</SecretAccessKey><SessionToken>canary-t-{role}</SessionToken>\
                     <Expiration>{FAR}</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"
                ))
            }
            _ => answer("404 Not Found", ""),
        }
    })
}

/// The requests that STS got of this role.
fn asked(services: &Scripted, role: &str) -> Vec<String> {
    let of_role = |request: &String| request.contains(&format!("role%2F{role}&"));
    services.seen().into_iter().filter(of_role).collect()
}

/// Keys of any source sign for a role, whose keys then sign requests; roles of profiles are assumed one after the other.
#[test]
fn roles_are_assumed() {
    on_both_drivers(|io| {
        let (services, provider) = (services(), provider());
        let dir = fresh_dir();
        let (credentials, config) = (dir.join("credentials"), dir.join("config"));
        std::fs::write(&credentials, "[base]\naws_access_key_id=A-base\naws_secret_access_key=canary-base\n")
            .expect("a file can be written");
        std::fs::write(
            &config,
            "[profile near]\nrole_arn=arn:aws:iam::1:role/near\nsource_profile=base\n\
             [profile far]\nrole_arn=arn:aws:iam::2:role/far\nsource_profile=near\nexternal_id=id:7\n",
        )
        .expect("a file can be written");
        let sts = format!("sts_url: \"http://{}/sts\"", services.address);
        let own = format!(
            "{{aws: {{region: r, source: static, access_key_id: A-own, secret_access_key: canary-own, \
             role_arn: \"arn:aws:iam::1:role/team\", external_id: x, {sts}}}}}"
        );
        let machine = format!(
            "{{aws: {{region: r, source: imds, token_url: \"http://{}\", role_arn: \"arn:aws:iam::1:role/machines\", \
             role_session_name: gateway-1, {sts}}}}}",
            services.address
        );
        let profile = format!("{{aws: {{region: r, source: profile, profile: far, {sts}}}}}");
        let blocks = [("own", &*own), ("machine", &*machine), ("profile", &*profile)];
        let variables = [
            ("AWS_SHARED_CREDENTIALS_FILE", credentials.to_str().expect("a plain path")),
            ("AWS_CONFIG_FILE", config.to_str().expect("a plain path")),
        ];
        let gateway = start(&setup(io, provider.address, &blocks), &variables);
        for (model, role) in
            [("own", "team"), ("own-x", "team"), ("machine", "machines"), ("profile-x", "far")]
        {
            shown(&gateway, &provider, model);
            let request = provider.seen().pop().expect("a request");
            let token = format!("canary-t-{role}");
            verify(&request, &format!("A-{role}"), &format!("canary-{role}"), Some(&token), "r/bedrock");
        }
        for (role, id, secret, token, more) in [
            ("team", "A-own", "canary-own", None, "&RoleSessionName=ringgate&ExternalId=x"),
            ("machines", "A-machine", "canary-machine", Some("canary-tm"), "&RoleSessionName=gateway-1"),
            ("near", "A-base", "canary-base", None, "&RoleSessionName=ringgate"),
            (
                "far",
                "A-near",
                "canary-near",
                Some("canary-t-near"),
                "&RoleSessionName=ringgate&ExternalId=id%3A7",
            ),
        ] {
            let requests = asked(&services, role);
            assert_eq!(requests.len(), 1, "{role}: providers of equal blocks share what was fetched");
            verify(&requests[0], id, secret, token, "r/sts");
            assert!(
                requests[0]
                    .contains("\r\n\r\nAction=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A")
            );
            assert!(requests[0].ends_with(more), "{}", requests[0]);
        }
        let metrics = gateway.metrics();
        assert!(
            metrics.contains("gateway_credential_held{provider=\"own\",source=\"aws_role\"} 1"),
            "{metrics}"
        );
        quiet(&gateway);

        // A file of profiles is part of the configuration: new keys lead to new ones of the role.
        let fresh = dir.join("fresh");
        std::fs::write(&fresh, "[base]\naws_access_key_id=A-new\naws_secret_access_key=canary-new\n")
            .expect("a file can be written");
        std::fs::rename(&fresh, &credentials).expect("a file can be renamed");
        until("the new profile", || (asked(&services, "near").len() == 2).then_some(()));
        verify(&asked(&services, "near")[1], "A-new", "canary-new", None, "r/sts");
    });
}

/// A role that may not be assumed is told to the operator by a word, and to clients as credentials that are missing.
#[test]
fn forbidden_roles_are_told() {
    let (services, provider) = (services(), provider());
    let block = format!(
        "{{aws: {{region: r, source: static, access_key_id: A, secret_access_key: canary, \
         role_arn: \"arn:aws:iam::1:role/forbidden\", sts_url: \"http://{}/sts\"}}}}",
        services.address
    );
    let gateway = start(&setup(crate::harness::Io::Auto, provider.address, &[("p", &*block)]), &[]);
    gateway.client().ask(&ask("p")).refused(502, "credential_missing");
    until("the reason", || gateway.stderr().contains("refused with 403: AccessDenied").then_some(()));
    assert!(!gateway.stderr().contains("canary"));
}

/// Profiles of who has signed in somewhere, and of who has another issuer's token, lead to keys: by the file alone that
/// names roles. When a session is over, that is told, and no secret.
#[test]
fn profiles_lead_to_sessions() {
    let services = server(|request| {
        let (head, body) = request.split_once("\r\n\r\n").expect("a whole request");
        let line = head.lines().next().unwrap_or_default();
        if line == "GET /federation/credentials?role_name=Reader&account_id=12 HTTP/1.1"
            && head.contains("x-amz-sso_bearer_token: canary-session")
        {
            return ok(
                r#"{"roleCredentials":{"accessKeyId":"A-sso","secretAccessKey":"canary-sso","sessionToken":"canary-t","expiration":4070908800000}}"#,
            );
        }
        if line.starts_with("POST /")
            && body.contains("AssumeRoleWithWebIdentity")
            && body.contains("canary-web")
        {
            return ok(&format!(
                "<Credentials><AccessKeyId>A-web</AccessKeyId><SecretAccessKey>canary-key</SecretAccessKey>\
                <SessionToken>canary-t</SessionToken><Expiration>{FAR}</Expiration></Credentials>"
            ));
        }
        answer("404 Not Found", "")
    });
    let (provider, dir) = (provider(), fresh_dir());
    let cache = dir.join(".aws/sso/cache");
    std::fs::create_dir_all(&cache).expect("a directory");
    // What is hashed are the names of the sessions `team` and `old`.
    let session = |name: &str, ends: &str| {
        let text = format!(r#"{{"accessToken":"canary-session","expiresAt":"{ends}","region":"r"}}"#);
        std::fs::write(cache.join(name), text).expect("a file can be written");
    };
    for (name, ends) in [("team", FAR), ("old", "2020-01-01T00:00:00Z")] {
        let hash = ring::digest::digest(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY, name.as_bytes());
        let name: String = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        session(&(name + ".json"), ends);
    }
    let token = dir.join("web-token");
    std::fs::write(&token, "canary-web\n").expect("a file can be written");
    let sessions = "sso_account_id=12\nsso_role_name=Reader\n";
    std::fs::write(
        dir.join(".aws/config"),
        format!(
            "[profile signed]\nsso_session=team\n{sessions}[sso-session team]\nsso_region=r\nsso_start_url=https://d.example\n\
             [profile over]\nsso_session=old\n{sessions}[sso-session old]\nsso_region=r\n\
             [profile web]\nrole_arn=arn:aws:iam::8:role/w\nweb_identity_token_file={}\n",
            token.display()
        ),
    )
    .expect("a file can be written");
    let block = |profile: &str| {
        format!(
            "{{aws: {{region: r, source: profile, profile: {profile}, token_url: \"http://{}\"}}}}",
            services.address
        )
    };
    let (signed, over, web) = (block("signed"), block("over"), block("web"));
    let blocks = [("signed", &*signed), ("over", &*over), ("web", &*web)];
    let home = [("HOME", dir.to_str().expect("a plain path"))];
    let gateway = start(&setup(Io::Auto, provider.address, &blocks), &home);
    for (model, id) in [("signed", "A-sso"), ("web", "A-web")] {
        shown(&gateway, &provider, model);
        let request = provider.seen().pop().expect("a request");
        assert!(request.contains(&format!("Credential={id}/")), "{request}");
    }
    gateway.client().ask(&ask("over")).refused(502, "credential_missing");
    until("the reason", || gateway.stderr().contains("sign in anew (aws sso login)").then_some(()));
    quiet(&gateway);
}

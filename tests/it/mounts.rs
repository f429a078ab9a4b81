//! How configurations come to be replaced: by orchestrators, by editors, in parts.

use crate::harness::{Gateway, Setup, chat, fresh_dir, mock, on_both_drivers, post, post_with, until};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

fn published(gateway: &Gateway, what: &str, version: u64) {
    until(what, || (gateway.metric("gateway_config_version") >= version).then_some(()));
}

/// Puts the content of a mounted map in its place, as Kubernetes does: files are links through `..data`, which is swapped.
fn swap(dir: &Path, number: u32, files: &[(&str, &str)]) {
    let (fresh, link) = (dir.join(format!("..{number}")), dir.join("..data_tmp"));
    fs::create_dir(&fresh).expect("a directory");
    for (name, text) in files {
        fs::write(fresh.join(name), text).expect("a file");
    }
    symlink(fresh.file_name().expect("a name"), &link).expect("a link");
    fs::rename(&link, dir.join("..data")).expect("a swap");
    if let Some(old) = number.checked_sub(1) {
        drop(fs::remove_dir_all(dir.join(format!("..{old}"))));
    }
}

/// A map that Kubernetes mounts is followed through every swap, as is a secret that lies in another one.
#[test]
fn mounted_maps_are_followed() {
    on_both_drivers(|io| {
        let mock = mock();
        let (dir, secrets) = (fresh_dir(), fresh_dir());
        let text = |key: &Path| {
            let keys = format!("[{{id: tester, group: everyone, secret: \"file:{}\"}}]", key.display());
            Setup::of(io, &mock.base_url()).with("keys", &keys).yaml(&dir)
        };
        let config = text(&secrets.join("key"));
        for place in [&dir, &secrets] {
            let file = if place == &dir { "gateway.yaml" } else { "key" };
            symlink(format!("..data/{file}"), place.join(file)).expect("a link");
        }
        swap(&secrets, 0, &[("key", "the-first-of-some-keys")]);
        swap(&dir, 0, &[("gateway.yaml", &config)]);
        let gateway = Gateway::spawn(dir.clone(), &[]);
        for number in 1..4 {
            let key = format!("key-{number}-of-several-keys");
            swap(&secrets, number, &[("key", &key)]);
            let lines = format!("x-api-key: {key}\r\ncontent-type: application/json\r\n");
            let asked = post_with("/v1/chat/completions", &lines, br#"{"model":"m/mock","messages":[]}"#);
            until("the new key", || (gateway.client().ask(&asked).status == 200).then_some(()));
            let version = gateway.metric("gateway_config_version");
            swap(&dir, number, &[("gateway.yaml", &format!("{config}# {number}\n"))]);
            published(&gateway, "the new map", version + 1);
        }
        assert_eq!(gateway.metric("gateway_config_refused_total"), 0);
    });
}

/// A file that an editor replaces, in any of the ways that editors have, is taken up each time; a half that lies there for a
/// while is refused, and the whole is taken up.
#[test]
fn edited_files_are_followed() {
    on_both_drivers(|io| {
        let mock = mock();
        let gateway = Gateway::start(&Setup::of(io, &mock.base_url()));
        let (file, text) = (gateway.config(), gateway.config_text());
        let (aside, backup) = (gateway.dir.join("4913"), gateway.dir.join("gateway.yaml~"));
        type Edit<'e> = (&'e str, Box<dyn Fn() + 'e>);
        let edits: [Edit; 4] = [
            ("written in place", Box::new(|| fs::write(&file, format!("{text}# 1\n")).expect("a file"))),
            (
                "renamed over",
                Box::new(|| {
                    fs::write(&aside, format!("{text}# 2\n")).expect("a file");
                    fs::rename(&aside, &file).expect("a rename");
                }),
            ),
            (
                "moved away and written anew",
                Box::new(|| {
                    fs::rename(&file, &backup).expect("a rename");
                    fs::write(&file, format!("{text}# 3\n")).expect("a file");
                    fs::remove_file(&backup).expect("a file");
                }),
            ),
            (
                "removed and written anew",
                Box::new(|| {
                    fs::remove_file(&file).expect("a file");
                    fs::write(&file, format!("{text}# 4\n")).expect("a file");
                }),
            ),
        ];
        for (what, edit) in &edits {
            let version = gateway.metric("gateway_config_version");
            edit();
            published(&gateway, what, version + 1);
        }
        let version = gateway.metric("gateway_config_version");
        fs::write(&file, &text[..text.len() / 2]).expect("a file");
        until("the half to be refused", || {
            (gateway.metric("gateway_config_refused_total") > 0).then_some(())
        });
        assert_eq!(gateway.client().ask(&chat("")).status, 200);
        fs::write(&file, &text).expect("a file");
        published(&gateway, "the whole", version + 1);
    });
}

/// A catalog of ten thousand models is replaced under load: every request is answered, with what one of both says.
#[test]
fn large_catalogs_are_replaced_under_load() {
    on_both_drivers(|io| {
        let mock = mock();
        let gateway = Gateway::start(&Setup::of(io, &mock.base_url()).shards(2));
        let small = gateway.config_text();
        let mut large = small.clone();
        for number in 0..10_000 {
            large += &format!("  model-{number}: {{targets: [{{provider: up, model: mock}}]}}\n");
        }
        let mut client = gateway.client();
        for (turn, text) in [&large, &small, &large].into_iter().enumerate() {
            gateway.rewrite_config(text);
            until("the next catalog", || {
                let answer = client.ask(&chat(""));
                assert!(answer.status == 200 && answer.whole, "{}", answer.text());
                (gateway.metric("gateway_config_version") >= turn as u64 + 2).then_some(())
            });
        }
        let one = post("/v1/chat/completions", r#"{"model":"model-9999","messages":[]}"#);
        assert_eq!(client.ask(&one).status, 200);
        until("the old configurations to go", || {
            (gateway.metric("gateway_snapshots_live") == 1).then_some(())
        });
    });
}

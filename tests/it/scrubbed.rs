//! Keys of providers that their own errors repeat inside streams, in pieces.

use crate::harness::{Gateway, Scripted, UPSTREAM_KEY, on_both_drivers, post};
use crate::tongues::{DIALECTS, Format, MODELS, asked, complaint, opening, setup, word};
use std::time::Duration;

/// Wherever an error is cut in two, in its key or elsewhere, and whatever it is translated to, the key does not come through,
/// neither behind other events nor as the first.
#[test]
fn keys_do_not_come_through_in_pieces() {
    on_both_drivers(|io| {
        for first in [false, true] {
            for cut in [10, 0, -10] {
                let upstream = Scripted::start(move |_, mut peer| {
                    let Some(request) = peer.request() else { return };
                    let format = asked(&request);
                    let kind = format.content_type();
                    peer.send(format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\n\r\n").as_bytes());
                    let begun = if first { vec![] } else { [opening(format), word(format, 0)].concat() };
                    peer.send(&begun);
                    std::thread::sleep(Duration::from_millis(4));
                    let error = String::from_utf8_lossy(&complaint(format))
                        .replace("boom", &format!("{UPSTREAM_KEY} is no key"));
                    let error = if first { error.trim_start_matches(",\n").to_owned() } else { error };
                    let error =
                        if first && format == Format::GoogleArray { format!("[{error}") } else { error };
                    let middle =
                        error.find(UPSTREAM_KEY).map_or(error.len() / 2, |at| at + UPSTREAM_KEY.len());
                    let (one, two) = error.split_at(middle.saturating_add_signed(-cut).min(error.len()));
                    peer.send(one.as_bytes());
                    std::thread::sleep(Duration::from_millis(4));
                    peer.send(two.as_bytes());
                    peer.wait_for_end();
                });
                let gateway = Gateway::start(&setup(io, upstream.address, ""));
                for dialect in DIALECTS {
                    // A frame of Bedrock's has a checksum.
                    for model in MODELS.into_iter().filter(|model| *model != "amazon") {
                        let (path, body) = dialect.request(model);
                        let mut client = gateway.client();
                        client.send(&post(&path, &body));
                        let (status, _) = client.head();
                        if status != 200 {
                            // Its connection stays.
                            client.finish();
                        }
                        client.drain();
                        let text = String::from_utf8_lossy(&client.rest).into_owned();
                        let place = format!("{dialect:?} {model} {cut} first: {first}: {text}");
                        assert!(
                            !text.contains(UPSTREAM_KEY) && !text.contains(&UPSTREAM_KEY[..12]),
                            "{place}"
                        );
                        // What ends a stream that has not begun has not the form of one of Cohere's.
                        let untold =
                            first && model == "cohere" && text.to_lowercase().contains("upstream_unreadable");
                        assert!(text.contains("[redacted] is no key") || untold, "{place}");
                    }
                }
            }
        }
    });
}

//! Answers that fall short of the length that was promised.

use crate::harness::{End, Fate, Frames, Gateway, Io, KEY, Scripted, Setup, on_both_drivers, post_with};

const PATH: &str = "/v1beta/models/g:streamGenerateContent";
const HELLO: &str = r#"{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}"#;
const ONE: &str =
    r#"{"candidates":[{"content":{"parts":[{"text":"a"}]},"finishReason":"STOP"}],"usageMetadata":{}}"#;

const INTERNAL_ERROR: u32 = 2;

fn gateway(io: Io, upstream: &Scripted) -> Gateway {
    let setup = Setup::at(io, upstream.address)
        .provider_of("gemini", "google", &format!("http://{}", upstream.address), "")
        .model("g", "{provider: google, model: gemini-x}", "");
    Gateway::start(&setup)
}

/// An array of answers whose length was told has no room for an error: it is cut where the provider cut it, inside an answer,
/// between two, or behind the last, and neither the connection nor the record takes that for an end.
#[test]
fn an_array_with_a_length_is_cut() {
    on_both_drivers(|io| {
        let (inside, between, closed) = (format!("[{ONE},{{\"a"), format!("[{ONE}\n,"), format!("[{ONE}\n]"));
        for said in [inside, between, format!("[{ONE}"), closed] {
            let length = said.len() + 1;
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";
            let upstream = Scripted::once(format!("{head}content-length: {length}\r\n\r\n{said}"));
            let gateway = gateway(io, &upstream);
            let mut client = gateway.client();
            let fields = format!("x-goog-api-key: {KEY}\r\ncontent-type: application/json\r\n");
            client.send(&post_with(PATH, &fields, HELLO.as_bytes()));
            let (status, headers) = client.head();
            let told =
                headers.iter().find(|(name, _)| name == "content-length").map(|(_, value)| value.as_str());
            assert_eq!((status, told), (200, Some(length.to_string().as_str())), "{said}");
            let end = client.drain();
            assert!(matches!(end, End::Closed | End::Reset), "{end:?}");
            assert_eq!(String::from_utf8_lossy(&client.rest), said);
            let id = &headers.iter().find(|(name, _)| name == "x-request-id").expect("an id").1;
            assert_eq!(gateway.record(id)["fault"], "upstream_truncated", "{said}");

            let mut client = Frames::connect(gateway.address);
            let fields = [
                (":method", "POST"),
                (":scheme", "http"),
                (":authority", "gateway"),
                (":path", PATH),
                ("x-goog-api-key", KEY),
                ("content-type", "application/json"),
            ];
            client.head(1, &fields, true);
            client.body(1, HELLO.as_bytes());
            assert_eq!(client.fate(1), Fate::Reset(INTERNAL_ERROR), "{said}");
            let records = gateway.records(2);
            assert!(records.iter().all(|record| record["fault"] == "upstream_truncated"), "{records:#?}");
        }
    });
}

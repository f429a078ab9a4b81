//! What is lost late in a translated stream, when its head has left.

use crate::harness::{Gateway, Io, KEY, Scripted, Setup, on_both_drivers, post_with, until};
use serde_json::Value;

/// A stream of responses in which the provider searched by itself.
const SEARCHED: &str = concat!(
    "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"id\":\"resp_1\",\"model\":\"gpt-6\",\"status\":\"in_progress\",\"output\":[]}}\n\n",
    "event: response.output_item.added\ndata: {\"type\":\"response.output_item.added\",\"output_index\":0,\"item\":{\"id\":\"msg_1\",\"type\":\"message\",\"status\":\"in_progress\",\"role\":\"assistant\",\"content\":[]}}\n\n",
    "event: response.content_part.added\ndata: {\"type\":\"response.content_part.added\",\"item_id\":\"msg_1\",\"output_index\":0,\"content_index\":0,\"part\":{\"type\":\"output_text\",\"text\":\"\",\"annotations\":[]}}\n\n",
    "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"item_id\":\"msg_1\",\"output_index\":0,\"content_index\":0,\"delta\":\"Riga.\"}\n\n",
    "event: response.output_text.done\ndata: {\"type\":\"response.output_text.done\",\"item_id\":\"msg_1\",\"output_index\":0,\"content_index\":0,\"text\":\"Riga.\"}\n\n",
    "event: response.output_item.done\ndata: {\"type\":\"response.output_item.done\",\"output_index\":0,\"item\":{\"id\":\"msg_1\",\"type\":\"message\",\"status\":\"completed\",\"role\":\"assistant\",\"content\":[{\"type\":\"output_text\",\"text\":\"Riga.\",\"annotations\":[]}]}}\n\n",
    "event: response.output_item.added\ndata: {\"type\":\"response.output_item.added\",\"output_index\":1,\"item\":{\"id\":\"ws_1\",\"type\":\"web_search_call\",\"status\":\"in_progress\"}}\n\n",
    "event: response.output_item.done\ndata: {\"type\":\"response.output_item.done\",\"output_index\":1,\"item\":{\"id\":\"ws_1\",\"type\":\"web_search_call\",\"status\":\"completed\"}}\n\n",
    "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"id\":\"resp_1\",\"model\":\"gpt-6\",\"status\":\"completed\",\"output\":[],\"usage\":{\"input_tokens\":1,\"output_tokens\":2}}}\n\n",
);

fn stage(io: Io) -> (Scripted, Gateway) {
    let upstream = Scripted::start(|_, mut peer| {
        while peer.request().is_some() {
            let length = SEARCHED.len();
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: {length}\r\n\r\n"
            );
            peer.send((head + SEARCHED).as_bytes());
        }
    });
    let setup = Setup::at(io, upstream.address)
        .provider_of("openai-responses", "newer", &format!("http://{}/v1", upstream.address), "")
        .model("r", "{provider: newer, model: gpt-6}", "");
    let gateway = Gateway::start(&setup);
    (upstream, gateway)
}

fn request(more: &str) -> Vec<u8> {
    let fields = format!("authorization: Bearer {KEY}\r\ncontent-type: application/json\r\n{more}");
    let body = r#"{"model":"r","seed":1,"stream":true,"messages":[{"role":"user","content":"hi"}]}"#;
    post_with("/v1/chat/completions", &fields, body.as_bytes())
}

/// The record names all that was lost, and a counter counts the exchange. A client that reads trailers is told there what the
/// head could not say; any other one gets the same bytes as ever.
#[test]
fn late_losses_are_named() {
    on_both_drivers(|io| {
        let (_upstream, gateway) = stage(io);
        let before = gateway.metric("gateway_exchanges_lossy_total");
        let plain = gateway.client().ask(&request(""));
        assert_eq!(
            (plain.status, plain.header("x-ringgate-dropped")),
            (200, Some("seed")),
            "{}",
            plain.text()
        );
        assert_eq!(plain.header("trailer"), None);
        assert!(
            plain.text().contains("Riga.") && plain.text().ends_with("data: [DONE]\n\n"),
            "{}",
            plain.text()
        );
        let record: Value = gateway.record(plain.id());
        assert_eq!(record["dropped"], "seed,web_search_call", "{record}");

        let mut client = gateway.client();
        client.send(&request("te: trailers\r\nconnection: te\r\n"));
        let end = b"\r\n0\r\nx-ringgate-dropped: web_search_call\r\n\r\n";
        while !client.rest.ends_with(end) {
            assert!(client.more().is_ok(), "{}", String::from_utf8_lossy(&client.rest));
        }
        let raw = String::from_utf8_lossy(&client.rest).into_owned();
        assert!(raw.contains("trailer: x-ringgate-dropped\r\n"), "{raw}");
        client.rest.clear();
        assert_eq!(client.ask(&request("")).status, 200, "the connection goes on");
        // Counted once its record is read.
        until("three exchanges that lost something", || {
            (gateway.metric("gateway_exchanges_lossy_total") - before == 3).then_some(())
        });
    });
}

/// The same over HTTP/2: the trailer's fields, if the client said that it reads them.
#[test]
fn late_losses_are_named_over_http2() {
    on_both_drivers(|io| {
        let (_upstream, gateway) = stage(io);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        for (te, expected) in [(Some("trailers"), Some("web_search_call")), (None, None)] {
            let (body, trailer) = runtime.block_on(over_http2(&gateway, te)).expect("an answer");
            assert!(body.contains("Riga.") && body.ends_with("data: [DONE]\n\n"), "{body}");
            assert_eq!(trailer.as_deref(), expected, "{te:?}");
        }
    });
}

async fn over_http2(gateway: &Gateway, te: Option<&str>) -> Result<(String, Option<String>), h2::Error> {
    let stream = tokio::net::TcpStream::connect(gateway.address).await.expect("a connection");
    let (mut sender, connection) = h2::client::handshake(stream).await?;
    let asked = async {
        let request = http::Request::post("http://gateway/v1/chat/completions")
            .header("authorization", format!("Bearer {KEY}"))
            .header("content-type", "application/json");
        let request = te.into_iter().fold(request, |request, te| request.header("te", te));
        let (answer, mut body) = sender.send_request(request.body(()).expect("a request"), false)?;
        let text = r#"{"model":"r","stream":true,"messages":[{"role":"user","content":"hi"}]}"#;
        body.send_data(text.into(), true)?;
        let mut answer = answer.await?.into_body();
        let mut told = vec![];
        while let Some(piece) = answer.data().await {
            let piece = piece?;
            told.extend_from_slice(&piece);
            answer.flow_control().release_capacity(piece.len())?;
        }
        let trailer = answer.trailers().await?;
        let field =
            |fields: http::HeaderMap| Some(fields.get("x-ringgate-dropped")?.to_str().ok()?.to_owned());
        Ok((String::from_utf8_lossy(&told).into_owned(), trailer.and_then(field)))
    };
    tokio::select! {
        answer = asked => answer,
        ended = connection => panic!("the connection ended: {ended:?}"),
    }
}

use super::super::splice::{Edits, InjectUsage, apply};
use super::*;
use crate::traffic::dialect::beside::NAMES;
use crate::traffic::dialect::json::{Expected, JsonFault};
use proptest::prelude::*;

fn scan(body: &[u8]) -> Result<Ask, ScanError> {
    let mut scan = RequestScan::new();
    scan.feed(body)?;
    scan.finish()
}

/// Also checks that every cut of the body gives the same.
fn scan_cut(body: &[u8]) -> Result<Ask, ScanError> {
    let whole = scan(body);
    for at in 0..=body.len() {
        let mut cut = RequestScan::new();
        let (a, b) = body.split_at(at);
        let outcome = cut.feed(a).and_then(|()| cut.feed(b)).and_then(|()| cut.finish());
        assert_eq!(outcome, whole, "cut at {at}");
    }
    whole
}

/// A real request is read: model and its place, stream, usage, and token limit.
#[test]
fn a_chat_request() {
    let body = include_bytes!("../../../../tests/fuzz/corpus/json/chat-request.json");
    let ask = scan_cut(body).unwrap();
    assert_eq!(ask.model.as_str(), "gpt-6-sol");
    assert_eq!(&body[ask.model_span.start as usize..ask.model_span.end as usize], b"\"gpt-6-sol\"");
    assert_eq!((ask.stream, ask.stream_usage, ask.max_tokens), (true, StreamUsage::Asked, Some(400)));
}

/// Model names are read however they are escaped, and only from the root.
#[test]
fn models() {
    for (body, model) in [
        (r#"{"model":"a"}"#, "a"),
        ("\u{feff} {\"model\" : \"a\" } ", "a"),
        (r#"{"mod\u0065l":"a\/\u00e9"}"#, "a/é"),
        (r#"{"model":"\ud83e\udd80"}"#, "🦀"),
        (r#"{"x":{"model":"no"},"y":[{"model":"no"}],"model":"yes"}"#, "yes"),
        (r#"{"messages":[{"content":"\",\"model\":\"no"}],"model":"yes"}"#, "yes"),
        (r#"{"models":"no","mode":"no","model":"yes","model ":"no"}"#, "yes"),
    ] {
        assert_eq!(scan_cut(body.as_bytes()).unwrap().model.as_str(), model, "{body}");
    }
    let longest = format!(r#"{{"model":"{}"}}"#, "x".repeat(MODEL_NAME_BYTES));
    assert_eq!(scan_cut(longest.as_bytes()).unwrap().model.as_str().len(), MODEL_NAME_BYTES);
}

/// Where other models may be named is noted, however the body is cut, and nothing else is.
#[test]
fn models_beside() {
    use Named::{Here, Within};
    let many = [r#""models":"a""#; 40].join(",");
    for (members, expected) in [
        (r#""messages":[{"model":"no","models":["no"]}],"metadata":{"model":"no"}"#, vec![]),
        (
            r#""models":["a"],"fallbacks":[{"model":"b"}]"#,
            vec![(r#"["a"]"#, Here), (r#"[{"model":"b"}]"#, Here)],
        ),
        (r#""MODELS":"a","x_model":null,"y_model":7"#, vec![(r#""a""#, Here)]),
        (r#""plugins":[{}]"#, vec![("[{}]", Within)]),
        (r#""Tools":[{"Model":"a"}]"#, vec![(r#"[{"Model":"a"}]"#, Within)]),
        (r#""tools":[{"type":"x","model":"a"}]"#, vec![(r#"[{"type":"x","model":"a"}]"#, Within)]),
        (
            r#""tools":[{"parameters":{},"type":"x:y"},{}]"#,
            vec![(r#"[{"parameters":{},"type":"x:y"},{}]"#, Within)],
        ),
        (
            r#""tools":[{"type":"function","parameters":{"model":"no"}},{"type":"custom"},{"name":"f"}]"#,
            vec![],
        ),
        (r#""tools":[{"type":"web_search"},{"parameters":{"model":"no"}}]"#, vec![]),
        (r#""tools":[{"input_schema":{"model":"no"}}],"tool_choice":{"model":"no"}"#, vec![]),
        (&many, vec![(r#""a""#, Here); NAMES + 1]),
    ] {
        let body = format!(r#"{{"model":"m",{members}}}"#);
        let ask = scan_cut(body.as_bytes()).unwrap();
        let text = |span: &Range<u64>| &body[span.start as usize..span.end as usize];
        let found: Vec<_> = ask.beside.iter().map(|place| (text(&place.span), place.named)).collect();
        assert_eq!(found, expected, "{body}");
        let mut scan = RequestScan::of_model_alone();
        scan.feed(body.as_bytes()).unwrap();
        assert_eq!(scan.finish(), Ok(Ask { beside: vec![], ..ask }), "nothing else differs: {body}");
    }
}

/// What decides about a request must be there once and have its type; a wrong body comes before a wrong field.
#[test]
fn refused_bodies() {
    let too_long = format!(r#"{{"model":"{}"}}"#, "x".repeat(MODEL_NAME_BYTES + 1));
    for (body, error) in [
        ("{}", ScanError::MissingModel),
        (r#"{"Model":"a"}"#, ScanError::MissingModel),
        (r#"{"x":{"model":"a"}}"#, ScanError::MissingModel),
        (r#"{"model":""}"#, ScanError::InvalidModel),
        (r#"{"model":null}"#, ScanError::InvalidModel),
        (r#"{"model":7}"#, ScanError::InvalidModel),
        (r#"{"model":["a"]}"#, ScanError::InvalidModel),
        (r#"{"model":{"model":"a"}}"#, ScanError::InvalidModel),
        (r#"{"model":"\ud800"}"#, ScanError::InvalidModel),
        (r#"{"model":"a\u0000"}"#, ScanError::InvalidModel),
        (&too_long, ScanError::InvalidModel),
        (r#"{"model":"a","model":"b"}"#, ScanError::Duplicate("model")),
        (r#"{"model":"a","x":[1,{}],"mod\u0065l":"a"}"#, ScanError::Duplicate("model")),
        (r#"{"model":"a","MODEL":"b"}"#, ScanError::Duplicate("model")),
        (r#"{"model":"a","stream":true,"stream":false}"#, ScanError::Duplicate("stream")),
        (r#"{"model":"a","stream":"true"}"#, ScanError::InvalidField("stream")),
        (r#"{"model":"a","stream":1}"#, ScanError::InvalidField("stream")),
        (r#"{"model":"a","stream":{}}"#, ScanError::InvalidField("stream")),
        (r#"{"stream_options":{},"stream_options":{},"model":"a"}"#, ScanError::Duplicate("stream_options")),
        (
            r#"{"stream_options":{"include_usage":true,"include_us\u0061ge":false},"model":"a"}"#,
            ScanError::Duplicate("include_usage"),
        ),
        (r#"{"model":"a","max_tokens":1,"max_tokens":2}"#, ScanError::Duplicate("max_tokens")),
    ] {
        assert_eq!(scan_cut(body.as_bytes()), Err(error), "{body}");
        let broken = format!("{body}x");
        assert_eq!(
            scan_cut(broken.as_bytes()).unwrap_err().kind(),
            crate::base::fault::FaultKind::InvalidJson
        );
    }
    assert_eq!(scan_cut(b"{\"model\":\"\xff\"}"), Err(ScanError::InvalidModel));
}

/// Messages tell the place and the kind of a fault, and nothing of the body.
#[test]
fn messages() {
    let fault = scan(br#"{"prompt":"secret" 1}"#).unwrap_err().fault();
    assert_eq!(fault.message(), "invalid JSON at byte 19: expected `,` or `}`");
    let fault = scan(b"").unwrap_err();
    assert_eq!(fault, ScanError::Json(JsonFault { at: 0, expected: Expected::Body }));
    assert_eq!(fault.fault().message(), "invalid JSON at byte 0: there is nothing");
    assert_eq!(
        scan(br#"{"model":"a","model":"b"}"#).unwrap_err().fault().message(),
        "The field `model` occurs twice."
    );
}

/// Token limits are read from all names for them and tolerate what providers tolerate.
#[test]
fn token_limits() {
    for (members, max) in [
        ("", None),
        (r#","max_tokens":100"#, Some(100)),
        (r#","max_completion_tokens":100"#, Some(100)),
        (r#","max_output_tokens":1e2"#, Some(100)),
        (r#","max_tokens":100,"max_output_tokens":200,"max_completion_tokens":50"#, Some(200)),
        (r#","max_tokens":null"#, None),
        (r#","max_tokens":-1"#, None),
        (r#","max_tokens":"100""#, None),
        (r#","max_tokens":[100]"#, None),
        (r#","x":{"max_tokens":100}"#, None),
    ] {
        let body = format!(r#"{{"model":"a"{members}}}"#);
        assert_eq!(scan_cut(body.as_bytes()).unwrap().max_tokens, max, "{body}");
    }
}

/// JSON texts that look like requests, some with members that matter.
fn json() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::Value as V;
    let text =
        prop_oneof![any::<String>(), "[ -~]{0,80}", Just("model".to_owned()), Just("🦀\n\u{1}\"".to_owned())];
    let leaf = prop_oneof![
        Just(V::Null),
        any::<bool>().prop_map(V::from),
        any::<i64>().prop_map(V::from),
        any::<i32>().prop_map(|n| V::from(f64::from(n) / 8.0)),
        text.clone().prop_map(V::from),
    ];
    let key = prop_oneof![
        Just("model".to_owned()),
        Just("stream".to_owned()),
        Just("stream_options".to_owned()),
        Just("include_usage".to_owned()),
        Just("max_tokens".to_owned()),
        text,
    ];
    let tree = leaf.prop_recursive(4, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(V::from),
            prop::collection::vec((key.clone(), inner), 0..6)
                .prop_map(|m| V::Object(m.into_iter().collect())),
        ]
    });
    (tree, "[a-z🦀\"\\\\]{1,12}").prop_map(|(tree, model)| {
        let mut root = tree.as_object().cloned().unwrap_or_default();
        root.entry("model").or_insert(model.into());
        V::Object(root)
    })
}

/// A body of such a text, with a few bytes changed, taken out or put in.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let noise = prop::sample::select(&b"{}[]:,\"\\ \n\x00\xff0123456789-+.eEutrfalsn\xEF\xBB\xBF"[..]);
    let change = (any::<prop::sample::Index>(), 0..3, noise);
    (json(), any::<bool>(), prop::collection::vec(change, 0..4)).prop_map(|(value, pretty, changes)| {
        let text = if pretty { serde_json::to_vec_pretty(&value) } else { serde_json::to_vec(&value) };
        let mut bytes = text.unwrap();
        for (at, what, byte) in changes {
            let at = at.index(bytes.len().max(1)).min(bytes.len());
            match what {
                0 if at < bytes.len() => bytes[at] = byte,
                1 if at < bytes.len() => drop(bytes.remove(at)),
                _ => bytes.insert(at, byte),
            }
        }
        bytes
    })
}

fn parses_as_object(body: &[u8]) -> bool {
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let parsed: Result<serde::de::IgnoredAny, _> = serde::Deserialize::deserialize(&mut deserializer);
    let object = body.iter().find(|b| !b.is_ascii_whitespace()) == Some(&b'{');
    parsed.is_ok() && deserializer.end().is_ok() && object
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1000) })]

    /// Bodies are taken for JSON exactly when an independent parser takes them, and every cut gives the same.
    #[test]
    fn verdicts_agree(body in mutated(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 1..4)) {
        let outcome = scan(&body);
        let valid = !matches!(outcome, Err(ScanError::Json(_)));
        prop_assert_eq!(valid, parses_as_object(body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&body)));
        let mut places: Vec<_> = cuts.iter().map(|cut| cut.index(body.len() + 1)).collect();
        places.sort_unstable();
        let (mut cut, mut from, mut fed) = (RequestScan::new(), 0, Ok(()));
        for to in places.into_iter().chain([body.len()]) {
            fed = fed.and_then(|()| cut.feed(&body[from..to]));
            from = to;
        }
        prop_assert_eq!(fed.and_then(|()| cut.finish()), outcome);
    }

    /// What is found is what an independent parser finds.
    #[test]
    fn values_agree(value in json(), pretty in any::<bool>()) {
        let body = if pretty { serde_json::to_vec_pretty(&value) } else { serde_json::to_vec(&value) }.unwrap();
        match scan(&body) {
            Ok(ask) => {
                prop_assert_eq!(&value["model"], ask.model.as_str());
                let span = &body[ask.model_span.start as usize..ask.model_span.end as usize];
                prop_assert_eq!(serde_json::from_slice::<String>(span).unwrap(), ask.model.as_str());
                prop_assert_eq!(value["stream"].as_bool().unwrap_or(false), ask.stream);
                prop_assert_eq!(value["max_tokens"].as_u64().is_some_and(|n| ask.max_tokens != Some(n)), false);
                let asked = value["stream_options"]["include_usage"] == true;
                prop_assert_eq!(asked, ask.stream_usage == StreamUsage::Asked);
            }
            Err(ScanError::InvalidModel) => {
                let sound = value["model"].as_str().is_some_and(|m| {
                    (1..=MODEL_NAME_BYTES).contains(&m.len()) && !m.chars().any(char::is_control)
                });
                prop_assert!(!sound);
            }
            Err(ScanError::InvalidField(_)) => prop_assert!(!value["stream"].is_boolean() && !value["stream"].is_null()),
            Err(ScanError::Duplicate(_)) => {
                let keys = value.as_object().unwrap().keys();
                prop_assert!(keys.filter(|k| k.eq_ignore_ascii_case("model")).count() > 1);
            }
            Err(other) => prop_assert!(false, "{:?}", other),
        }
    }

    /// The same where the URL names the model: that name counts, and the body says it in the end, whatever it said before.
    #[test]
    fn deployments_count(value in json(), model in "[a-z]{1,9}", upstream in "[a-z]{1,9}") {
        let body = serde_json::to_vec(&value).unwrap();
        let mut scan = RequestScan::new();
        scan.feed(&body).unwrap();
        let by_itself = scan.finish();
        match scan.finish_deployed(&Text::cut(&model)) {
            Ok(ask) => {
                prop_assert_eq!(ask.model.as_str(), &model);
                let edits = Edits::plan(&ask, &upstream, InjectUsage::No).unwrap();
                let edited: serde_json::Value = serde_json::from_slice(&apply(&edits, &body)).unwrap();
                let mut expected = value;
                expected["model"] = upstream.into();
                prop_assert_eq!(edited, expected);
            }
            Err(error) if by_itself.is_ok() => prop_assert!(false, "{:?}", error),
            Err(_) => {}
        }
    }

    /// An edited body is the original with the model replaced and usage asked for, and nothing else.
    #[test]
    fn edits_change_what_they_should(mut value in json(), model in "[a-z€\"\\\\/]{1,40}", pretty in any::<bool>()) {
        let body = if pretty { serde_json::to_vec_pretty(&value) } else { serde_json::to_vec(&value) }.unwrap();
        if let Ok(ask) = scan(&body) {
            let edits = Edits::plan(&ask, &model, InjectUsage::Yes).unwrap();
            let edited: serde_json::Value = serde_json::from_slice(&apply(&edits, &body)).unwrap();
            value["model"] = model.into();
            if ask.stream && ask.stream_usage != StreamUsage::Untouchable {
                value["stream_options"]["include_usage"] = true.into();
            }
            prop_assert_eq!(edited, value);
        }
    }
}

use super::*;

/// Writes down what it is told.
#[derive(Default)]
struct Notes {
    lines: Vec<String>,
}

impl Sink for Notes {
    fn key(&mut self, key: &Key<'_>) -> Want {
        let name = String::from_utf8_lossy(key.name);
        self.lines.push(format!("{}.{name}@{} after {} {}", key.path, key.at, key.separator, key.first));
        match key.name {
            b"skip" => Want::Skip,
            b"in" => Want::Members(key.path + 1),
            b"each" => Want::Each(key.path + 1),
            _ => Want::Value(99),
        }
    }

    fn value(&mut self, tag: u8, value: Value<'_>, span: Range<u64>) {
        self.lines.push(format!("{tag}={value:?}@{span:?}"));
    }
}

fn scan(pieces: &[&[u8]]) -> (Result<(), JsonFault>, Vec<String>) {
    let (mut scanner, mut notes) = (Scanner::new(), Notes::default());
    let fed = pieces.iter().try_for_each(|piece| scanner.feed(piece, &mut notes));
    (fed.and_then(|()| scanner.finish()), notes.lines)
}

/// Texts and whether they are valid objects; invalid ones with the byte at which they stop being one.
const TEXTS: &[(&str, Result<(), u64>)] = &[
    ("{}", Ok(())),
    (" \t\r\n{ } \n", Ok(())),
    ("\u{feff}{}", Ok(())),
    (r#"{"a":1}"#, Ok(())),
    (r#"{"a":[],"b":{},"c":[[{}]],"d":[1,"x",true,false,null]}"#, Ok(())),
    (r#"{"a":0,"b":-0,"c":0.0,"d":1e5,"e":-1.5E+10,"f":2E-0,"g":123456789012345678901234567890}"#, Ok(())),
    (r#"{"":"\"\\\/\b\f\n\r\t\u0041\uD83D\uDE00\ud800"}"#, Ok(())),
    ("{\"a\":\"\u{7f}é€🦀\"}", Ok(())),
    (r#"{"in":{"in":{"in":{"x":[{"in":1}]}}},"y":2}"#, Ok(())),
    ("", Err(0)),
    ("  ", Err(2)),
    ("\u{feff}", Err(3)),
    (" \u{feff}{}", Err(1)),
    ("\u{feff}\u{feff}{}", Err(3)),
    ("[]", Err(0)),
    ("null", Err(0)),
    ("NaN", Err(0)),
    ("7", Err(0)),
    (r#""text""#, Err(0)),
    ("{", Err(1)),
    ("{}{}", Err(2)),
    ("{} x", Err(3)),
    ("{,}", Err(1)),
    (r#"{"a"}"#, Err(4)),
    (r#"{"a":}"#, Err(5)),
    (r#"{"a":1,}"#, Err(7)),
    (r#"{"a":1 "b":2}"#, Err(7)),
    (r#"{"a" 1}"#, Err(5)),
    ("{a:1}", Err(1)),
    ("{'a':1}", Err(1)),
    (r#"{"a":[1,]}"#, Err(8)),
    (r#"{"a":[,1]}"#, Err(6)),
    (r#"{"a":[1}"#, Err(7)),
    (r#"{"a":{]}"#, Err(6)),
    (r#"{"a":1]"#, Err(6)),
    (r#"{"a":01}"#, Err(6)),
    (r#"{"a":+1}"#, Err(5)),
    (r#"{"a":.5}"#, Err(5)),
    (r#"{"a":1.}"#, Err(7)),
    (r#"{"a":-}"#, Err(6)),
    (r#"{"a":1e}"#, Err(7)),
    (r#"{"a":1e+}"#, Err(8)),
    (r#"{"a":0x1}"#, Err(6)),
    (r#"{"a":tru}"#, Err(8)),
    (r#"{"a":True}"#, Err(5)),
    (r#"{"a":nul"#, Err(8)),
    (r#"{"a":NaN}"#, Err(5)),
    (r#"{"a":Infinity}"#, Err(5)),
    ("{\"a\":\"\n\"}", Err(6)),
    ("{\"a\":\"\0\"}", Err(6)),
    ("{\"a\tb\":1}", Err(3)),
    (r#"{"a":"\x"}"#, Err(7)),
    (r#"{"a":"\u12g4"}"#, Err(10)),
    (r#"{"a":"\u12"#, Err(10)),
    (r#"{"a":"x"#, Err(7)),
    (r#"{"a":"\"#, Err(7)),
    ("{/**/}", Err(1)),
    ("{}\0", Err(2)),
    ("{\u{a0}}", Err(1)),
];

/// The grammar is RFC 8259's, and a fault is placed at the first byte that cannot go on; cut anywhere, a text
/// gives the same verdict and the same reports.
#[test]
fn grammar_and_cuts() {
    for (text, expected) in TEXTS {
        let bytes = text.as_bytes();
        let whole = scan(&[bytes]);
        assert_eq!(whole.0.map_err(|f| f.at), *expected, "{text}");
        assert_eq!(scan(&bytes.chunks(1).collect::<Vec<_>>()), whole, "{text}");
        for at in 0..=bytes.len() {
            let (a, b) = bytes.split_at(at);
            assert_eq!(scan(&[a, &[], b]), whole, "{text} cut at {at}");
        }
    }
}

/// The verdict is also that of an independent parser, except for the byte order mark and roots that are no objects.
#[test]
fn grammar_is_that_of_others() {
    for (text, expected) in TEXTS {
        let Some(text) = text.strip_prefix('\u{feff}').or(Some(text)).filter(|t| t.starts_with([' ', '{']))
        else {
            continue;
        };
        assert_eq!(serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok(), expected.is_ok(), "{text}");
    }
}

/// Members of watched objects are reported with names unescaped and places that fit; others are passed over.
#[test]
fn reports() {
    let text =
        r#"{"skip":{"in":1}, "i\u006e":{"t":"a\u20ac","n":-1.5 ,"in":null},"l":[ ],"o":{"x":1},"w":true}"#;
    let (verdict, lines) = scan(&[text.as_bytes()]);
    assert_eq!(verdict, Ok(()));
    let expected = [
        "0.skip@1 after 0 true",
        "0.in@18 after 16 false",
        "1.t@29 after 28 true",
        r"99=Text { text: [97, 226, 130, 172], sound: true }@33..42",
        "1.n@43 after 42 false",
        "99=Number([45, 49, 46, 53])@47..51",
        "1.in@53 after 52 false",
        "2=Null@58..62",
        "1=Object { empty: false }@28..63",
        "0.l@64 after 63 false",
        "99=Array { empty: true }@68..71",
        "0.o@72 after 71 false",
        "99=Object { empty: false }@76..83",
        "0.w@84 after 83 false",
        "99=Bool(true)@88..92",
        "0=Object { empty: false }@0..93",
    ];
    assert_eq!(lines, expected);
}

/// Of an array whose elements are wanted, objects are reported with their members, and nothing that stands deeper.
#[test]
fn elements() {
    let text = r#"{"each":[1,{"a":2,"o":{"b":3}},[{"c":4}],"x",{}],"y":5,"each":{"d":6}}"#;
    let (verdict, lines) = scan(&[text.as_bytes()]);
    assert_eq!(verdict, Ok(()));
    let expected = [
        "0.each@1 after 0 true",
        "1.a@12 after 11 true",
        "99=Number([50])@16..17",
        "1.o@18 after 17 false",
        "99=Object { empty: false }@22..29",
        "1=Object { empty: false }@11..30",
        "1=Object { empty: true }@45..47",
        "1=Array { empty: false }@8..48",
        "0.y@49 after 48 false",
        "99=Number([53])@53..54",
        "0.each@55 after 54 false",
        "1=Object { empty: false }@62..69",
        "0=Object { empty: false }@0..70",
    ];
    assert_eq!(lines, expected);
    for cut in 1..text.len() {
        let (one, other) = text.as_bytes().split_at(cut);
        assert_eq!(scan(&[one, other]).1, lines, "{cut}");
    }
}

/// Texts that are too long or hold half a surrogate pair are marked; names of that kind match nothing.
#[test]
fn unsound_texts() {
    let long = "x".repeat(Scanner::TEXT_BYTES + 1);
    for text in
        [long.as_str(), r"\ud800", r"\udc00", r"\ud800x", r"\ud800\ud800\udc00", r"\ud800\n", r"\udc00\ud800"]
    {
        let body = format!(r#"{{"a":"{text}"}}"#);
        let (verdict, lines) = scan(&[body.as_bytes()]);
        assert_eq!(verdict, Ok(()));
        assert!(lines[1].contains("sound: false"), "{text}: {}", lines[1]);
        let (_, lines) = scan(&[format!(r#"{{"{text}":1}}"#).as_bytes()]);
        assert_eq!(lines[0], "0.@1 after 0 true");
    }
    let (_, lines) = scan(&[format!(r#"{{"a":"{}"}}"#, &long[1..]).as_bytes()]);
    assert!(lines[1].contains("sound: true"));
}

/// Nesting is bounded, and at the bound both kinds of containers are still told apart.
#[test]
fn depth_is_bounded() {
    let nested = |levels: usize| {
        let mut text = String::from("{\"a\":");
        let opened = (2..=levels).map(|level| if level % 3 == 0 { "{\"b\":" } else { "[" });
        opened.for_each(|open| text += open);
        text += "0";
        (2..=levels).rev().for_each(|level| text += if level % 3 == 0 { "}" } else { "]" });
        text + "}"
    };
    assert_eq!(scan(&[nested(128).as_bytes()]).0, Ok(()));
    let fault = scan(&[nested(129).as_bytes()]).0.unwrap_err();
    assert_eq!(fault.expected, Expected::Shallower);
    assert!(fault.message().ends_with("nested deeper than 128 levels"));
}

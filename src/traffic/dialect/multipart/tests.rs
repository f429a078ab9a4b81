use super::*;
use crate::traffic::dialect::ask::{Ask, BodyForm, ScanError};
use crate::traffic::dialect::splice::{Edits, InjectUsage, apply};

fn boundary(text: &str) -> Boundary {
    Boundary::cut(text)
}

fn scan(pieces: &[&[u8]]) -> Result<Ask, ScanError> {
    let mut scan = MultipartScan::new(&boundary("B0"));
    pieces.iter().try_for_each(|piece| scan.feed(piece))?;
    scan.finish()
}

/// Also checks that every cut gives the same.
fn scan_cut(body: &[u8]) -> Result<Ask, ScanError> {
    let whole = scan(&[body]);
    assert_eq!(scan(&body.chunks(1).collect::<Vec<_>>()), whole);
    for at in 0..=body.len() {
        assert_eq!(scan(&[&body[..at], &body[at..]]), whole, "cut at {at}");
    }
    whole
}

/// A form with these parts, each given as headers and value.
fn form(parts: &[(&str, &str)]) -> Vec<u8> {
    let mut body = String::new();
    for (head, value) in parts {
        body += &format!("--B0\r\n{head}\r\n\r\n{value}\r\n");
    }
    (body + "--B0--\r\n").into_bytes()
}

const MODEL: &str = "Content-Disposition: form-data; name=\"model\"";
const STREAM: &str = "Content-Disposition: form-data; name=\"stream\"";
const FILE: &str =
    "Content-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\nContent-Type: audio/wav";

/// The model is found with its place, before or after a file, whatever the file holds.
#[test]
fn the_model_is_found() {
    for file in [
        "",
        "RIFF\r\n\r\n",
        "\r",
        "\r\r\n--B\r\n--\r\n-",
        "\r\n--B1\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nnot-this\r\n",
        "\r\n--B0x\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nnot-this\r\n--B0x--",
        "--B0\n\n--B0--\n",
        "\n--B0\nContent-Disposition: form-data; name=\"model\"\n\nnot-this\n--B0--\n",
        "name=\"model\"\r\n\r\nx",
    ] {
        for parts in [[(FILE, file), (MODEL, "whisper-1")], [(MODEL, "whisper-1"), (FILE, file)]] {
            if file.starts_with("--B0") {
                continue;
            }
            let body = form(&parts);
            let ask = scan_cut(&body).unwrap();
            assert_eq!(ask.model.as_str(), "whisper-1");
            assert_eq!(&body[ask.model_span.start as usize..ask.model_span.end as usize], b"whisper-1");
            assert_eq!((ask.form, ask.stream), (BodyForm::Multipart, false));
            let edits = Edits::plan(&ask, "other", InjectUsage::Yes).unwrap();
            assert_eq!(scan(&[&apply(&edits, &body)]).unwrap().model.as_str(), "other");
        }
    }
}

/// Headers are read in all their spellings.
#[test]
fn headers_are_read() {
    for head in [
        "content-disposition:form-data;name=model",
        "CONTENT-DISPOSITION: Form-Data ; NAME=\"model\"",
        "Content-Type: text/plain\r\nContent-Disposition: form-data; x=y; name=\"mod\\el\"",
        "Content-Disposition: form-data; name=\"mod%65l\"",
        "Content-Disposition: form-data; name=\"model\"; ",
        "Content-Transfer-Encoding: 8bit\r\nContent-Disposition: form-data; name=\"model\"",
    ] {
        assert_eq!(
            scan_cut(&form(&[(head, "m")])).map(|a| a.model.as_str().to_owned()),
            Ok("m".into()),
            "{head}"
        );
    }
    let streamed = scan_cut(&form(&[(STREAM, "true"), (MODEL, "\r\n--B0x")])).unwrap_err();
    assert_eq!(streamed, ScanError::InvalidModel);
    assert!(scan_cut(&form(&[(MODEL, "-- B0"), (STREAM, "True")])).unwrap().stream);
    assert_eq!(scan_cut(&form(&[(MODEL, "--B0x")])).unwrap().model.as_str(), "--B0x");
}

/// Fields that decide are there once, are no files, and are valid.
#[test]
fn refused_fields() {
    let as_file = "Content-Disposition: form-data; name=\"model\"; filename=\"m\"";
    let (long, fits) = ("x".repeat(257), "x".repeat(256));
    for (parts, error) in [
        (vec![], ScanError::MissingModel),
        (vec![(FILE, "x")], ScanError::MissingModel),
        (vec![(as_file, "m")], ScanError::MissingModel),
        (vec![("Content-Disposition: form-data; name=\"Model\"", "m")], ScanError::MissingModel),
        (vec![(MODEL, "")], ScanError::InvalidModel),
        (vec![(MODEL, "a\nb")], ScanError::InvalidModel),
        (vec![(MODEL, &long)], ScanError::InvalidModel),
        (vec![(MODEL, "a"), (MODEL, "a")], ScanError::Duplicate("model")),
        (
            vec![(MODEL, "a"), ("Content-Disposition: form-data; name=mod%65l", "a")],
            ScanError::Duplicate("model"),
        ),
        (vec![(MODEL, "a"), (STREAM, "yes")], ScanError::InvalidField("stream")),
        (vec![(STREAM, ""), (MODEL, "a")], ScanError::InvalidField("stream")),
        (vec![(STREAM, "true"), (MODEL, "a"), (STREAM, "true")], ScanError::Duplicate("stream")),
    ] {
        assert_eq!(scan_cut(&form(&parts)), Err(error), "{parts:?}");
    }
    assert!(scan_cut(&form(&[(MODEL, &fits)])).is_ok());
}

/// What is no form, or could be read in two ways, is refused.
#[test]
fn malformed_forms() {
    let with_head = |head: &str| String::from_utf8(form(&[(head, "m")])).unwrap();
    let huge = with_head(&format!("{MODEL}\r\nX: {}", "x".repeat(4096)));
    for body in [
        "",
        "--B0",
        "--B0-",
        "x\r\n--B0--",
        "\r\n--B0--",
        "--B1--\r\n",
        "--B0x\r\n",
        "--B0--x",
        "--B0\n\n",
        "--B0 x\r\n",
        "--B0\r\n\r\nx\r\n--B0--",
        "--B0\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nm",
        "--B0\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nm\r\n--B0\r\n",
        "--B0\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nm--B0--",
        "--B0\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\n--B0--",
        "--B0\r\nContent-Disposition: form-data; name=\"model\"\n\r\nm\r\n--B0--",
        "--B0\r\nContent-Disposition: form-data; name=\"model\"\r\r\n\r\nm\r\n--B0--",
        &with_head("Content-Disposition: form-data"),
        &with_head("Content-Disposition: form-data; name"),
        &with_head("Content-Disposition: form-data; name="),
        &with_head("Content-Disposition: form-data; name=\"model"),
        &with_head("Content-Disposition: form-data, name=\"model\""),
        &with_head("Content-Disposition: attachment; name=\"model\""),
        &with_head("Content-Disposition: form-data; name=\"model\"; name=\"x\""),
        &with_head("Content-Disposition: form-data; name*=utf-8''model"),
        &with_head("Content-Disposition: form-data;\r\n name=\"model\""),
        &with_head(&format!("{MODEL}\r\n{MODEL}")),
        &with_head(&format!("{MODEL}\r\nContent-Transfer-Encoding: base64")),
        &with_head("Content-Disposition form-data"),
        &with_head("X Y: z"),
        &huge,
    ] {
        let kind = scan_cut(body.as_bytes()).map_err(|e| e.kind());
        assert_eq!(kind, Err(crate::base::fault::FaultKind::InvalidMultipart), "{body}");
    }
    assert!(
        scan_cut(b"--B0 \t\r\nContent-Disposition: form-data; name=model\r\n\r\nm\r\n--B0-- \r\nrest")
            .is_ok()
    );
}

/// Content types are read case-insensitively, and a form needs one valid boundary.
#[test]
fn content_types() {
    for json in [
        "application/json",
        "Application/JSON ; charset=utf-8",
        "application/vnd.api+json",
        " application/json",
    ] {
        assert_eq!(content_type_kind(json.as_bytes()), BodyType::Json, "{json}");
    }
    for (value, text) in [
        ("multipart/form-data; boundary=B0", "B0"),
        ("Multipart/Form-Data;charset=utf-8;BOUNDARY=\"a b:c\"", "a b:c"),
        ("multipart/form-data; boundary=----=_Part/1:?'()", "----=_Part/1:?'()"),
    ] {
        assert_eq!(content_type_kind(value.as_bytes()), BodyType::Multipart { boundary: boundary(text) });
    }
    let too_long = format!("multipart/form-data; boundary={}", "x".repeat(71));
    for other in [
        "",
        "text/plain",
        "application/jsonx",
        "application/+json",
        "text/json+json",
        "application/json5",
        "multipart/mixed; boundary=B0",
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=\"\"",
        "multipart/form-data; boundary=\"a \"",
        "multipart/form-data; boundary=\"a",
        "multipart/form-data; boundary=\"a\\\r\"",
        "multipart/form-data; boundary=a; boundary=b",
        "multipart/form-data; boundary=a b",
        "multipart/form-data; boundary=a@b",
        &too_long,
    ] {
        assert_eq!(content_type_kind(other.as_bytes()), BodyType::Other, "{other}");
    }
}

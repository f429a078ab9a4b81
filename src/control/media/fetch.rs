//! One URL, from its text to its bytes.

use super::kind;
use super::place::Place;
use crate::contract::errand::{Want, Why};
use crate::contract::snapshot::Fetching;
use crate::control::credentials::{self, Failure, Web};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_body_util::BodyExt as _;
use hyper::Response;
use hyper::body::{Body as _, Incoming};
use hyper::header::{CONTENT_ENCODING, LOCATION};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Redirects that are followed.
const REDIRECTS: usize = 3;

/// What a place gave.
enum Given {
    Bytes(Vec<u8>),
    Elsewhere(String),
}

/// Fetches what is wanted; gives its media type, and its bytes in base64. `left`: bytes that may still be taken.
///
/// # Errors
/// There is nothing that can be used.
pub async fn fetch(
    want: &Want,
    rules: &Fetching,
    left: &AtomicU64,
) -> Result<(&'static str, Box<[u8]>), Why> {
    let mut place = Place::parse(&want.url)?;
    let mut redirects = 0;
    loop {
        let reach = place.reach(rules)?;
        let Place { url, target } = place;
        let asked = credentials::Place { url, reach, tls: rules.tls.clone() };
        match ask(&asked, &target, left).await? {
            Given::Bytes(bytes) => {
                let path = target.split('?').next().unwrap_or_default();
                let media = kind::judged(&bytes, want.sort, path)?;
                return Ok((media, STANDARD.encode(bytes).into_bytes().into()));
            }
            Given::Elsewhere(_) if redirects == REDIRECTS => {
                return Err(Why::told("it is redirected too often"));
            }
            Given::Elsewhere(location) => {
                redirects += 1;
                place = Place { url: asked.url, target }.redirected(&location)?;
            }
        }
    }
}

async fn ask(place: &credentials::Place, target: &str, left: &AtomicU64) -> Result<Given, Why> {
    let request = Web::get(place, target)
        .field("accept", "image/*, application/pdf, text/*, */*;q=0.5")
        .field("accept-encoding", "identity");
    request.ask_and(|answer| read(answer, left)).await.map_err(|failure| why(&failure))?
}

async fn read(answer: Response<Incoming>, left: &AtomicU64) -> Result<Given, Why> {
    let (head, mut body) = answer.into_parts();
    if head.status.is_redirection() {
        let location =
            head.headers.get(LOCATION).and_then(|value| std::str::from_utf8(value.as_bytes()).ok());
        return location
            .map(|to| Given::Elsewhere(to.to_owned()))
            .ok_or_else(|| refused(head.status.as_u16()));
    }
    if head.status.as_u16() != 200 {
        return Err(refused(head.status.as_u16()));
    }
    if head.headers.get(CONTENT_ENCODING).is_some_and(|coding| coding != "identity") {
        return Err(Why::told("it comes compressed although that was not asked for"));
    }
    if body.size_hint().lower() > left.load(Relaxed) {
        return Err(too_large());
    }
    let mut bytes = vec![];
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| broken().because(error.to_string()))?;
        let Some(data) = frame.data_ref() else { continue };
        let taken = left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(data.len() as u64));
        taken.map_err(|_| too_large())?;
        bytes.extend_from_slice(data);
    }
    Ok(Given::Bytes(bytes))
}

fn refused(status: u16) -> Why {
    Why::told(format!("its host answers with status {status}"))
}

fn too_large() -> Why {
    Why::told("it is larger than the gateway's operator allows")
}

fn broken() -> Why {
    Why::told("it breaks off")
}

/// What a client is told of a failure does not depend on what stands in the operator's network.
fn why(failure: &Failure) -> Why {
    let public = match failure {
        Failure::Unresolved(_) => "its host has no public address",
        _ => "its host cannot be reached",
    };
    Why::told(public).because(failure.to_string())
}

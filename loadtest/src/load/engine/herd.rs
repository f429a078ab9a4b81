//! Streams over HTTP/2 that stay open, many on each connection.

use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use h2::RecvStream;

use super::h2::{Shared, Stream};
use super::holder::{NO_TIME, complained};
use super::prepared::HttpVersion;
use super::session::Setup;
use super::target::Target;
use super::tls;
use super::transport::Route;
use super::watch::{Watch, is_interrupted};
use crate::load::scenario::Part;

/// Streams of each connection: what servers allow at least, RFC 9113 (6.5.2) says.
const STREAMS_EACH: usize = 100;

/// Connections whose streams are opened at a time.
const OPENERS: usize = 8;

/// Streams whose answers are read to their first event.
pub struct Herd<'a> {
    route: Rc<Route>,
    request: Rc<(http::Request<()>, Bytes)>,
    timeout: Duration,
    watch: &'a Watch,
    open: Vec<Flock>,
}

/// A connection with its streams.
struct Flock {
    shared: Rc<Shared>,
    streams: Vec<RecvStream>,
}

impl Drop for Flock {
    fn drop(&mut self) {
        // Whoever holds a sender holds the connection.
        self.shared.close();
    }
}

impl<'a> Herd<'a> {
    /// # Errors
    /// When the certificates cannot be read, or the request cannot be put into HTTP.
    pub fn new(target: &Target, part: &Part, setup: &Setup<'_>, watch: &'a Watch) -> anyhow::Result<Self> {
        let with_http2 = setup.version == HttpVersion::Two;
        let tls = target.is_tls.then(|| tls::config(setup.trust, with_http2)).transpose()?;
        let draft = part.draft(target.base(), &target.path, part.keys.first().map(String::as_str));
        let head = draft.http2(target.scheme(), &target.authority)?;
        let route = Rc::new(Route {
            target: target.clone(),
            tls,
            receive_bytes: None,
            connect_wait: setup.connect_wait(),
        });
        let request = Rc::new((head, Bytes::from(draft.body)));
        Ok(Self { route, request, timeout: setup.timeout, watch, open: Vec::new() })
    }

    /// Opens so many more; those that are open stay, whatever becomes of the others. Tells why they are not all, if so.
    pub async fn open_many(&mut self, count: usize, until: Option<Instant>) -> Option<String> {
        let mut left = count;
        while left > 0 {
            let mut openers = Vec::new();
            for _ in 0..OPENERS {
                let share = left.min(STREAMS_EACH);
                left -= share;
                let shared = Shared::new(Rc::clone(&self.route), self.watch.add());
                let flock = Flock { shared, streams: Vec::with_capacity(share) };
                openers.push(monoio::spawn(fill(flock, share, Rc::clone(&self.request), self.timeout)));
            }
            let mut failed = None;
            for opener in openers {
                let (flock, failure) = opener.await;
                self.open.push(flock);
                failed = failed.or(failure);
            }
            let is_late = until.is_some_and(|until| Instant::now() > until);
            if failed.is_some() {
                return failed;
            }
            if left > 0 && (is_late || is_interrupted()) {
                return Some(if is_late { NO_TIME } else { "interrupted" }.to_owned());
            }
        }
        None
    }

    pub fn count(&self) -> usize {
        self.open.iter().map(|flock| flock.streams.len()).sum()
    }
}

/// Opens the streams of one connection, up to the first that fails.
async fn fill(
    mut flock: Flock,
    count: usize,
    request: Rc<(http::Request<()>, Bytes)>,
    timeout: Duration,
) -> (Flock, Option<String>) {
    for _ in 0..count {
        let mut stream = Stream::new(Rc::clone(&flock.shared), timeout);
        match stream.begin(&request).await {
            Ok(Some(open)) => flock.streams.push(open),
            Ok(None) => return (flock, Some("a stream was over at once".to_owned())),
            Err(failure) => return (flock, Some(complained(failure, &stream.complaint))),
        }
    }
    (flock, None)
}

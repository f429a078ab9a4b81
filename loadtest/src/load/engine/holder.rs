//! Connections that stay open without being used any further.

use std::rc::Rc;
use std::time::Instant;

use anyhow::bail;

use super::connection::Connection;
use super::session::Setup;
use super::target::Target;
use super::tls;
use super::transport::Route;
use super::watch::{Watch, is_interrupted};
use crate::load::check::Failure;
use crate::load::scenario::Part;

/// Connections that are opened at a time where many are.
const OPENERS: usize = 32;

/// Why some were not opened, if nothing else was wrong.
pub const NO_TIME: &str = "there was no more time";

/// Connections with one request each, whose answers are read to their first content.
pub struct Holder<'a> {
    route: Rc<Route>,
    request: Rc<Vec<u8>>,
    watch: &'a Watch,
    open: Vec<Connection>,
}

impl<'a> Holder<'a> {
    /// # Errors
    /// When the certificates cannot be read.
    pub fn new(target: &Target, part: &Part, setup: &Setup<'_>, watch: &'a Watch) -> anyhow::Result<Self> {
        let tls = target.is_tls.then(|| tls::config(setup.trust, false)).transpose()?;
        let key = part.keys.first().map(String::as_str);
        let request = part.draft(target.base(), &target.path, key).http1(&target.authority);
        let route = Rc::new(Route {
            target: target.clone(),
            tls,
            receive_bytes: None,
            connect_wait: setup.connect_wait(),
        });
        Ok(Self { route, request: Rc::new(request), watch, open: Vec::new() })
    }

    /// Opens one more. An answer that is complete leaves an idle connection.
    ///
    /// # Errors
    /// When the target cannot be reached, or the answer is wrong.
    pub async fn open(&mut self) -> anyhow::Result<()> {
        let mut connection = Connection::new(Rc::clone(&self.route), self.watch.add());
        if let Err(failure) = connection.begin(&self.request).await {
            bail!("{}", complained(failure, &connection.complaint));
        }
        self.open.push(connection);
        Ok(())
    }

    /// Opens so many more, several at a time; those that are open stay, whatever becomes of the others. Tells why they are not
    /// all, if so.
    pub async fn open_many(&mut self, count: usize, until: Option<Instant>) -> Option<String> {
        let openers: Vec<_> = (0..OPENERS)
            .map(|opener| {
                let share = count * (opener + 1) / OPENERS - count * opener / OPENERS;
                let connections: Vec<Connection> =
                    (0..share).map(|_| Connection::new(Rc::clone(&self.route), self.watch.add())).collect();
                monoio::spawn(open_all(connections, Rc::clone(&self.request), until))
            })
            .collect();
        let mut failed = None;
        for opener in openers {
            let (connections, failure) = opener.await;
            self.open.extend(connections);
            failed = failed.or(failure);
        }
        failed
    }

    pub fn count(&self) -> usize {
        self.open.len()
    }
}

/// What was wrong, and what was said of it.
pub fn complained(failure: Failure, complaint: &str) -> String {
    if complaint.is_empty() { failure.to_string() } else { format!("{failure}: {complaint}") }
}

/// Opens one after the other, up to the first that fails; gives those that are open.
async fn open_all(
    connections: Vec<Connection>,
    request: Rc<Vec<u8>>,
    until: Option<Instant>,
) -> (Vec<Connection>, Option<String>) {
    let mut open = Vec::with_capacity(connections.len());
    for mut connection in connections {
        if is_interrupted() {
            return (open, Some("interrupted".to_owned()));
        }
        if until.is_some_and(|until| Instant::now() > until) {
            return (open, Some(NO_TIME.to_owned()));
        }
        if let Err(failure) = connection.begin(&request).await {
            return (open, Some(complained(failure, &connection.complaint)));
        }
        open.push(connection);
    }
    (open, None)
}

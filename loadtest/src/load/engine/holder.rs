//! Connections that stay open without being used any further.

use std::rc::Rc;

use anyhow::bail;

use super::connection::Connection;
use super::session::Setup;
use super::target::Target;
use super::tls;
use super::transport::Route;
use super::watch::Watch;
use crate::load::scenario::Part;

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
        let route = Rc::new(Route { target: target.clone(), tls, receive_bytes: None });
        Ok(Self { route, request: Rc::new(request), watch, open: Vec::new() })
    }

    /// Opens one more. An answer that is complete leaves an idle connection.
    ///
    /// # Errors
    /// When the target cannot be reached, or the answer is wrong.
    pub async fn open(&mut self) -> anyhow::Result<()> {
        let mut connection = Connection::new(Rc::clone(&self.route), self.watch.add());
        if let Err(failure) = connection.begin(&self.request).await {
            bail!("{failure} {}", connection.complaint);
        }
        self.open.push(connection);
        Ok(())
    }

    pub fn count(&self) -> usize {
        self.open.len()
    }
}

//! What is measured of peers: load, kind of answers, protocol.

use clap::ValueEnum;

use super::peer::Peer;
use crate::load::engine::HttpVersion;

/// Streams per second for the time to the first event.
const STREAM_RATE: f64 = 200.0;

/// What a comparison of peers measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Section {
    /// Whole answers, as many as can be.
    Requests,
    /// Latency that is added at each of --rates.
    Rates,
    /// Streams, as many as can be, and time to the first event.
    Streams,
    /// Requests and streams over HTTP/2, over TLS, and over both.
    Protocols,
    /// Memory with open streams.
    Memory,
}

/// One thing that is measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Exhibit {
    pub rate: Option<f64>,
    pub stream: bool,
    pub tls: bool,
    pub version: HttpVersion,
}

/// Everything that is measured, in its order.
pub fn exhibits(rates: &[f64], has_certificate: bool) -> Vec<Exhibit> {
    let plain = Exhibit::PLAIN;
    let mut exhibits = vec![plain];
    exhibits.extend(rates.iter().map(|rate| Exhibit { rate: Some(*rate), ..plain }));
    let streams = Exhibit { stream: true, ..plain };
    exhibits.extend([streams, Exhibit { rate: Some(STREAM_RATE), ..streams }]);
    for (tls, version) in [(false, HttpVersion::Two), (true, HttpVersion::One), (true, HttpVersion::Two)] {
        if has_certificate || !tls {
            exhibits.extend([plain, streams].map(|it| Exhibit { tls, version, ..it }));
        }
    }
    exhibits
}

impl Exhibit {
    /// Whole answers, as many as can be.
    pub const PLAIN: Self = Self { rate: None, stream: false, tls: false, version: HttpVersion::One };

    pub fn section(&self) -> Section {
        match (self.version, self.tls, self.stream, self.rate) {
            (HttpVersion::One, false, true, _) => Section::Streams,
            (HttpVersion::One, false, false, Some(_)) => Section::Rates,
            (HttpVersion::One, false, false, None) => Section::Requests,
            _ => Section::Protocols,
        }
    }

    /// Its share of the time: what tells tails needs many requests.
    pub fn weight(&self) -> f64 {
        if self.rate.is_some() { 2.0 } else { 1.0 }
    }

    /// Whether someone can do it; the provider alone does not run.
    pub fn fits(&self, peer: &Peer, is_running: bool) -> bool {
        match (self.tls, self.version) {
            // Added latency is that of plain connections, and the baseline is measured anyway.
            (false, HttpVersion::One) => is_running || self.rate.is_some(),
            (false, HttpVersion::Two) => peer.plain_http2,
            (true, HttpVersion::One) => peer.tls,
            (true, HttpVersion::Two) => peer.tls && peer.http2,
        }
    }

    pub fn title(&self) -> String {
        let load = self.rate.map_or("as many as can be".to_owned(), |rate| format!("{rate} per second"));
        let protocol = match (self.version, self.tls) {
            (HttpVersion::One, false) => "HTTP/1.1",
            (HttpVersion::One, true) => "HTTP/1.1 over TLS",
            (HttpVersion::Two, false) => "HTTP/2",
            (HttpVersion::Two, true) => "HTTP/2 over TLS",
        };
        let what = if self.stream { "streams of 50 events" } else { "requests" };
        format!("{what}, {load}, {protocol}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Requests and streams are measured over every protocol that a peer has, those over TLS only with a certificate, and the
    /// provider alone where latency is added to.
    #[test]
    fn every_protocol_is_measured() {
        let exhibits = exhibits(&[200.0], true);
        for (tls, version) in [
            (false, HttpVersion::One),
            (false, HttpVersion::Two),
            (true, HttpVersion::One),
            (true, HttpVersion::Two),
        ] {
            for stream in [false, true] {
                let is_there =
                    |it: &Exhibit| (it.tls, it.version, it.stream, it.rate) == (tls, version, stream, None);
                assert_eq!(
                    exhibits.iter().filter(|it| is_there(it)).count(),
                    1,
                    "{tls} {version:?} {stream}"
                );
            }
        }
        let mut titles: Vec<String> = exhibits.iter().map(Exhibit::title).collect();
        titles.sort_unstable();
        titles.dedup();
        assert_eq!(titles.len(), exhibits.len(), "no two have the same name");
        assert!(super::exhibits(&[], false).iter().all(|it| !it.tls));
        let fits = |change: fn(&mut Peer)| {
            let mut peer = Peer::plain();
            change(&mut peer);
            exhibits.iter().filter(|it| it.fits(&peer, true)).count()
        };
        assert_eq!(
            (fits(|_| {}), fits(|peer| peer.plain_http2 = true), fits(|peer| peer.tls = true)),
            (4, 6, 6)
        );
        assert!(exhibits.iter().all(|it| it.fits(&Peer::plain(), false) == it.rate.is_some()));
    }
}

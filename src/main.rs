//! temporary
use ringgate::boot::planes::*;
use ringgate::contract::names::Names;
use ringgate::control::config::*;
use std::sync::Arc;
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
fn main() {
    let path = std::env::args().nth(1).unwrap();
    let names = Arc::new(Names::default());
    let mut origins = Origins::new(None);
    let c = match compile(&Source::read(path).unwrap(), &names, &mut origins, 1) { Ok(c) => c, Err(e) => { for c in e { eprintln!("{c}"); } std::process::exit(1) } };
    let n = match c.settings.shards { Shards::Auto => 1, Shards::Count(n) => n as usize };
    let mut sockets: Vec<Vec<_>> = (0..n).map(|_| vec![]).collect();
    for (i, a) in c.settings.listen.iter().enumerate() {
        for (s, l) in ringgate::net::listen::bind(*a, n).unwrap().into_iter().enumerate() { sockets[s].push((i, l)); }
    }
    let io = match c.settings.io { Driver::Auto => ringgate::net::runtime::Wanted::Auto, Driver::Uring => ringgate::net::runtime::Wanted::Uring, Driver::Epoll => ringgate::net::runtime::Wanted::Epoll };
    let access_log = match c.settings.access_log { AccessLog::Stdout => ringgate::logcore::AccessLog::Stdout, AccessLog::File(p) => ringgate::logcore::AccessLog::File(p), AccessLog::None => ringgate::logcore::AccessLog::None };
    let p = start(Plan { shards: n, io, on_overflow: ringgate::traffic::exchange::shard::OnOverflow::Block, access_log, snapshots: Arc::new(arc_swap::ArcSwap::from_pointee(c.snapshot)), names, sockets }).unwrap();
    loop { std::thread::sleep(std::time::Duration::from_secs(3600)); let _ = &p; }
}

//! The few words that control, a shard and the log core exchange while they run: flags, no messages.

use crossbeam_utils::CachePadded;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

/// What control wants of a shard.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub enum Order {
    Serve,
    /// Take no new connections, finish what runs, end.
    Drain,
    /// End now.
    Stop,
}

/// What a shard is doing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub enum State {
    Starting,
    Listening,
    Draining,
    Ended,
    Failed,
}

/// One shard's flags, shared with control. Looked at every few milliseconds, never per request.
pub struct Link {
    /// On a cache line of its own: control writes it while shards read theirs.
    order: CachePadded<AtomicU8>,
    state: CachePadded<AtomicU8>,
    driver: AtomicU8,
}

impl Default for Link {
    fn default() -> Self {
        Self {
            order: CachePadded::new(AtomicU8::new(Order::Serve as u8)),
            state: CachePadded::new(AtomicU8::new(State::Starting as u8)),
            driver: AtomicU8::new(u8::MAX),
        }
    }
}

impl Link {
    pub fn order(&self) -> Order {
        match self.order.load(Ordering::Acquire) {
            0 => Order::Serve,
            1 => Order::Drain,
            _ => Order::Stop,
        }
    }

    /// Gives an order. Orders only ever become stronger.
    pub fn give(&self, order: Order) {
        self.order.fetch_max(order as u8, Ordering::AcqRel);
    }

    pub fn state(&self) -> State {
        match self.state.load(Ordering::Acquire) {
            0 => State::Starting,
            1 => State::Listening,
            2 => State::Draining,
            3 => State::Ended,
            _ => State::Failed,
        }
    }

    pub fn set_state(&self, state: State) {
        self.state.store(state as u8, Ordering::Release);
    }

    /// Number of the I/O driver that runs, once it is known.
    pub fn driver(&self) -> Option<u8> {
        let driver = self.driver.load(Ordering::Acquire);
        (driver != u8::MAX).then_some(driver)
    }

    pub fn set_driver(&self, driver: u8) {
        self.driver.store(driver, Ordering::Release);
    }
}

/// The log core's flag, for control.
#[derive(Default)]
pub struct LogLink {
    stalled: AtomicBool,
}

impl LogLink {
    /// Whether lines have waited for some time because nothing takes them.
    pub fn is_stalled(&self) -> bool {
        self.stalled.load(Ordering::Relaxed)
    }

    pub fn set_stalled(&self, stalled: bool) {
        self.stalled.store(stalled, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A stop is never taken back by a later, weaker order.
    #[test]
    fn orders_only_grow() {
        let link = Link::default();
        link.give(Order::Stop);
        link.give(Order::Drain);
        assert_eq!(link.order(), Order::Stop);
    }
}

//! An answer as a script: bytes to send, waits between them, and how the connection ends. Written once, played often.

use std::ops::Range;

use super::answer::ID;
use super::wait::Wait;

/// One thing to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Send a range of the bytes, in which a range of the blanks stands.
    Send { bytes: Range<usize>, blanks: Range<usize> },
    /// Wait until so long after the last wait was due.
    Pause(Wait),
    /// Do nothing until the client goes away.
    Stall,
}

/// What becomes of the connection after the last step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum End {
    /// It waits for the next request.
    #[default]
    KeepAlive,
    /// It ends in good order.
    Close,
    /// It ends with a reset.
    Reset,
}

/// Something that each answer has its own of; sixteen hexadecimal digits stand for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Blank {
    Id,
    Received,
    Answered,
}

/// What blanks are filled with. Times are those of the machine's monotonic clock, in nanoseconds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Filling {
    pub id: u64,
    /// When the request's last byte was read.
    pub received_ns: u64,
    /// When these bytes were given to the kernel.
    pub answered_ns: u64,
}

/// Stand for the times until they are known.
pub const RECEIVED: &str = "__mock_received_";
pub const ANSWERED: &str = "__mock_answered_";

const _: () = assert!(RECEIVED.len() == ID.len() && ANSWERED.len() == ID.len());

impl Blank {
    const ALL: [Self; 3] = [Self::Id, Self::Received, Self::Answered];

    fn stand_in(self) -> &'static str {
        match self {
            Self::Id => ID,
            Self::Received => RECEIVED,
            Self::Answered => ANSWERED,
        }
    }
}

impl Filling {
    fn of(&self, blank: Blank) -> u64 {
        match blank {
            Blank::Id => self.id,
            Blank::Received => self.received_ns,
            Blank::Answered => self.answered_ns,
        }
    }
}

/// An answer, ready to be played.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Script {
    pub steps: Vec<Step>,
    pub end: End,
    bytes: Vec<u8>,
    /// Where in the bytes something stands that each request has its own of, in order.
    blanks: Vec<(usize, Blank)>,
    /// Bytes before this have been given to a step.
    sent: usize,
}

impl Script {
    /// Adds bytes to what the next [`flush`](Self::flush) sends.
    pub fn add(&mut self, bytes: &[u8]) {
        let at = self.bytes.len();
        let first = self.blanks.len();
        for blank in Blank::ALL {
            let found = memchr::memmem::find_iter(bytes, blank.stand_in());
            self.blanks.extend(found.map(|found| (at + found, blank)));
        }
        self.blanks[first..].sort_unstable();
        self.bytes.extend_from_slice(bytes);
    }

    /// Sends what was added, in one write.
    pub fn flush(&mut self) {
        let bytes = self.sent..self.bytes.len();
        if !bytes.is_empty() {
            let blanks = self.blanks.partition_point(|(at, _)| *at < bytes.start)..self.blanks.len();
            self.sent = bytes.end;
            self.steps.push(Step::Send { bytes, blanks });
        }
    }

    /// Waits, if there is anything to wait for.
    pub fn pause(&mut self, wait: Wait) {
        if !wait.is_none() {
            self.flush();
            self.steps.push(Step::Pause(wait));
        }
    }

    /// Waits until the client goes away.
    pub fn stall(&mut self) {
        self.flush();
        self.steps.push(Step::Stall);
    }

    /// Sends bytes one by one.
    pub fn crawl(&mut self, bytes: &[u8], wait: Wait) {
        self.add(bytes);
        for at in self.sent..self.bytes.len() {
            self.steps.push(Step::Send { bytes: at..at + 1, blanks: 0..0 });
            self.steps.push(Step::Pause(wait));
        }
        self.sent = self.bytes.len();
    }

    /// Sends what is left, and says what becomes of the connection.
    pub fn finish(mut self, end: End) -> Self {
        self.flush();
        self.end = end;
        self
    }

    /// Copies a range of the bytes, with digits in place of the blanks in it.
    pub fn copy(&self, bytes: Range<usize>, blanks: Range<usize>, filling: &Filling, out: &mut Vec<u8>) {
        let begin = out.len();
        out.extend_from_slice(&self.bytes[bytes.clone()]);
        for (at, blank) in &self.blanks[blanks] {
            let at = begin + at - bytes.start;
            out[at..at + ID.len()].copy_from_slice(&hexadecimal(filling.of(*blank)));
        }
    }

    /// The whole answer is one write, and nothing is waited for.
    pub fn is_simple(&self) -> bool {
        matches!(self.steps[..], [Step::Send { .. }])
    }
}

fn hexadecimal(number: u64) -> [u8; 16] {
    std::array::from_fn(|at| b"0123456789abcdef"[(number >> (60 - 4 * at)) as usize & 15])
}

/// The id of the `number`th request of a mock: the same for the same seed, and unlike any other.
pub fn id_of(seed: u64, number: u64) -> u64 {
    // The output function of SplitMix64, a permutation.
    let mut mixed = seed.wrapping_add(number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every stand-in is replaced in the write it belongs to, and in no other.
    #[test]
    fn blanks_are_filled_in() {
        let mut script = Script::default();
        script.add(format!("a{ID}b{ID}").as_bytes());
        script.flush();
        script.add(b"nothing");
        script.flush();
        script.add(format!("{ANSWERED}{RECEIVED}{ID}").as_bytes());
        let script = script.finish(End::KeepAlive);
        let mut sent = Vec::new();
        for step in &script.steps {
            if let Step::Send { bytes, blanks } = step {
                let filling = Filling { id: 0x1234_5678_9abc_def0, received_ns: 1, answered_ns: 2 };
                script.copy(bytes.clone(), blanks.clone(), &filling, &mut sent);
                sent.push(b'|');
            }
        }
        let expected =
            b"a123456789abcdef0b123456789abcdef0|nothing|00000000000000020000000000000001123456789abcdef0|";
        assert_eq!(String::from_utf8_lossy(&sent), String::from_utf8_lossy(expected));
    }

    /// Ids follow from the seed and differ between requests and seeds.
    #[test]
    fn ids_follow_from_the_seed() {
        assert_eq!(id_of(7, 3), id_of(7, 3));
        assert_ne!(id_of(7, 3), id_of(7, 4));
        assert_ne!(id_of(7, 3), id_of(8, 3));
    }
}

//! The text of a wanted token, kept where it was escaped or cut between two pieces.

/// Unescaped text of bounded size. `\u` escapes are joined into pairs as they come.
pub struct Capture<const N: usize> {
    len: usize,
    /// The first half of a surrogate pair that waits for its second.
    high: Option<u16>,
    sound: bool,
    bytes: [u8; N],
}

impl<const N: usize> Capture<N> {
    pub const fn new() -> Self {
        Self { len: 0, high: None, sound: true, bytes: [0; N] }
    }

    pub fn clear(&mut self) {
        self.len = 0;
        self.high = None;
        self.sound = true;
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// What there is of the text.
    pub fn text(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// The text is all there, and no half of a surrogate pair stands alone in it.
    pub fn is_sound(&self) -> bool {
        self.sound && self.high.is_none()
    }

    /// Adds bytes as they stand.
    pub fn push(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.sound &= self.high.take().is_none();
        let room = N - self.len;
        let taken = bytes.len().min(room);
        self.sound &= taken == bytes.len();
        self.bytes[self.len..self.len + taken].copy_from_slice(&bytes[..taken]);
        self.len += taken;
    }

    /// Adds what a `\u` escape stands for.
    pub fn push_unit(&mut self, unit: u16) {
        let scalar = match (self.high.take(), unit) {
            (None, 0xD800..=0xDBFF) => {
                self.high = Some(unit);
                return;
            }
            (Some(high), 0xDC00..=0xDFFF) => {
                0x1_0000 + ((u32::from(high) & 0x3FF) << 10 | u32::from(unit) & 0x3FF)
            }
            (None, _) => u32::from(unit),
            (Some(_), _) => {
                self.sound = false;
                return;
            }
        };
        match char::from_u32(scalar) {
            Some(c) => self.push(c.encode_utf8(&mut [0; 4]).as_bytes()),
            None => self.sound = false,
        }
    }
}

//! Numbers that look random and follow from a seed.

/// Draws numbers: `SplitMix64`, whose whole state is one counter. Source: Steele, Lea and Flood, OOPSLA 2014.
#[derive(Clone, Copy, Debug)]
pub struct Chance(u64);

impl Chance {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// What belongs to the `number`th of something, whatever was drawn before.
    pub fn of(seed: u64, number: u64) -> Self {
        let mut chance = Self(seed ^ number.wrapping_mul(0xd605_bbb5_8c8a_bbfd));
        chance.draw();
        chance
    }

    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 up to, but not, `bound`; 0 if the bound is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.draw()) * u128::from(bound)) >> 64) as u64
    }

    /// Above 0, up to 1.
    pub fn share(&mut self) -> f64 {
        ((self.draw() >> 11) + 1) as f64 / (1_u64 << 53) as f64
    }

    /// Normally distributed, with a mean of 0 and a deviation of 1. Source: Box and Muller, 1958.
    pub fn normal(&mut self) -> f64 {
        (-2.0 * self.share().ln()).sqrt() * (std::f64::consts::TAU * self.share()).cos()
    }

    /// Exponentially distributed, with a mean of 1.
    pub fn exponential(&mut self) -> f64 {
        -self.share().ln()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same seed draws the same, and what is drawn is spread as it should be.
    #[test]
    fn draws_by_seed() {
        let mean = |draw: fn(&mut Chance) -> f64| {
            let mut chance = Chance::new(7);
            (0..100_000).map(|_| draw(&mut chance)).sum::<f64>() / 100_000.0
        };
        assert!((mean(Chance::share) - 0.5).abs() < 0.01);
        assert!((mean(Chance::exponential) - 1.0).abs() < 0.02);
        assert!(mean(Chance::normal).abs() < 0.02);
        assert!((mean(|chance| chance.normal().powi(2)) - 1.0).abs() < 0.02);
        assert!((mean(|chance| chance.below(10) as f64) - 4.5).abs() < 0.05);
        assert_eq!(Chance::of(1, 2).draw(), Chance::of(1, 2).draw());
        assert_ne!(Chance::of(1, 2).draw(), Chance::of(1, 3).draw());
    }
}

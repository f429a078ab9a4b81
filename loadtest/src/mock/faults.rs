//! Faults that only some answers have, by chance.

use std::fmt;
use std::str::FromStr;

use super::fault::Fault;

/// Most faults at a time.
const FAULTS_MAX: usize = 8;

/// Faults, each with the share of answers that has it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Faults([Option<(Fault, f64)>; FAULTS_MAX]);

impl Faults {
    /// Every fault, with the share of answers that have it or one before it.
    pub fn thresholds(&self) -> impl Iterator<Item = (Fault, f64)> {
        self.0.iter().flatten().scan(0.0, |sum, (fault, share)| {
            *sum += share;
            Some((*fault, *sum))
        })
    }
}

impl FromStr for Faults {
    type Err = String;

    /// Reads `FAULT@SHARE`, several with commas between them: `reset@0.01,status:429@0.05`.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut faults = Self::default();
        for (index, one) in text.split(',').enumerate() {
            let Some((fault, share)) = one.split_once('@') else {
                return Err(format!("\"{one}\" must be a fault and its share, as in reset@0.01"));
            };
            let share = share.parse().ok().filter(|share| (0.0..=1.0).contains(share));
            let share = share.ok_or_else(|| format!("\"{one}\" needs a share from 0 to 1 behind the @"))?;
            let place = faults.0.get_mut(index).ok_or_else(|| format!("more than {FAULTS_MAX} faults"))?;
            *place = Some((fault.parse()?, share));
        }
        if faults.thresholds().any(|(_, sum)| sum > 1.0 + f64::EPSILON) {
            return Err(format!("the shares of \"{text}\" are more than 1 together"));
        }
        Ok(faults)
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (fault, share)) in self.0.iter().flatten().enumerate() {
            write!(out, "{}{fault}@{share}", if index > 0 { "," } else { "" })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Faults are read back as they are written, with their shares summed up.
    #[test]
    fn reads_what_it_writes() {
        let text = "reset@0.01,status:429@0.05,stall_after:3@0.1";
        let faults: Faults = text.parse().expect("valid");
        assert_eq!(faults.to_string(), text);
        let sums: Vec<f64> = faults.thresholds().map(|(_, sum)| (sum * 100.0).round()).collect();
        assert_eq!(sums, [1.0, 6.0, 16.0]);
    }

    /// What is no share or no fault is refused by name.
    #[test]
    fn refuses_what_is_wrong() {
        for (text, word) in [
            ("reset", "reset@0.01"),
            ("reset@2", "0 to 1"),
            ("reset@x", "0 to 1"),
            ("rest@0.1", "unknown fault"),
            ("reset@0.6,stall@0.6", "more than 1"),
            ("reset@0,reset@0,reset@0,reset@0,reset@0,reset@0,reset@0,reset@0,reset@0", "more than 8"),
        ] {
            assert!(text.parse::<Faults>().is_err_and(|message| message.contains(word)), "{text}");
        }
    }
}

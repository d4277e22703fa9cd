//! The quantity that a row measures (time, memory, or a ratio), and its goal.

use std::cmp::Ordering;
use std::fmt;
use std::time::Duration;

/// A measured amount, or the highest one that a goal allows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Amount {
    /// A median of running times.
    Time(Duration),
    /// A running time in proportion to that of another program in the same run.
    Ratio(f64),
    /// The largest amount of memory in use, in KiB.
    Memory(u64),
}

impl Amount {
    /// A number of milliseconds.
    pub(super) const fn milliseconds(count: u64) -> Self {
        Self::Time(Duration::from_millis(count))
    }

    /// A number of MiB.
    pub(super) const fn mebibytes(count: u64) -> Self {
        Self::Memory(count * 1024)
    }

    /// Whether a goal allows it.
    pub(super) fn meets(self, goal: Self) -> bool {
        let order = match (self, goal) {
            (Self::Time(own), Self::Time(goal)) => own.partial_cmp(&goal),
            (Self::Ratio(own), Self::Ratio(goal)) => own.partial_cmp(&goal),
            (Self::Memory(own), Self::Memory(goal)) => own.partial_cmp(&goal),
            _ => None,
        };
        order.is_some_and(|order| order != Ordering::Greater)
    }

    /// The number in milliseconds, as a ratio, or in KiB.
    pub(super) fn number(self) -> f64 {
        match self {
            Self::Time(time) => time.as_secs_f64() * 1000.0,
            Self::Ratio(ratio) => ratio,
            Self::Memory(kibibytes) => f64::from(u32::try_from(kibibytes).unwrap_or(u32::MAX)),
        }
    }

    /// The unit of [`Self::number`].
    pub(super) fn unit(self) -> &'static str {
        match self {
            Self::Time(_) => "ms",
            Self::Ratio(_) => "ratio",
            Self::Memory(_) => "KiB",
        }
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Time(time) if time.as_secs_f64() >= 10.0 => write!(f, "{:.0} s", time.as_secs_f64()),
            Self::Time(time) if time.as_secs_f64() >= 1.0 => write!(f, "{:.2} s", time.as_secs_f64()),
            Self::Time(time) => write!(f, "{:.0} ms", time.as_secs_f64() * 1000.0),
            Self::Ratio(ratio) => write!(f, "{ratio:.2} ×"),
            Self::Memory(kibibytes) => write!(f, "{} MiB", kibibytes.div_ceil(1024)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_compared_with_goals_of_their_kind() {
        assert!(Amount::milliseconds(8).meets(Amount::milliseconds(8)));
        assert!(!Amount::milliseconds(9).meets(Amount::milliseconds(8)));
        assert!(Amount::Ratio(1.0).meets(Amount::Ratio(1.05)) && !Amount::Ratio(f64::NAN).meets(Amount::Ratio(1.0)));
        assert!(!Amount::Memory(1).meets(Amount::milliseconds(8)));
    }

    #[test]
    fn amounts_are_printed_with_their_units() {
        let shown = [
            Amount::milliseconds(8),
            Amount::milliseconds(1200),
            Amount::milliseconds(60_000),
            Amount::Ratio(1.05),
            Amount::mebibytes(64),
        ];
        assert_eq!(shown.map(|one| one.to_string()), ["8 ms", "1.20 s", "60 s", "1.05 ×", "64 MiB"]);
    }
}

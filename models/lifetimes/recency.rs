//! What a lifetime model sees of a customer.

use serde::{Deserialize, Serialize};

/// What the models need to know of one customer: (x, t_x, T) of the papers. Times share one unit, whichever
/// it is (days, weeks, years); parameters of a fit and horizons are then in that unit too.
///
/// Purchases are purchase *occasions*: what was bought on one day is one purchase.
///
/// ```
/// use homing_models::lifetimes::Recency;
///
/// // Two repeat purchases, the last 30.43 weeks after the first, observed for 38.86 weeks.
/// let customer = Recency::new(2, 30.43, 38.86);
/// assert_eq!(Recency::new(0, 5.0, 10.0).normalized().recency, 0.0); // no repeat, no recency
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Recency {
    /// Number of repeat purchases, `x`: the first purchase is not counted.
    pub frequency: u32,
    /// Time of the last purchase since the first, `t_x`; 0 when there was no repeat.
    pub recency: f64,
    /// Length of the observation since the first purchase, `T`.
    pub age: f64,
}

impl Recency {
    /// A customer with `frequency` repeat purchases, the last `recency` and the end of observation `age`
    /// after the first purchase.
    pub fn new(frequency: u32, recency: f64, age: f64) -> Self {
        Self { frequency, recency, age }
    }

    /// The row as the models read it: `t_x` is 0 where `x` is, `T` is at least `t_x` (a clock that ran
    /// backwards counts as no time at all), and what is no time (negative or NaN) is 0.
    pub fn normalized(self) -> Self {
        let recency = if self.frequency == 0 { 0.0 } else { time(self.recency) };
        Self { frequency: self.frequency, recency, age: time(self.age).max(recency) }
    }
}

/// The longest time the models reckon with, in whichever unit: an infinite horizon is cut to it.
const LONGEST: f64 = 1e12;

/// `t` as a time the formulas can handle: 0 for NaN and below, at most [`LONGEST`].
pub(super) fn time(t: f64) -> f64 {
    if t > 0.0 { t.min(LONGEST) } else { 0.0 }
}

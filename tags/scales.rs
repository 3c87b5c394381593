//! Steps of a scale from the customers of a business: thresholds that differ by trade are measured, not guessed.

/// Steps that cut a base into `parts` of equal size: quantiles (the inverse of the empirical distribution), without
/// those that coincide. Falling where less is better. Values that are not finite are left out.
///
/// ```
/// let mut spend: Vec<f64> = (1..=100).map(f64::from).collect();
/// assert_eq!(homing_tags::scales::steps(&mut spend, 4, false), [26.0, 51.0, 76.0]);
/// ```
#[must_use]
pub fn steps(values: &mut Vec<f64>, parts: usize, falling: bool) -> Vec<f64> {
    values.retain(|value| value.is_finite());
    values.sort_by(f64::total_cmp);
    let n = values.len();
    let mut steps: Vec<f64> = (1..parts)
        .filter_map(|part| values.get((n * part / parts.max(1)).min(n.saturating_sub(1))).copied())
        .collect();
    steps.dedup();
    // A step at the very beginning would be reached by everybody.
    steps.retain(|step| values.first().is_some_and(|first| step > first));
    if falling {
        steps.reverse();
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_cut_a_base_into_equal_parts() {
        let mut hundred: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        assert_eq!(steps(&mut hundred.clone(), 5, false), [21.0, 41.0, 61.0, 81.0]);
        assert_eq!(steps(&mut hundred, 5, true), [81.0, 61.0, 41.0, 21.0]);
        let mut ties = vec![1.0; 90];
        ties.extend([2.0; 10]);
        assert_eq!(steps(&mut ties, 5, false), [] as [f64; 0]);
        assert_eq!(steps(&mut vec![f64::NAN], 5, false), [] as [f64; 0]);
    }
}

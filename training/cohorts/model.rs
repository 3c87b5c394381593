//! Revenue of cohorts by age, calendar month and quality of the cohort.
//!
//! A customer who joined `a` months ago spends `q · exp(α + β ln a) · p_t` a day in month `t`: `β` says how spend decays with age, `q`
//! how a cohort differs, `p_t` how a month does. The three are fitted in turn, each as the ratio of what came to what the other two
//! expect (the marginals of an age-period-cohort table); `q` is drawn towards 1 and `β` towards a common decay while there is little
//! data. The coming months take the level of the last ones and the season of the months of the year, as far as years repeat.

use super::table::Table;

/// Rounds of fitting.
const ROUNDS: usize = 10;
/// Months after which a past month weighs half in the curve over age.
const HALF_LIFE: f64 = 12.0;
/// Months of expected revenue that draw a cohort's quality towards 1.
const QUALITY_PRIOR: f64 = 0.5;
/// The decay that the curve is drawn to, and how strongly.
const DECAY: (f64, f64) = (-0.3, 0.1);
/// Months after which a past month weighs half in the level.
const LEVEL_HALF_LIFE: f64 = 2.0;
/// Years of no season that a month of the year is drawn to.
const SEASON_PRIOR: f64 = 1.5;

/// A fit to the months up to one of them.
#[derive(Clone, Debug)]
pub struct Fitted {
    last: usize,
    intercept: f64,
    decay: f64,
    quality: Vec<f64>,
    level: f64,
    /// Logarithm of the season by month of the year, January first.
    season: [f64; 12],
}

/// A fit in the making, of the months `0..n`.
struct Fit<'t> {
    table: &'t Table,
    n: usize,
    quality: Vec<f64>,
    period: Vec<f64>,
    intercept: f64,
    decay: f64,
}

impl Fit<'_> {
    /// Revenue of a day of the cohort in a month.
    fn rate(&self, cohort: usize, month: usize) -> f64 {
        self.table.revenue[cohort][month] / self.table.days[month]
    }

    fn by_age(&self, age: usize) -> f64 {
        (self.intercept + self.decay * (age as f64).ln()).exp()
    }

    /// Cohorts, later months and ages.
    fn cells(&self) -> impl Iterator<Item = (usize, usize, usize)> + use<> {
        let n = self.n;
        (0..n).flat_map(move |cohort| (cohort + 1..n).map(move |month| (cohort, month, month - cohort)))
    }

    /// The curve over age: weighted regression of log spend on log age.
    fn fit_ages(&mut self) -> Option<()> {
        let (mut came, mut expected) = (vec![0.0; self.n], vec![0.0; self.n]);
        for (cohort, month, age) in self.cells() {
            let weight = 0.5f64.powf((self.n - 1 - month) as f64 / HALF_LIFE);
            came[age] += weight * self.rate(cohort, month);
            expected[age] +=
                weight * self.table.customers[cohort] * self.quality[cohort] * self.period[month];
        }
        let points: Vec<(f64, f64, f64)> = (1..self.n)
            .filter(|age| came[*age] > 0.0 && expected[*age] > 0.0)
            .map(|age| ((age as f64).ln(), (came[age] / expected[age]).ln(), expected[age]))
            .collect();
        let total: f64 = points.iter().map(|point| point.2).sum();
        if total <= 0.0 {
            return None;
        }
        let mean = |of: &dyn Fn(&(f64, f64, f64)) -> f64| {
            points.iter().map(|point| point.2 * of(point)).sum::<f64>() / total
        };
        let (x, y) = (mean(&|point| point.0), mean(&|point| point.1));
        let sxx = mean(&|point| (point.0 - x).powi(2));
        let sxy = mean(&|point| (point.0 - x) * (point.1 - y));
        self.decay = (sxy + DECAY.1 * DECAY.0) / (sxx + DECAY.1);
        self.intercept = y - self.decay * x;
        Some(())
    }

    fn fit_periods(&mut self) {
        let (mut came, mut expected) = (vec![0.0; self.n], vec![0.0; self.n]);
        for (cohort, month, age) in self.cells() {
            came[month] += self.rate(cohort, month);
            expected[month] += self.table.customers[cohort] * self.quality[cohort] * self.by_age(age);
        }
        for month in 0..self.n {
            let known = came[month] > 0.0 && expected[month] > 0.0;
            self.period[month] = if known { came[month] / expected[month] } else { 1.0 };
        }
        let mean = self.period[1..].iter().map(|p| p.ln()).sum::<f64>() / (self.n - 1).max(1) as f64;
        self.period.iter_mut().for_each(|p| *p /= mean.exp());
    }

    fn fit_qualities(&mut self) {
        let (mut came, mut expected) = (vec![0.0; self.n], vec![0.0; self.n]);
        for (cohort, month, age) in self.cells() {
            came[cohort] += self.rate(cohort, month);
            expected[cohort] += self.table.customers[cohort] * self.by_age(age) * self.period[month];
        }
        for cohort in 0..self.n {
            let ages = (self.n - 1 - cohort).max(1) as f64;
            let prior = QUALITY_PRIOR * expected[cohort] / ages;
            self.quality[cohort] = match expected[cohort] > 0.0 {
                true => (came[cohort] + prior) / (expected[cohort] + prior),
                false => 1.0,
            };
        }
        let customers = &self.table.customers[..self.n];
        let all: f64 = customers.iter().sum();
        let mean = customers.iter().zip(&self.quality).map(|(n, q)| n * q).sum::<f64>() / all.max(1.0);
        if mean > 0.0 {
            self.quality.iter_mut().for_each(|q| *q /= mean);
        }
    }
}

/// The season of each month of the year: what its months lie above the year around them.
fn season(period: &[f64], from: usize, month_of_year: impl Fn(usize) -> usize) -> [f64; 12] {
    let mut season = [0.0; 12];
    if period.len() < 13 {
        return season;
    }
    let mut count = [0.0; 12];
    for at in from..period.len() {
        let around = &period[at.saturating_sub(6).max(from)..(at + 7).min(period.len())];
        let mean = around.iter().map(|p| p.ln()).sum::<f64>() / around.len() as f64;
        season[month_of_year(at)] += period[at].ln() - mean;
        count[month_of_year(at)] += 1.0;
    }
    season.iter_mut().zip(count).for_each(|(sum, count)| *sum /= count + SEASON_PRIOR);
    let mean = season.iter().sum::<f64>() / 12.0;
    season.map(|one| one - mean)
}

impl Fitted {
    /// Fits to the months up to `last`; `None` where nobody came back.
    #[must_use]
    pub fn of(table: &Table, last: usize) -> Option<Fitted> {
        let n = last + 1;
        let mut fit =
            Fit { table, n, quality: vec![1.0; n], period: vec![1.0; n], intercept: 0.0, decay: 0.0 };
        for _ in 0..ROUNDS {
            fit.fit_ages()?;
            fit.fit_periods();
            fit.fit_qualities();
        }
        let from = if last >= 4 { 2 } else { 1 };
        let of_year = |at: usize| table.month(at).0.rem_euclid(12) as usize;
        let season = season(&fit.period, from, of_year);
        let (mut level, mut weights) = (0.0, 0.0);
        for month in from..n {
            let weight = 0.5f64.powf((last - month) as f64 / LEVEL_HALF_LIFE);
            level += weight * (fit.period[month].ln() - season[of_year(month)]);
            weights += weight;
        }
        Some(Fitted {
            last,
            intercept: fit.intercept,
            decay: fit.decay,
            quality: fit.quality,
            level: if weights > 0.0 { level / weights } else { 0.0 },
            season,
        })
    }

    /// Expected revenue of a cohort in a month after the last one.
    #[must_use]
    pub fn cohort(&self, table: &Table, cohort: usize, month: usize) -> f64 {
        let age = (month - cohort) as f64;
        let season = self.season[table.month(month).0.rem_euclid(12) as usize];
        let log = self.intercept + self.decay * age.ln() + self.level + season;
        table.customers[cohort] * self.quality[cohort] * log.exp() * table.days[month]
    }

    /// Expected revenue of all who had joined, in a month after the last one.
    #[must_use]
    pub fn base(&self, table: &Table, month: usize) -> f64 {
        (0..=self.last).map(|cohort| self.cohort(table, cohort, month)).sum()
    }
}

//! The catalogue of features: names, units, causes and meanings.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// What a feature is measured in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Days.
    Days,
    /// How many.
    Count,
    /// The business's currency.
    Money,
    /// A share or ratio.
    Ratio,
    /// A logarithm of a ratio: 0 is no change, 0.69 twice as much.
    LogRatio,
    /// Hours of the day.
    Hours,
    /// 1 for yes, 0 for no.
    Flag,
    /// A mark on a scale.
    Score,
}

impl Unit {
    /// Its name in fingerprints; never changed.
    fn code(self) -> &'static str {
        match self {
            Unit::Days => "days",
            Unit::Count => "count",
            Unit::Money => "money",
            Unit::Ratio => "ratio",
            Unit::LogRatio => "log_ratio",
            Unit::Hours => "hours",
            Unit::Flag => "flag",
            Unit::Score => "score",
        }
    }
}

/// The cause that a feature speaks of, when a score is explained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Time since the last purchase, measured by the customer's own rhythm.
    Rhythm,
    /// Time since the last purchase.
    Recency,
    /// How often the customer buys.
    Frequency,
    /// Buying more or less often than before.
    Trend,
    /// The order value and how it changes.
    Basket,
    /// How much the customer spends in all.
    Spend,
    /// How long the customer has been one.
    Tenure,
    /// How many products, categories and channels.
    Breadth,
    /// The time of day, week and year at which the customer buys.
    Season,
    /// Goods sent back.
    Returns,
    /// Complaints, demands for refund, low marks.
    Service,
    /// Promotions sent, used and ignored.
    Promotions,
    /// Visits, views, posts, following.
    Interaction,
}

/// One feature.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Spec {
    /// Its name, as in reports and tag expressions.
    pub name: &'static str,
    /// What it is measured in.
    pub unit: Unit,
    /// The cause it speaks of.
    pub cause: Cause,
    /// What it means.
    pub meaning: &'static str,
    /// Version of its definition, 1 at first: raised when the same events give another value.
    pub version: u32,
}

/// The version of a definition, 1 where none is given.
macro_rules! version {
    () => {
        1
    };
    ($version:literal) => {
        $version
    };
}

macro_rules! features {
    ($($name:ident $unit:ident $cause:ident $(v $version:literal)? $meaning:literal)*) => {
        /// The position of each feature in the vector that [`super::compute`] fills.
        #[expect(non_camel_case_types, reason = "the variants are the features' names")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(usize)]
        pub enum F { $(#[doc = $meaning] $name),* }

        /// Every feature, in the order of the vector.
        pub const SPECS: &[Spec] = &[$(Spec {
            name: stringify!($name),
            unit: Unit::$unit,
            cause: Cause::$cause,
            meaning: $meaning,
            version: version!($($version)?),
        }),*];
    };
}

/// Number of features.
pub const COUNT: usize = SPECS.len();

features! {
    recency_days Days Recency "Days since the last order."
    tenure_days Days Tenure "Days since the first order."
    recency_share Ratio Recency "Days from the first to the last order, divided by tenure; 1 = just bought."
    orders Count Frequency "Total orders."
    orders_per_30d Ratio Frequency "Orders after the first, per 30 days of tenure."
    lines Count Frequency "Total purchase lines."
    gap_mean_days Days Frequency "Mean gap between orders."
    gap_median_days Days Frequency "Median gap between orders."
    gap_std_days Days Frequency "Standard deviation of the gaps."
    gap_cv Ratio Frequency "Coefficient of variation of the gaps; small = regular."
    gap_last_days Days Frequency "The last gap between two orders."
    gap_min_days Days Frequency "The shortest gap."
    gap_max_days Days Frequency "The longest gap."
    gap_p90_days Days Frequency "The 90th percentile of the gaps."
    recency_over_gap_median Ratio Rhythm "Days since the last order, divided by the customer's own median gap."
    recency_over_gap_mean Ratio Rhythm "Days since the last order, divided by the customer's own mean gap."
    recency_over_gap_max Ratio Rhythm "Days since the last order, divided by the customer's own longest gap."
    recency_gap_rank Ratio Rhythm "Share of the customer's own gaps that are shorter than the days since the last order."
    overdue_sd Ratio Rhythm "Days past the mean gap, in standard deviations of the gaps."
    gap_trend LogRatio Trend "Mean of the last three gaps against the mean of those before (log)."
    orders_7d Count Recency "Orders in the last 7 days."
    orders_14d Count Recency "Orders in the last 14 days."
    orders_30d Count Recency "Orders in the last 30 days."
    orders_60d Count Frequency "Orders in the last 60 days."
    orders_90d Count Frequency "Orders in the last 90 days."
    orders_180d Count Frequency "Orders in the last 180 days."
    orders_365d Count Frequency "Orders in the last 365 days."
    orders_decay_15d Count Recency "Orders, decayed with a half-life of 15 days."
    orders_decay_45d Count Frequency "Orders, decayed with a half-life of 45 days."
    orders_decay_120d Count Frequency "Orders, decayed with a half-life of 120 days."
    orders_decay_365d Count Frequency "Orders, decayed with a half-life of 365 days."
    orders_trend_30d LogRatio Trend "Orders of the last 30 days against the 30 before (log of counts plus one half)."
    orders_trend_90d LogRatio Trend "Orders of the last 90 days against the 90 before (log of counts plus one half)."
    orders_year_ago_30d Count Season "Orders in the 30 days that begin a year before the instant."
    orders_year_ago_90d Count Season "Orders in the 90 days that begin a year before the instant."
    spend_total Money Spend "Total spend."
    spend_net Money Spend "Total spend less product returns."
    spend_7d Money Recency "Spend of the last 7 days."
    spend_30d Money Spend "Spend of the last 30 days."
    spend_60d Money Spend "Spend of the last 60 days."
    spend_90d Money Spend "Spend of the last 90 days."
    spend_180d Money Spend "Spend of the last 180 days."
    spend_365d Money Spend "Spend of the last 365 days."
    spend_decay_45d Money Spend "Spend, decayed with a half-life of 45 days."
    spend_decay_180d Money Spend "Spend, decayed with a half-life of 180 days."
    spend_trend_90d LogRatio Trend "Spend of the last 90 days against the 90 before (log, both plus a mean order)."
    spend_year_ago_90d Money Season "Spend in the 90 days that begin a year before the instant."
    spend_per_30d Money Spend "Spend per 30 days of tenure (30 days at least)."
    order_value_mean Money Basket "Mean order value."
    order_value_median Money Basket "Median order value."
    order_value_std Money Basket "Standard deviation of the order values."
    order_value_min Money Basket "Smallest order value."
    order_value_max Money Basket "Largest order value."
    order_value_first Money Basket "Value of the first order."
    order_value_last Money Basket "Value of the last order."
    order_value_change LogRatio Basket "Mean of the last three order values against the median of those before (log)."
    order_value_last_ratio LogRatio Basket "The last order value against the median order value (log)."
    items_per_order Count Basket "Mean items per order."
    lines_per_order Count Basket "Mean lines per order."
    price_mean Money Basket "Spend per item."
    products Count Breadth "Different products bought."
    products_per_line Ratio Breadth "Different products divided by lines with a product; small = buys the same products again."
    products_last_order Count Breadth "Different products in the last order."
    product_rebuy_days Days Rhythm "Mean days between repeat purchases of a product."
    products_due Count Rhythm "Repeat-bought products that are due again by their own usual gap."
    categories Count Breadth "Different categories bought."
    categories_90d Count Breadth "Different categories bought in the last 90 days."
    category_top_share Ratio Breadth "Share of lines in the category bought most."
    categories_abandoned Count Breadth "Categories bought at least twice, but not in the last 180 days."
    channels Count Breadth "Different channels used."
    channel_top_share Ratio Breadth "Share of lines in the channel used most."
    hour_mean Hours Season "Mean local hour of purchases (if the data have times)."
    hour_std Hours Season "Standard deviation of the local hour of purchases."
    weekend_share Ratio Season "Share of orders on Saturday or Sunday."
    weekday_top_share Ratio Season "Share of orders on the weekday used most."
    season_share Ratio Season "Share of orders that fell within 45 days of this season of the year."
    returns Count Returns "Product return lines."
    return_share Ratio Returns "Amount of product returns divided by spend."
    returns_90d Count Returns "Product return lines in the last 90 days."
    return_days Days Returns "Days since the last product return."
    gifts Count Promotions "Purchase lines of amount zero."
    promotions_sent_90d Count Promotions "Promotions sent in the last 90 days."
    promotions_used_90d Count Promotions "Promotions used in the last 90 days."
    promotion_use_share Ratio Promotions "Promotions used divided by promotions sent."
    promotions_ignored_in_row Count Promotions "Promotions sent since the last one used or the last purchase."
    promotion_order_share Ratio Promotions "Share of purchase lines with a promotion."
    visits_30d Count Interaction "Visits in the last 30 days."
    visits_90d Count Interaction "Visits in the last 90 days."
    views_30d Count Interaction "Product views in the last 30 days."
    carts_30d Count Interaction "Products added to the basket in the last 30 days."
    carts_open Count Interaction "Products added to the basket since the last purchase."
    posts_90d Count Interaction "Community posts in the last 90 days."
    posts_trend_90d LogRatio Interaction "Posts of the last 90 days against the 90 before (log of counts plus one half)."
    interaction_days Days Interaction "Days since the last visit, view, basket or post."
    following Flag Interaction "1 following, 0 not; the last follow or unfollow decides."
    unfollowed Flag Interaction "1 if the customer unfollowed."
    complaints_180d Count Service "Complaints in the last 180 days."
    refund_requests_180d Count Service "Refund requests in the last 180 days."
    complaint_days Days Service "Days since the last complaint or refund request."
    nps_last Score Service "The latest NPS score, 0 to 10."
    recency_over_gap_last Ratio Rhythm "Days since the last order over the gap before it."
    cycles_missed Count Rhythm "Whole median gaps that have passed since the last order."
    cycle_due_days Days Rhythm "Days until the next multiple of the median gap since the last order."
    gap_regular_share Ratio Rhythm "Share of the gaps within a fifth of the median gap; 1 = like a subscription."
    weekday_due_days Days Season "Days until the usual weekday of the customer's orders."
    month_day_due_days Days Season "Days until the usual day of the month of the customer's orders."
    month_day_strength Ratio Season "How much the orders keep to one day of the month; 1 = always the same."
    anniversary_due_days Days Season "Days until the next anniversary of the last order."
    years_active_share Ratio Frequency "Share of the years back from the instant, since the first order, with an order."
    years_streak Count Frequency "Years in a row with an order, back from the instant."
    orders_second_year Count Frequency "Orders 365 to 729 days ago."
    orders_third_year Count Frequency "Orders 730 to 1094 days ago."
    spend_second_year Money Spend "Spend 365 to 729 days ago."
    season_years_30d Ratio Season "Share of earlier years with an order in the 30 days that now follow."
    season_years_90d Ratio Season "Share of earlier years with an order in the 90 days that now follow."
}

/// The position of the feature with this name.
///
/// ```
/// use homing_models::features::{SPECS, index_of};
///
/// let at = index_of("recency_days").expect("a feature of every model");
/// assert_eq!(SPECS[at].name, "recency_days");
/// ```
#[must_use]
pub fn index_of(name: &str) -> Option<usize> {
    SPECS.iter().position(|spec| spec.name == name)
}

/// A fingerprint of names, units and versions of definitions, in their order. A bundle made with another one is refused.
/// Words about a feature are no part of it, so that they can be improved.
#[must_use]
pub fn schema_hash() -> String {
    hash_of(SPECS)
}

/// Number of features of homing 0.1.0. Later ones stand behind them, so a bundle made with fewer features reads the
/// first of a longer row.
const FIRST_COUNT: usize = 100;

fn hash_of(specs: &[Spec]) -> String {
    let mut hash = Sha256::new();
    for Spec { name, unit, version, .. } in specs {
        hash.update(format!("{name} {} {version}\n", unit.code()));
    }
    hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// The fingerprint of bundles of homing 0.1.0, which covered the meanings, and what it is today for the same definitions.
const FIRST: [&str; 2] = ["ba6306e2ba1a7d14", "4843b4a27f0158b2"];

/// Whether the features of a bundle with this fingerprint and so many features are the first of today's.
#[must_use]
pub fn is_known_schema(found: &str, count: usize) -> bool {
    let Some(specs) = SPECS.get(..count).filter(|specs| specs.len() >= FIRST_COUNT) else { return false };
    let today = hash_of(specs);
    found == today || (found == FIRST[0] && today == FIRST[1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_found_again() {
        for (at, spec) in SPECS.iter().enumerate() {
            assert_eq!(index_of(spec.name), Some(at), "{}", spec.name);
        }
        assert_eq!(F::nps_last as usize, FIRST_COUNT - 1);
        assert_eq!(COUNT, 115);
    }

    #[test]
    fn words_are_no_part_of_the_fingerprint_and_definitions_are() {
        assert!(is_known_schema(&schema_hash(), COUNT) && !is_known_schema("0123456789abcdef", COUNT));
        assert!(is_known_schema(FIRST[0], FIRST_COUNT) && is_known_schema(FIRST[1], FIRST_COUNT));
        assert!(!is_known_schema(FIRST[0], COUNT) && !is_known_schema(&hash_of(&SPECS[..50]), 50));
        let mut other = SPECS.to_vec();
        other[3].meaning = "In better words.";
        assert_eq!(hash_of(&other), schema_hash());
        other[3].version = 2;
        assert_ne!(hash_of(&other), schema_hash());
        let mut other = SPECS.to_vec();
        other[0].unit = Unit::Hours;
        assert_ne!(hash_of(&other), schema_hash());
    }
}

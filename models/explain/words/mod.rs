//! The text of a cause: a code, a sentence, and what would change it, in Chinese and English.
//!
//! A cause has several sentences, each about certain features. The one whose features contribute most in the
//! direction of the cause comes first. A sentence that the customer's data do not support is skipped; the last
//! one is true of everyone.

mod contact;
mod goods;
mod timing;

use super::Facts;
use crate::features::{Cause, F};
use crate::text::Text;

/// The text of one cause.
pub(super) struct Said {
    /// Stable code.
    pub code: &'static str,
    /// The cause in words.
    pub text: Text,
    /// What would change it.
    pub change: Option<Text>,
}

/// A sentence for a cause: the features that it is about, and the text, or nothing where it would not be true.
pub(super) type Way = (&'static [F], fn(&Facts<'_, '_>) -> Option<Said>);

fn said(code: &'static str, zh: String, en: String) -> Said {
    Said { code, text: Text { zh, en }, change: None }
}

impl Said {
    fn changed_by(mut self, zh: impl Into<String>, en: impl Into<String>) -> Self {
        self.change = Some(Text { zh: zh.into(), en: en.into() });
        self
    }
}

/// `3 days`, `1 day`.
fn count(n: f64, one: &str, many: &str) -> String {
    if n == 1.0 { format!("1 {one}") } else { format!("{n:.0} {many}") }
}

fn days(n: f64) -> String {
    count(n.round(), "day", "days")
}

/// The sentences for a cause that raises (`worse`) or lowers the risk, except [`plain`].
pub(super) fn ways(cause: Cause, worse: bool) -> &'static [Way] {
    match (cause, worse) {
        (Cause::Rhythm, true) => timing::RHYTHM_AGAINST,
        (Cause::Trend, true) => timing::TREND_AGAINST,
        (Cause::Trend, false) => timing::TREND_FOR,
        (Cause::Basket, true) => goods::BASKET_AGAINST,
        (Cause::Tenure, true) => timing::TENURE_AGAINST,
        (Cause::Breadth, true) => goods::BREADTH_AGAINST,
        (Cause::Season, true) => timing::SEASON_AGAINST,
        (Cause::Season, false) => timing::SEASON_FOR,
        (Cause::Service, true) => contact::SERVICE_AGAINST,
        (Cause::Service, false) => contact::SERVICE_FOR,
        (Cause::Promotions, true) => contact::PROMOTIONS_AGAINST,
        (Cause::Promotions, false) => contact::PROMOTIONS_FOR,
        (Cause::Interaction, true) => contact::INTERACTION_AGAINST,
        (Cause::Interaction, false) => contact::INTERACTION_FOR,
        _ => &[],
    }
}

/// What is true of every customer for whom the data contain the cause.
pub(super) fn plain(cause: Cause, worse: bool, f: &Facts<'_, '_>) -> Said {
    match cause {
        Cause::Rhythm => timing::rhythm(f, worse),
        Cause::Recency => timing::recency(f, worse),
        Cause::Frequency => timing::frequency(f, worse),
        Cause::Trend => timing::trend(f, worse),
        Cause::Tenure => timing::tenure(f, worse),
        Cause::Season => timing::season(f, worse),
        Cause::Basket => goods::basket(f, worse),
        Cause::Spend => goods::spend(f, worse),
        Cause::Breadth => goods::breadth(f, worse),
        Cause::Returns => goods::returns(f, worse),
        Cause::Service => contact::service(f, worse),
        Cause::Promotions => contact::promotions(f, worse),
        Cause::Interaction => contact::interaction(f, worse),
    }
}

impl Facts<'_, '_> {
    /// What a window counts now and counted before, from the count and its log ratio with `c` added to both.
    fn now_and_before(&self, now: F, trend: F, c: f64) -> Option<(f64, f64)> {
        let now = self.known(now)?;
        let before = (now + c) / self.known(trend)?.exp() - c;
        Some((now, before.max(0.0)))
    }

    /// Adds after how many days without another complaint none will be recent.
    fn until_forgotten(&self, said: Said) -> Said {
        match self.known(F::complaint_days) {
            Some(ago) if ago < 180.0 => {
                let left = 180.0 - ago;
                said.changed_by(
                    format!("妥善解决；若不再投诉，{left:.0} 天后便不再计入"),
                    format!("a good settlement; without another it ceases to count in {}", days(left)),
                )
            }
            _ => said,
        }
    }

    /// Adds after how many days recency will exceed nine in ten of the customer's own gaps.
    fn until_unusual(&self, said: Said) -> Said {
        match (self.known(F::gap_p90_days), self.known(F::recency_days)) {
            (Some(long), Some(silent)) if long.floor() + 1.0 > silent => {
                let left = long.floor() + 1.0 - silent;
                said.changed_by(
                    format!("若再过 {left:.0} 天仍未购买，沉默将长于自己九成的购买间隔"),
                    format!(
                        "without a purchase, the silence will be longer than nine in ten of this customer's gaps in {}",
                        days(left)
                    ),
                )
            }
            _ => said,
        }
    }

    /// What of products, categories and channels is known, in brackets.
    fn range_en(&self) -> String {
        let each = [
            (F::products, "product", "products"),
            (F::categories, "category", "categories"),
            (F::channels, "channel", "channels"),
        ];
        let known =
            each.iter().filter_map(|(feature, one, many)| Some(count(self.known(*feature)?, one, many)));
        bracketed(known.collect(), ", ", " (", ")")
    }

    fn range_zh(&self) -> String {
        let each = [(F::products, "种商品"), (F::categories, "个品类"), (F::channels, "个渠道")];
        let known =
            each.iter().filter_map(|(feature, of)| Some(format!("{:.0} {of}", self.known(*feature)?)));
        bracketed(known.collect(), "、", "（", "）")
    }
}

fn bracketed(parts: Vec<String>, comma: &str, open: &str, close: &str) -> String {
    if parts.is_empty() { String::new() } else { format!("{open}{}{close}", parts.join(comma)) }
}

//! What is said of a cause: a code, a sentence, and what would change it, in every language.
//!
//! A cause has several sentences, each about certain features. The one whose features contribute most in the
//! direction of the cause comes first. A sentence that the customer's data do not support is skipped; the last
//! one is true of everyone.

mod contact;
mod goods;
mod timing;

use homing_locales::{Text, t};

use super::Facts;
use crate::features::{Cause, F};

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

fn said(code: &'static str, text: Text) -> Said {
    Said { code, text, change: None }
}

impl Said {
    fn changed_by(mut self, change: Text) -> Self {
        self.change = Some(change);
        self
    }

    fn changed_by_if(self, holds: bool, change: impl FnOnce() -> Text) -> Self {
        if holds { self.changed_by(change()) } else { self }
    }
}

/// A text of the locale files, in every language.
macro_rules! say {
    ($key:literal $(, $name:ident = $value:expr)* $(,)?) => {
        homing_locales::Text::of(|lang| homing_locales::t!(lang, $key $(, $name = $value)*))
    };
}
use say;

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
            Some(ago) if ago < 180.0 => said.changed_by(say!("change-complaint", n = 180.0 - ago)),
            _ => said,
        }
    }

    /// Adds after how many days the recency will exceed nine in ten of the customer's own gaps.
    fn until_unusual(&self, said: Said) -> Said {
        match (self.known(F::gap_p90_days), self.known(F::recency_days)) {
            (Some(long), Some(recency)) if long.floor() + 1.0 > recency => {
                said.changed_by(say!("change-until-unusual", n = long.floor() + 1.0 - recency))
            }
            _ => said,
        }
    }

    /// What of products, categories and channels is known.
    fn range(&self) -> Option<Text> {
        let [products, categories, channels] =
            [F::products, F::categories, F::channels].map(|feature| self.known(feature));
        products.or(categories).or(channels)?;
        Some(Text::of(|lang| {
            let parts = [
                products.map(|n| t!(lang, "range-products", n = n)),
                categories.map(|n| t!(lang, "range-categories", n = n)),
                channels.map(|n| t!(lang, "range-channels", n = n)),
            ];
            parts.into_iter().flatten().collect::<Vec<String>>().join(t!(lang, "list-comma"))
        }))
    }
}

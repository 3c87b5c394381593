//! What a customer buys and spends: order value, spend, breadth, product returns.

use homing_locales::{Arg, Text, t};

use super::super::Facts;
use super::{Said, Way, said, say};
use crate::features::F;

pub(super) const BASKET_AGAINST: &[Way] = &[
    (&[F::order_value_change], |f| {
        let less = -f.known(F::order_value_change)?.exp_m1();
        let usual = f.known(F::order_value_median)?;
        (less >= 0.1).then(|| {
            said("basket_shrinking", say!("reason-basket-shrinking", less = Arg::Percent(less)))
                .changed_by(say!("change-usual-order", usual = Arg::Money(usual)))
        })
    }),
    (&[F::order_value_last_ratio, F::order_value_last], |f| {
        let (last, usual) = (f.known(F::order_value_last)?, f.known(F::order_value_median)?);
        (last < 0.9 * usual).then(|| {
            let text = say!("reason-last-order-small", last = Arg::Money(last), usual = Arg::Money(usual));
            said("last_order_small", text).changed_by(say!("change-usual-order", usual = Arg::Money(usual)))
        })
    }),
];

pub(super) fn basket(f: &Facts<'_, '_>, worse: bool) -> Said {
    let (last, mean) = (f.get(F::order_value_last), f.get(F::order_value_mean));
    match worse {
        true => said(
            "basket_small",
            say!("reason-basket-small", last = Arg::Money(last), mean = Arg::Money(mean)),
        ),
        false => said(
            "basket_strong",
            say!("reason-basket-strong", last = Arg::Money(last), mean = Arg::Money(mean)),
        ),
    }
}

pub(super) fn spend(f: &Facts<'_, '_>, worse: bool) -> Said {
    let total = f.get(F::spend_total);
    match worse {
        true => said("spends_little", say!("reason-spends-little", total = Arg::Money(total))),
        false => said("spends_much", say!("reason-spends-much", total = Arg::Money(total))),
    }
}

pub(super) const BREADTH_AGAINST: &[Way] = &[
    (&[F::categories_90d, F::categories], |f| {
        let (all, lately) = (f.known(F::categories)?, f.known(F::categories_90d)?);
        let left = all - lately;
        (all >= 2.0 && left >= 1.0).then(|| {
            let text = say!("reason-fewer-categories", all = all, lately = lately);
            said("fewer_categories", text).changed_by(say!("change-other-categories", n = left))
        })
    }),
    (&[F::categories_abandoned], |f| {
        let left = f.some(F::categories_abandoned)?;
        let text = say!("reason-category-abandoned", n = left);
        Some(said("category_abandoned", text).changed_by(say!("change-abandoned-category")))
    }),
];

pub(super) fn breadth(f: &Facts<'_, '_>, worse: bool) -> Said {
    match (worse, f.range()) {
        (true, None) => said("narrow_choice", say!("reason-narrow-choice")),
        (true, Some(range)) => said(
            "narrow_choice",
            Text::of(|lang| t!(lang, "reason-narrow-choice-of", range = range.within(lang))),
        ),
        (false, None) => said("wide_choice", say!("reason-wide-choice")),
        (false, Some(range)) => said(
            "wide_choice",
            Text::of(|lang| t!(lang, "reason-wide-choice-of", range = range.within(lang))),
        ),
    }
    .changed_by_if(worse, || say!("change-something-new"))
}

pub(super) fn returns(f: &Facts<'_, '_>, worse: bool) -> Said {
    let returns = f.get(F::returns);
    if !worse {
        return said("returns_and_stays", say!("reason-returns-and-stays", n = returns));
    }
    let lately = f.some(F::returns_90d).unwrap_or(0.0);
    let said = said("returns", say!("reason-returns", n = returns, lately = lately));
    match f.some(F::returns_90d).and(f.known(F::return_days)) {
        Some(ago) => said.changed_by(say!("change-no-return", n = 90.0 - ago)),
        None => said,
    }
}

//! When and how often a customer buys: purchase cycle, recency, frequency, trend, tenure, season.

use homing_locales::Arg;

use super::super::Facts;
use super::{Said, Way, said, say};
use crate::features::F;

pub(super) const RHYTHM_AGAINST: &[Way] = &[(&[F::products_due, F::product_rebuy_days], |f| {
    let due = f.some(F::products_due)?;
    Some(
        said("products_not_rebought", say!("reason-products-not-rebought", n = due))
            .changed_by(say!("change-rebuy")),
    )
})];

pub(super) fn rhythm(f: &Facts<'_, '_>, worse: bool) -> Said {
    let once = f.get(F::orders) < 2.0;
    let recency = f.get(F::recency_days);
    match worse {
        // Nobody is late on the day of the first purchase.
        true if once && recency < 1.0 => {
            said("bought_once", say!("reason-bought-once")).changed_by(say!("change-second"))
        }
        true if once => said("no_second_purchase", say!("reason-no-second-purchase", n = recency))
            .changed_by(say!("change-second")),
        // Within the usual gap nothing is broken: it is the gap itself that makes a purchase soon unlikely.
        true if recency <= f.get(F::gap_median_days) => {
            said("long_cycle", say!("reason-long-cycle", n = f.get(F::gap_median_days)))
        }
        true => {
            let usual = f.get(F::gap_median_days);
            said("rhythm_broken", say!("reason-rhythm-broken", silent = recency, usual = usual))
                .changed_by(say!("change-back-in-cycle", n = usual))
        }
        false if once => said("new_and_fresh", say!("reason-new-and-fresh", n = recency)),
        false if f.get(F::recency_over_gap_median) > 1.5 => {
            f.until_unusual(said("silence_not_unusual", say!("reason-silence-not-unusual", n = recency)))
        }
        false => {
            let usual = f.get(F::gap_median_days);
            f.until_unusual(said("in_rhythm", say!("reason-in-rhythm", ago = recency, usual = usual)))
        }
    }
}

pub(super) fn recency(f: &Facts<'_, '_>, worse: bool) -> Said {
    let recency = f.get(F::recency_days);
    match worse {
        true => said("long_silence", say!("reason-long-silence", n = recency))
            .changed_by(say!("change-any-purchase")),
        false => said("bought_lately", say!("reason-bought-lately", n = recency)),
    }
}

pub(super) fn frequency(f: &Facts<'_, '_>, worse: bool) -> Said {
    let orders = f.get(F::orders);
    let once = orders < 2.0;
    match worse {
        true if once => said("bought_once", say!("reason-bought-once")).changed_by(say!("change-second")),
        true => {
            said("buys_rarely", say!("reason-buys-rarely", n = orders)).changed_by(say!("change-more-often"))
        }
        false if once => said("first_order_counts", say!("reason-first-order-counts")),
        false if orders < 4.0 => said("came_back_before", say!("reason-came-back-before", n = orders)),
        false => said("buys_often", say!("reason-buys-often", n = orders)),
    }
}

pub(super) const TREND_AGAINST: &[Way] = &[
    (&[F::gap_trend], |f| {
        let longer = f.some(F::gap_trend)?.exp_m1();
        (longer >= 0.1).then(|| said("gaps_longer", say!("reason-gaps-longer", more = Arg::Percent(longer))))
    }),
    (&[F::orders_trend_90d], |f| {
        let (now, before) = f.now_and_before(F::orders_90d, F::orders_trend_90d, 0.5)?;
        let short = before - now;
        (short >= 1.0).then(|| {
            said("buying_less", say!("reason-orders-90d", n = now, before = before))
                .changed_by(say!("change-former-pace", n = short))
        })
    }),
    (&[F::spend_trend_90d], |f| {
        let mean = f.known(F::spend_total)? / f.known(F::orders)?;
        let (now, before) = f.now_and_before(F::spend_90d, F::spend_trend_90d, mean)?;
        (before - now >= 0.1 * before && before > 0.0).then(|| {
            let text = say!("reason-spending-less", now = Arg::Money(now), before = Arg::Money(before));
            said("spending_less", text)
        })
    }),
];

pub(super) const TREND_FOR: &[Way] = &[
    (&[F::orders_trend_90d], |f| {
        let (now, before) = f.now_and_before(F::orders_90d, F::orders_trend_90d, 0.5)?;
        (now >= before && now > 0.0)
            .then(|| said("buying_more", say!("reason-orders-90d", n = now, before = before)))
    }),
    (&[F::gap_trend], |f| {
        let shorter = -f.known(F::gap_trend)?.exp_m1();
        (shorter >= 0.1)
            .then(|| said("gaps_shorter", say!("reason-gaps-shorter", less = Arg::Percent(shorter))))
    }),
];

pub(super) fn trend(_: &Facts<'_, '_>, worse: bool) -> Said {
    match worse {
        true => said("trend_against", say!("reason-trend-against")),
        false => said("trend_for", say!("reason-trend-for")),
    }
}

pub(super) const TENURE_AGAINST: &[Way] = &[(&[F::tenure_days], |f| {
    let tenure = f.known(F::tenure_days)?;
    (tenure < 60.0).then(|| {
        let said = said("new_customer", say!("reason-new-customer", n = tenure));
        said.changed_by_if(f.get(F::orders) < 2.0, || say!("change-second"))
    })
})];

pub(super) fn tenure(f: &Facts<'_, '_>, worse: bool) -> Said {
    let tenure = f.get(F::tenure_days);
    match worse {
        true => said("tenure_against", say!("reason-tenure-against", n = tenure)),
        false => said("tenure_for", say!("reason-tenure-for", n = tenure)),
    }
}

pub(super) const SEASON_AGAINST: &[Way] =
    &[(&[F::orders_year_ago_90d, F::orders_year_ago_30d, F::spend_year_ago_90d], |f| {
        (f.known(F::orders_year_ago_90d)? == 0.0).then(|| said("quiet_season", say!("reason-quiet-season")))
    })];

pub(super) const SEASON_FOR: &[Way] =
    &[(&[F::orders_year_ago_90d, F::orders_year_ago_30d, F::spend_year_ago_90d], |f| {
        let orders = f.some(F::orders_year_ago_90d)?;
        Some(said("season_of_purchases", say!("reason-season-of-purchases", n = orders)))
    })];

pub(super) fn season(_: &Facts<'_, '_>, worse: bool) -> Said {
    match worse {
        true => said("off_season", say!("reason-off-season")),
        false => said("in_season", say!("reason-in-season")),
    }
}

//! Contact with the business: service, promotions, interaction.

use homing_locales::Arg;

use super::super::Facts;
use super::{Said, Way, said, say};
use crate::features::F;

pub(super) const SERVICE_AGAINST: &[Way] = &[
    (&[F::complaints_180d, F::complaint_days], |f| {
        let complaints = f.some(F::complaints_180d)?;
        Some(f.until_forgotten(said("complaints", say!("reason-complaints", n = complaints))))
    }),
    (&[F::refund_requests_180d, F::complaint_days], |f| {
        let demands = f.some(F::refund_requests_180d)?;
        Some(f.until_forgotten(said("refund_demands", say!("reason-refund-demands", n = demands))))
    }),
    (&[F::nps_last], |f| {
        let mark = f.known(F::nps_last)?;
        (mark <= 6.0).then(|| {
            said("low_mark", say!("reason-low-mark", mark = mark)).changed_by(say!("change-better-mark"))
        })
    }),
];

pub(super) const SERVICE_FOR: &[Way] = &[(&[F::nps_last], |f| {
    let mark = f.known(F::nps_last)?;
    (mark >= 7.0).then(|| said("content_with_service", say!("reason-content-with-service", mark = mark)))
})];

pub(super) fn service(_: &Facts<'_, '_>, worse: bool) -> Said {
    match worse {
        true => said("unhappy_with_service", say!("reason-unhappy-with-service")),
        false => said("service_feedback_for", say!("reason-service-feedback-for")),
    }
}

pub(super) const PROMOTIONS_AGAINST: &[Way] = &[
    (&[F::promotions_ignored_in_row, F::promotion_use_share, F::promotions_sent_90d], |f| {
        let ignored = f.some(F::promotions_ignored_in_row)?;
        let text = say!("reason-promotions-ignored", n = ignored);
        Some(said("promotions_ignored", text).changed_by(say!("change-promotion")))
    }),
    (&[F::promotion_order_share], |f| {
        let share = f.some(F::promotion_order_share)?;
        Some(said("buys_on_promotion", say!("reason-buys-on-promotion", share = Arg::Percent(share))))
    }),
];

pub(super) const PROMOTIONS_FOR: &[Way] =
    &[(&[F::promotion_use_share, F::promotions_used_90d, F::promotions_ignored_in_row], |f| {
        let share = f.some(F::promotion_use_share)?;
        Some(said("promotions_answered", say!("reason-promotions-answered", share = Arg::Percent(share))))
    })];

pub(super) fn promotions(_: &Facts<'_, '_>, worse: bool) -> Said {
    match worse {
        true => said("promotions_against", say!("reason-promotions-against")),
        false => said("promotions_for", say!("reason-promotions-for")),
    }
}

pub(super) const INTERACTION_AGAINST: &[Way] = &[
    (&[F::unfollowed, F::following], |f| {
        f.some(F::unfollowed)?;
        Some(said("unfollowed", say!("reason-unfollowed")).changed_by(say!("change-follow")))
    }),
    (&[F::posts_trend_90d, F::posts_90d], |f| {
        let (now, before) = f.now_and_before(F::posts_90d, F::posts_trend_90d, 0.5)?;
        (before - now >= 1.0).then(|| {
            let text = say!("reason-fewer-posts", n = now, before = before);
            said("fewer_posts", text).changed_by(say!("change-posts"))
        })
    }),
    (&[F::carts_open], |f| {
        let open = f.some(F::carts_open)?;
        Some(said("basket_left", say!("reason-basket-left", n = open)).changed_by(say!("change-basket")))
    }),
    (&[F::interaction_days, F::visits_30d, F::visits_90d, F::views_30d, F::carts_30d], |f| {
        let silent = f.known(F::interaction_days)?;
        (silent >= 30.0).then(|| {
            said("no_interaction", say!("reason-no-interaction", n = silent)).changed_by(say!("change-visit"))
        })
    }),
];

pub(super) const INTERACTION_FOR: &[Way] = &[
    (&[F::carts_open, F::carts_30d], |f| {
        let open = f.some(F::carts_open)?;
        Some(said("basket_waiting", say!("reason-basket-waiting", n = open)))
    }),
    (&[F::visits_30d, F::visits_90d, F::views_30d, F::interaction_days], |f| {
        let visits = f.some(F::visits_30d)?;
        Some(said("visits", say!("reason-visits", n = visits)))
    }),
    (&[F::following, F::unfollowed], |f| {
        f.some(F::following)?;
        Some(said("follows", say!("reason-follows")))
    }),
];

pub(super) fn interaction(_: &Facts<'_, '_>, worse: bool) -> Said {
    match worse {
        true => {
            said("less_interaction", say!("reason-less-interaction")).changed_by(say!("change-interaction"))
        }
        false => said("interacts", say!("reason-interacts")),
    }
}

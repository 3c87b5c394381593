//! Features of what a customer does besides purchasing: product returns, promotions, visits, posts, service, marks.

use homing_datasets::Kind;

use super::row::{Row, log_ratio};
use super::spec::F;

/// Counts of everything that is no purchase.
#[derive(Default)]
pub(super) struct Interactions {
    returns: f64,
    returns_90d: f64,
    returned: f64,
    return_days: Option<i32>,
    gifts: f64,
    sent: f64,
    sent_90d: f64,
    used: f64,
    used_90d: f64,
    ignored: f64,
    visits: [f64; 2],
    views: f64,
    carts: f64,
    open_carts: f64,
    posts: [f64; 2],
    contact_days: Option<i32>,
    following: Option<bool>,
    complaints: f64,
    refunds: f64,
    complaint_days: Option<i32>,
    nps: Option<f64>,
}

impl Interactions {
    /// A purchase, which answers what came before it.
    pub fn purchase(&mut self) {
        self.open_carts = 0.0;
        self.ignored = 0.0;
    }

    /// An event that is no purchase, so many days ago. `net` is spend net of product returns.
    pub fn add(&mut self, kind: Kind, ago: i32, amount: f64, net: &mut f64) {
        let within = |days: i32| f64::from(u8::from(ago < days));
        if matches!(kind, Kind::Visit | Kind::View | Kind::AddToCart | Kind::Post) {
            self.contact_days = Some(ago);
        }
        match kind {
            Kind::Purchase => self.gifts += 1.0,
            Kind::Return => {
                *net += amount;
                self.returns += 1.0;
                self.returns_90d += within(90);
                self.returned -= amount;
                self.return_days = Some(ago);
            }
            Kind::Visit => {
                self.visits[0] += within(30);
                self.visits[1] += within(90);
            }
            Kind::View => self.views += within(30),
            Kind::AddToCart => {
                self.carts += within(30);
                self.open_carts += 1.0;
            }
            Kind::PromotionSent => {
                self.sent += 1.0;
                self.sent_90d += within(90);
                self.ignored += 1.0;
            }
            Kind::PromotionUsed => {
                self.used += 1.0;
                self.used_90d += within(90);
                self.ignored = 0.0;
            }
            Kind::Post => {
                self.posts[0] += within(90);
                self.posts[1] += within(180) - within(90);
            }
            Kind::Follow => self.following = Some(true),
            Kind::Unfollow => self.following = Some(false),
            Kind::Complaint => {
                self.complaints += within(180);
                self.complaint_days = Some(ago);
            }
            Kind::RefundRequest => {
                self.refunds += within(180);
                self.complaint_days = Some(ago);
            }
            Kind::Nps => self.nps = Some(amount),
        }
    }

    /// Writes the features of a customer who spent `spend` in all.
    pub fn write(&self, spend: f64, row: &mut Row<'_>) {
        let days = |ago: Option<i32>| ago.map_or(f64::NAN, f64::from);
        row.set(F::returns, self.returns);
        row.set(F::return_share, if self.returned == 0.0 { 0.0 } else { self.returned / spend });
        row.set(F::returns_90d, self.returns_90d);
        row.set(F::return_days, days(self.return_days));
        row.set(F::gifts, self.gifts);
        row.set(F::promotions_sent_90d, self.sent_90d);
        row.set(F::promotions_used_90d, self.used_90d);
        if self.sent > 0.0 {
            row.set(F::promotion_use_share, self.used / self.sent);
        }
        row.set(F::promotions_ignored_in_row, self.ignored);
        row.set(F::visits_30d, self.visits[0]);
        row.set(F::visits_90d, self.visits[1]);
        row.set(F::views_30d, self.views);
        row.set(F::carts_30d, self.carts);
        row.set(F::carts_open, self.open_carts);
        row.set(F::posts_90d, self.posts[0]);
        row.set(F::posts_trend_90d, log_ratio(self.posts[0], self.posts[1], 0.5));
        row.set(F::interaction_days, days(self.contact_days));
        if let Some(following) = self.following {
            row.set(F::following, f64::from(u8::from(following)));
            row.set(F::unfollowed, f64::from(u8::from(!following)));
        }
        row.set(F::complaints_180d, self.complaints);
        row.set(F::refund_requests_180d, self.refunds);
        row.set(F::complaint_days, days(self.complaint_days));
        row.set(F::nps_last, self.nps.unwrap_or(f64::NAN));
    }
}

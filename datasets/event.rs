//! What happened between a customer and the business: one [`Event`].

use serde::{Deserialize, Serialize};

/// Microseconds since 1970-01-01T00:00:00Z. The one unit of time in homing.
pub type Micros = i64;

/// Microseconds in a day of 24 hours.
pub const DAY: Micros = 86_400_000_000;

/// What kind of thing happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Kind {
    /// Something was bought. With an amount above zero it counts as a purchase; with zero it is a gift.
    Purchase = 0,
    /// Something came back; the amount is what was paid back (stored as a negative amount).
    Return = 1,
    /// A visit to the shop or its site.
    Visit = 2,
    /// A product was looked at.
    View = 3,
    /// A product was put into the basket.
    AddToCart = 4,
    /// A promotion was sent to the customer.
    PromotionSent = 5,
    /// A promotion was used by the customer.
    PromotionUsed = 6,
    /// A post in the community.
    Post = 7,
    /// The customer began to follow the shop.
    Follow = 8,
    /// The customer ceased to follow the shop.
    Unfollow = 9,
    /// A complaint.
    Complaint = 10,
    /// Money was asked back.
    RefundRequest = 11,
    /// An answer to "would you recommend us?"; the amount is the answer, 0 to 10.
    Nps = 12,
}

impl Kind {
    /// Every kind, in the order of their codes.
    pub const ALL: [Kind; 13] = [
        Kind::Purchase,
        Kind::Return,
        Kind::Visit,
        Kind::View,
        Kind::AddToCart,
        Kind::PromotionSent,
        Kind::PromotionUsed,
        Kind::Post,
        Kind::Follow,
        Kind::Unfollow,
        Kind::Complaint,
        Kind::RefundRequest,
        Kind::Nps,
    ];

    /// The name used in files and over HTTP, e.g. `add_to_cart`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Kind::Purchase => "purchase",
            Kind::Return => "return",
            Kind::Visit => "visit",
            Kind::View => "view",
            Kind::AddToCart => "add_to_cart",
            Kind::PromotionSent => "promotion_sent",
            Kind::PromotionUsed => "promotion_used",
            Kind::Post => "post",
            Kind::Follow => "follow",
            Kind::Unfollow => "unfollow",
            Kind::Complaint => "complaint",
            Kind::RefundRequest => "refund_request",
            Kind::Nps => "nps",
        }
    }

    /// The kind with this name, if there is one.
    ///
    /// ```
    /// use homing_datasets::Kind;
    ///
    /// assert_eq!(Kind::from_name("add_to_cart"), Some(Kind::AddToCart));
    /// assert_eq!(Kind::from_name("sale"), None);
    /// ```
    #[must_use]
    pub fn from_name(name: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The kind with this code (its position in [`Kind::ALL`]), if there is one.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Kind> {
        Kind::ALL.get(usize::from(code)).copied()
    }
}

/// One thing that happened to one customer. Absent texts are `None`.
///
/// ```
/// use homing_datasets::{Event, Kind, Zone};
///
/// let at = Zone::default().instant("2025-03-01T10:15:00Z")?;
/// let event = Event { product: Some("sku-17".to_owned()), ..Event::new(Kind::Purchase, at, 29.9) };
/// assert!(event.is_purchase());
/// # Ok::<(), homing_datasets::calendar::NoInstant>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// When it happened.
    pub occurred_at: Micros,
    /// When the business learned of it; never before `occurred_at`.
    pub recorded_at: Micros,
    /// What happened.
    pub kind: Kind,
    /// Money in the business's own currency: above or equal to zero for purchases, negative for returns.
    pub amount: f64,
    /// Pieces; 1 where the data do not say.
    pub quantity: f32,
    /// The order (till receipt) that the line belongs to.
    pub order: Option<String>,
    /// The product.
    pub product: Option<String>,
    /// The product's category.
    pub category: Option<String>,
    /// Where it happened: till, web shop, chat group, ...
    pub channel: Option<String>,
    /// The promotion sent or used.
    pub promotion: Option<String>,
}

/// Why an event cannot be taken in, as a stable code with a text for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum Invalid {
    /// A purchase with an amount below zero.
    #[error("a purchase has a negative amount; set its kind to `return`, or correct the amount")]
    NegativePurchase,
    /// A purchase without an amount.
    #[error("a purchase has no amount; fill in the column `amount`")]
    MissingAmount,
    /// NaN or infinite amount or quantity, or one beyond a trillion.
    #[error("`amount` and `quantity` must be finite and at most 1e12")]
    NotFinite,
    /// Outside the years 1900 to 2200.
    #[error("`occurred_at` is outside the years 1900 to 2200; correct the date")]
    OutOfTime,
    /// Recorded before it happened.
    #[error("`recorded_at` is before `occurred_at`; correct one of the dates")]
    RecordedBeforeOccurred,
}

impl Invalid {
    /// The stable code used in reject files and over HTTP.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Invalid::NegativePurchase => "negative_purchase",
            Invalid::MissingAmount => "missing_amount",
            Invalid::NotFinite => "not_finite",
            Invalid::OutOfTime => "out_of_time",
            Invalid::RecordedBeforeOccurred => "recorded_before_occurred",
        }
    }
}

const EARLIEST: Micros = -25_567 * DAY;
const LATEST: Micros = 84_006 * DAY;

/// What [`Event::checked`] does: whether the values make sense together, and the amount as it is kept.
#[inline]
pub(crate) fn checked_amount(
    kind: Kind,
    occurred_at: Micros,
    recorded_at: Micros,
    amount: f64,
    quantity: f32,
) -> Result<f64, Invalid> {
    if !amount.is_finite() || !quantity.is_finite() || amount.abs() > 1e12 {
        return Err(Invalid::NotFinite);
    }
    if !(EARLIEST..=LATEST).contains(&occurred_at) || !(EARLIEST..=LATEST).contains(&recorded_at) {
        return Err(Invalid::OutOfTime);
    }
    if recorded_at < occurred_at {
        return Err(Invalid::RecordedBeforeOccurred);
    }
    let amount = match kind {
        Kind::Purchase if amount < 0.0 => return Err(Invalid::NegativePurchase),
        Kind::Return => -amount.abs(),
        _ => amount,
    };
    // -0.0 and 0.0 must be one value, so that equal events have equal bytes.
    Ok(amount + 0.0)
}

impl Event {
    /// An event of a kind at an instant with an amount, and nothing else known of it.
    #[must_use]
    pub fn new(kind: Kind, occurred_at: Micros, amount: f64) -> Self {
        Event {
            occurred_at,
            recorded_at: occurred_at,
            kind,
            amount,
            quantity: 1.0,
            order: None,
            product: None,
            category: None,
            channel: None,
            promotion: None,
        }
    }

    /// Brings the event into homing's form (a return's amount is negative), or says why it cannot be taken.
    ///
    /// ```
    /// use homing_datasets::event::Invalid;
    /// use homing_datasets::{Event, Kind};
    ///
    /// let returned = Event::new(Kind::Return, 0, 12.0).checked()?;
    /// assert_eq!(returned.amount, -12.0);
    /// assert_eq!(Event::new(Kind::Purchase, 0, -12.0).checked(), Err(Invalid::NegativePurchase));
    /// # Ok::<(), Invalid>(())
    /// ```
    ///
    /// # Errors
    /// [`Invalid`] when an amount, quantity or instant makes no sense.
    pub fn checked(mut self) -> Result<Self, Invalid> {
        self.amount =
            checked_amount(self.kind, self.occurred_at, self.recorded_at, self.amount, self.quantity)?;
        Ok(self)
    }

    /// Whether this is a purchase: kind `purchase`, amount above zero.
    #[must_use]
    pub fn is_purchase(&self) -> bool {
        is_purchase(self.kind, self.amount)
    }
}

/// Whether an event of this kind and amount is a purchase: kind `purchase`, amount above zero. Gifts and samples, of
/// amount zero, are none.
#[must_use]
pub fn is_purchase(kind: Kind, amount: f64) -> bool {
    kind == Kind::Purchase && amount > 0.0
}

//! The columns that homing knows, and where a file has them.
//!
//! ```text
//! --columns ─┐
//! known name ├─▶ layout.rs: place of each column in a file, and how its lines are to be understood
//! exports.rs ┤   (well-known exports by their columns)
//! synonyms.rs┘   (common names in several languages)
//! ```

mod exports;
mod layout;
mod synonyms;

pub(crate) use layout::{Layout, Mapping, Multiply};
pub(super) use synonyms::{ANY_TYPE, PAYMENT_PARTS, like, plain, status_like};

/// A column that homing knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Column {
    CustomerId,
    OccurredAt,
    Amount,
    OrderId,
    ProductId,
    Category,
    Channel,
    Quantity,
    Kind,
    RecordedAt,
    Promotion,
    /// The time of the day, where the date has none.
    Time,
    /// What became of the order: paid, voided, refunded.
    Status,
    /// Whether money came in or went out.
    Direction,
    Currency,
    /// What was paid back of the amount.
    Refunded,
    /// Whether the shop was only trying out.
    Test,
    /// When the order was cancelled, if it was.
    Cancelled,
    /// Who received the money: the customer of a line whose amount is negative.
    Payee,
    /// What was left of the amount once refunds and changes were taken into account.
    Adjusted,
    /// Whether the order was paid, beside a status of the order itself.
    PaymentStatus,
    /// Money that went out, in tables that have a column for each direction.
    Outgoing,
}

/// Number of columns.
pub(crate) const COLUMNS: usize = 22;

/// Number of columns of an event itself; the others say how a line is to be understood.
pub(crate) const KNOWN: usize = 11;

impl Column {
    /// Every column; the needed ones come first, then the others of an event.
    pub(crate) const ALL: [Column; COLUMNS] = [
        Column::CustomerId,
        Column::OccurredAt,
        Column::Amount,
        Column::OrderId,
        Column::ProductId,
        Column::Category,
        Column::Channel,
        Column::Quantity,
        Column::Kind,
        Column::RecordedAt,
        Column::Promotion,
        Column::Time,
        Column::Status,
        Column::Direction,
        Column::Currency,
        Column::Refunded,
        Column::Test,
        Column::Cancelled,
        Column::Payee,
        Column::Adjusted,
        Column::PaymentStatus,
        Column::Outgoing,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Column::CustomerId => "customer_id",
            Column::OccurredAt => "occurred_at",
            Column::Amount => "amount",
            Column::OrderId => "order_id",
            Column::ProductId => "product_id",
            Column::Category => "category",
            Column::Channel => "channel",
            Column::Quantity => "quantity",
            Column::Kind => "kind",
            Column::RecordedAt => "recorded_at",
            Column::Promotion => "promotion",
            Column::Time => "time",
            Column::Status => "status",
            Column::Direction => "direction",
            Column::Currency => "currency",
            Column::Refunded => "refunded",
            Column::Test => "test",
            Column::Cancelled => "cancelled",
            Column::Payee => "payee",
            Column::Adjusted => "adjusted",
            Column::PaymentStatus => "payment_status",
            Column::Outgoing => "outgoing",
        }
    }

    /// Whether a file must have it.
    pub(crate) fn needed(self) -> bool {
        matches!(self, Column::CustomerId | Column::OccurredAt | Column::Amount)
    }

    /// What the column may hold, as far as types go.
    pub(crate) fn role(self) -> Role {
        match self {
            Column::OccurredAt | Column::RecordedAt => Role::Instant,
            Column::Amount | Column::Quantity | Column::Refunded | Column::Adjusted => Role::Number,
            Column::Kind => Role::Word,
            Column::Time | Column::Cancelled | Column::Test | Column::Outgoing => Role::Any,
            _ => Role::Text,
        }
    }
}

/// What a column means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// A name or id: text or a number.
    Text,
    /// One of a list of words: text only.
    Word,
    Number,
    Instant,
    /// Whatever says yes or no, or a time.
    Any,
}

//! What variables hold and expressions give.

use std::borrow::Cow;

use homing_datasets::calendar::date_of;

/// What a variable holds for one customer.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Slot<'a> {
    Unknown,
    Number(f64),
    Truth(bool),
    Word(Cow<'a, str>),
}

/// What an expression gives.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Val<'a> {
    Null,
    Number(f64),
    Whole(i64),
    Truth(bool),
    Text(Cow<'a, str>),
    /// A date, in days since 1970-01-01.
    Date(i32),
}

/// There is no result: something was unknown, or failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NoResult;

impl Val<'_> {
    pub fn as_number(&self) -> Result<f64, NoResult> {
        match self {
            Val::Number(number) => Ok(*number),
            Val::Whole(number) => Ok(*number as f64),
            _ => Err(NoResult),
        }
    }

    pub fn equals(&self, other: &Val<'_>) -> bool {
        match (self, other) {
            (Val::Null, Val::Null) => true,
            (Val::Truth(a), Val::Truth(b)) => a == b,
            (Val::Text(a), Val::Text(b)) => a == b,
            (Val::Date(a), Val::Date(b)) => a == b,
            (Val::Whole(a), Val::Whole(b)) => a == b,
            _ => matches!((self.as_number(), other.as_number()), (Ok(a), Ok(b)) if a == b),
        }
    }

    /// The value as JSON; `None` for an empty one. A whole number is written without a fraction.
    pub fn json(self) -> Option<serde_json::Value> {
        const EXACT: f64 = 9_007_199_254_740_992.0;
        match self {
            Val::Null => None,
            Val::Text(text) => Some(text.into_owned().into()),
            Val::Truth(truth) => Some(truth.into()),
            Val::Whole(number) => Some(number.into()),
            Val::Number(number) if number.fract() == 0.0 && number.abs() < EXACT => {
                Some((number as i64).into())
            }
            Val::Number(number) => serde_json::Number::from_f64(number).map(serde_json::Value::Number),
            Val::Date(day) => Some(date_of(day).to_string().into()),
        }
    }

    /// The value as a probability, if it is one.
    pub fn probability(&self) -> Option<f64> {
        self.as_number().ok().filter(|number| (0.0..=1.0).contains(number))
    }
}

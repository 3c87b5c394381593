//! Expressions in a form of homing's own, many times as fast as CEL's interpreter.
//!
//! It covers what tags are made of: variables, literals, comparison, arithmetic on doubles, logic, choice, `in` over a
//! list of literals, `int()`, and functions of homing's own. The tests hold it against the interpreter.

use std::borrow::Cow;
use std::sync::Arc;

use chrono::Datelike;
use homing_datasets::calendar::date_of;

use super::values::{NoResult, Slot, Val};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Less,
    LessEquals,
    Greater,
    GreaterEquals,
}

/// A part of a compiled expression.
#[derive(Clone, Debug)]
pub(super) enum Node {
    Null,
    Number(f64),
    Whole(i64),
    Truth(bool),
    Text(Arc<str>),
    Variable(usize),
    Not(Box<Node>),
    Negate(Box<Node>),
    Arithmetic(Arithmetic, Box<(Node, Node)>),
    /// The commonest of all: a variable against a number.
    VariableAgainst(Order, usize, f64),
    Compare(Order, Box<(Node, Node)>),
    Equal(bool, Box<(Node, Node)>),
    And(Box<(Node, Node)>),
    Or(Box<(Node, Node)>),
    If(Box<(Node, Node, Node)>),
    In(Box<Node>, Box<[Node]>),
    Int(Box<Node>),
    Date(Box<Node>),
    DateAbout(Box<Node>),
    About(Box<Node>),
    Round(Box<(Node, Node)>),
}

/// Days ahead up to which a date is given by its day, and by its week.
const DAY_COUNTS: f64 = 14.0;
const WEEK_COUNTS: f64 = 90.0;

impl Node {
    pub fn run<'a>(&'a self, slots: &'a [Slot<'a>], today: i32) -> Result<Val<'a>, NoResult> {
        Ok(match self {
            Node::Null => Val::Null,
            Node::Number(number) => Val::Number(*number),
            Node::Whole(number) => Val::Whole(*number),
            Node::Truth(truth) => Val::Truth(*truth),
            Node::Text(text) => Val::Text(Cow::Borrowed(text)),
            Node::Variable(place) => match slots.get(*place) {
                None | Some(Slot::Unknown) => Val::Null,
                Some(Slot::Number(number)) => Val::Number(*number),
                Some(Slot::Truth(truth)) => Val::Truth(*truth),
                Some(Slot::Word(word)) => Val::Text(Cow::Borrowed(word)),
            },
            Node::Not(a) => Val::Truth(!a.truth(slots, today)?),
            Node::Negate(a) => Val::Number(-a.number(slots, today)?),
            Node::Arithmetic(with, parts) => {
                let (a, b) = (parts.0.number(slots, today)?, parts.1.number(slots, today)?);
                Val::Number(with.of(a, b))
            }
            Node::VariableAgainst(order, place, number) => match slots.get(*place) {
                Some(Slot::Number(value)) if !number.is_nan() => Val::Truth(order.holds(value, number)),
                _ => return Err(NoResult),
            },
            Node::Compare(order, parts) => {
                Val::Truth(order.compare(&parts.0.run(slots, today)?, &parts.1.run(slots, today)?)?)
            }
            Node::Equal(wanted, parts) => {
                let (a, b) = (parts.0.run(slots, today)?, parts.1.run(slots, today)?);
                Val::Truth(a.equals(&b) == *wanted)
            }
            Node::And(parts) => Val::Truth(logic(&parts.0, &parts.1, false, slots, today)?),
            Node::Or(parts) => Val::Truth(logic(&parts.0, &parts.1, true, slots, today)?),
            Node::If(parts) => {
                let branch = if parts.0.truth(slots, today)? { &parts.1 } else { &parts.2 };
                return branch.run(slots, today);
            }
            Node::In(a, list) => {
                let a = a.run(slots, today)?;
                let mut found = false;
                for element in list {
                    found |= a.equals(&element.run(slots, today)?);
                }
                Val::Truth(found)
            }
            Node::Int(a) => Val::Whole(whole(a.number(slots, today)?)?),
            Node::Date(a) => Val::Date(day(a.number(slots, today)?, today)?),
            Node::DateAbout(a) => Val::Date(date_about(a.number(slots, today)?, today)?),
            Node::About(a) => Val::Number(about(a.number(slots, today)?)),
            Node::Round(parts) => {
                Val::Number(rounded(parts.0.number(slots, today)?, parts.1.number(slots, today)?)?)
            }
        })
    }

    fn truth(&self, slots: &[Slot<'_>], today: i32) -> Result<bool, NoResult> {
        match self.run(slots, today)? {
            Val::Truth(truth) => Ok(truth),
            _ => Err(NoResult),
        }
    }

    fn number(&self, slots: &[Slot<'_>], today: i32) -> Result<f64, NoResult> {
        match self {
            Node::Number(number) => Ok(*number),
            Node::Variable(place) => match slots.get(*place) {
                Some(Slot::Number(number)) => Ok(*number),
                _ => Err(NoResult),
            },
            _ => match self.run(slots, today)? {
                Val::Number(number) => Ok(number),
                _ => Err(NoResult),
            },
        }
    }

    /// Numbers in the expression, for the checks.
    pub fn numbers(&self, found: &mut Vec<f64>) {
        match self {
            Node::Number(number) | Node::VariableAgainst(_, _, number) => found.push(*number),
            Node::Whole(number) => found.push(*number as f64),
            Node::Not(a)
            | Node::Negate(a)
            | Node::Int(a)
            | Node::Date(a)
            | Node::DateAbout(a)
            | Node::About(a) => a.numbers(found),
            Node::Arithmetic(_, parts)
            | Node::Round(parts)
            | Node::Compare(_, parts)
            | Node::Equal(_, parts)
            | Node::And(parts)
            | Node::Or(parts) => {
                parts.0.numbers(found);
                parts.1.numbers(found);
            }
            Node::If(parts) => {
                parts.0.numbers(found);
                parts.1.numbers(found);
                parts.2.numbers(found);
            }
            Node::In(a, list) => {
                a.numbers(found);
                list.iter().for_each(|element| element.numbers(found));
            }
            Node::Null | Node::Truth(_) | Node::Text(_) | Node::Variable(_) => {}
        }
    }
}

/// The day so many days before today.
fn day(ago: f64, today: i32) -> Result<i32, NoResult> {
    // A calendar has an end, and NaN is no day.
    if ago.is_nan() || ago.abs() > 100_000.0 {
        return Err(NoResult);
    }
    Ok(today - ago.floor() as i32)
}

/// The same in steps that grow with the distance: days, weeks (from Monday), months.
fn date_about(ago: f64, today: i32) -> Result<i32, NoResult> {
    let day = day(ago, today)?;
    Ok(match ago.abs() {
        days if days <= DAY_COUNTS => day,
        // Day 4 after 1970-01-01 was a Monday.
        days if days <= WEEK_COUNTS => day - (day - 4).rem_euclid(7),
        _ => day - date_of(day).day0() as i32,
    })
}

/// The whole part of a number.
fn whole(number: f64) -> Result<i64, NoResult> {
    // Past these a double holds no whole number that fits.
    if number > -9.2e18 && number < 9.2e18 { Ok(number as i64) } else { Err(NoResult) }
}

/// The nearest multiple of a step.
fn rounded(number: f64, step: f64) -> Result<f64, NoResult> {
    let rounded = (number / step).round() * step;
    // A step of 0 has no multiples.
    if rounded.is_finite() { Ok(rounded) } else { Err(NoResult) }
}

/// A number rounded to two significant digits. It changes when there is news, not every day.
fn about(number: f64) -> f64 {
    if number == 0.0 || !number.is_finite() {
        return number;
    }
    let digits = number.abs().log10().floor() as i32 - 1;
    // Powers of ten are exact this way round and up to 10^22 only; no tag needs more.
    match digits {
        0..=22 => (number / 10f64.powi(digits)).round() * 10f64.powi(digits),
        -22..0 => (number * 10f64.powi(-digits)).round() / 10f64.powi(-digits),
        _ => number,
    }
}

/// CEL's logic: what decides alone decides, even if the other side has no result.
fn logic(a: &Node, b: &Node, decides: bool, slots: &[Slot<'_>], today: i32) -> Result<bool, NoResult> {
    let left = a.truth(slots, today);
    if left == Ok(decides) {
        return Ok(decides);
    }
    let right = b.truth(slots, today);
    if right == Ok(decides) {
        return Ok(decides);
    }
    left.and(right)
}

impl Arithmetic {
    fn of(self, a: f64, b: f64) -> f64 {
        match self {
            Arithmetic::Add => a + b,
            Arithmetic::Subtract => a - b,
            Arithmetic::Multiply => a * b,
            Arithmetic::Divide => a / b,
        }
    }
}

impl Order {
    /// Texts with texts, numbers with numbers.
    fn compare(self, a: &Val<'_>, b: &Val<'_>) -> Result<bool, NoResult> {
        match (a, b) {
            (Val::Text(a), Val::Text(b)) => Ok(self.holds(a, b)),
            (Val::Whole(a), Val::Whole(b)) => Ok(self.holds(a, b)),
            (a, b) => {
                let (a, b) = (a.as_number()?, b.as_number()?);
                if a.is_nan() || b.is_nan() { Err(NoResult) } else { Ok(self.holds(&a, &b)) }
            }
        }
    }

    fn holds<T: PartialOrd>(self, a: &T, b: &T) -> bool {
        match self {
            Order::Less => a < b,
            Order::LessEquals => a <= b,
            Order::Greater => a > b,
            Order::GreaterEquals => a >= b,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::about;

    #[test]
    fn a_number_is_said_with_two_digits() {
        for (number, said) in [
            (0.0, 0.0),
            (1234.5, 1200.0),
            (-1250.1, -1300.0),
            (99.6, 100.0),
            (7.26, 7.3),
            (0.0123, 0.012),
            (1e300, 1e300),
        ] {
            assert_eq!(about(number), said);
        }
        assert!(about(f64::NAN).is_nan());
    }
}

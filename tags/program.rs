//! Expressions in a form of our own, many times as fast as CEL's interpreter; what has no such form is interpreted.
//!
//! It covers what tags are made of: variables, literals, comparison, arithmetic on doubles, logic, choice, `in` over a
//! list of literals, `int()`, and functions of our own ([`FUNCTIONS`]). The tests hold it against the interpreter.

use std::borrow::Cow;
use std::sync::Arc;

use cel::Value;
use cel::common::ast::{Expr, IdedExpr, LiteralValue, operators};
use cel::common::types::{CelBool, CelDouble, CelNull, CelString};
use cel::common::value::CowVal;
use cel::context::VariableResolver;
use chrono::Datelike;
use homing_datasets::calendar::date_of;

use super::expression::context;

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

/// An expression ready to be run on slots.
#[derive(Clone, Debug)]
pub(super) enum Program {
    Compiled(Node),
    Interpreted(Arc<IdedExpr>, Arc<[(String, usize)]>),
}

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

/// Functions that CEL does not have; they work in compiled expressions only.
pub(super) const FUNCTIONS: [&str; 4] = ["date", "date_about", "about", "round"];

/// Days ahead up to which a date is worth its day, and its week.
const DAY_COUNTS: f64 = 14.0;
const WEEK_COUNTS: f64 = 90.0;

impl Program {
    /// `place` tells where a variable's value stands among the slots; `is_number` whether it is a number.
    pub fn new(
        tree: &Arc<IdedExpr>,
        place: &impl Fn(&str) -> Option<usize>,
        is_number: &impl Fn(&str) -> bool,
        names: impl Iterator<Item = String>,
    ) -> Self {
        match (Compiler { place, is_number }).node(tree) {
            Some(node) => Program::Compiled(node),
            None => {
                let places = names.filter_map(|name| place(&name).map(|at| (name, at))).collect();
                Program::Interpreted(Arc::clone(tree), places)
            }
        }
    }

    pub fn is_compiled(&self) -> bool {
        matches!(self, Program::Compiled(_))
    }

    /// Runs on slots; `today` is what `date()` counts back from, in days since 1970-01-01.
    pub fn run<'a>(&'a self, slots: &'a [Slot<'a>], today: i32) -> Result<Val<'a>, NoResult> {
        match self {
            Program::Compiled(node) => node.run(slots, today),
            Program::Interpreted(tree, places) => {
                let values = Interpreted { slots, places };
                let mut context = context();
                context.set_variable_resolver(&values);
                match Value::resolve(tree, &context) {
                    Ok(Value::Null) => Ok(Val::Null),
                    Ok(Value::Float(number)) => Ok(Val::Number(number)),
                    Ok(Value::Int(number)) => Ok(Val::Whole(number)),
                    Ok(Value::UInt(number)) => i64::try_from(number).map(Val::Whole).map_err(|_| NoResult),
                    Ok(Value::Bool(truth)) => Ok(Val::Truth(truth)),
                    Ok(Value::String(text)) => Ok(Val::Text(Cow::Owned(text.as_str().to_owned()))),
                    _ => Err(NoResult),
                }
            }
        }
    }
}

/// Slots as CEL sees them.
struct Interpreted<'a> {
    slots: &'a [Slot<'a>],
    places: &'a [(String, usize)],
}

impl VariableResolver for Interpreted<'_> {
    fn resolve<'b>(&'b self, name: &str) -> Option<CowVal<'b, 'b>> {
        let (_, place) = self.places.iter().find(|(known, _)| known == name)?;
        Some(match self.slots.get(*place)? {
            Slot::Unknown => CowVal::Borrowed(&CelNull),
            Slot::Number(number) => CowVal::owned(CelDouble::from(*number)),
            Slot::Truth(truth) => CowVal::owned(CelBool::from(*truth)),
            Slot::Word(word) => CowVal::owned(CelString::from(word.as_ref())),
        })
    }
}

struct Compiler<'c, P, N> {
    place: &'c P,
    is_number: &'c N,
}

impl<P: Fn(&str) -> Option<usize>, N: Fn(&str) -> bool> Compiler<'_, P, N> {
    fn node(&self, expression: &IdedExpr) -> Option<Node> {
        match &expression.expr {
            Expr::Literal(literal) => Some(match literal {
                LiteralValue::Boolean(truth) => Node::Truth(*truth.inner()),
                LiteralValue::Double(number) => Node::Number(*number.inner()),
                LiteralValue::Int(number) => Node::Whole(*number.inner()),
                LiteralValue::String(text) => Node::Text(text.inner().into()),
                LiteralValue::Null => Node::Null,
                LiteralValue::Bytes(_) | LiteralValue::UInt(_) => return None,
            }),
            Expr::Ident(name) => (self.place)(name).map(Node::Variable),
            Expr::Call(call) if call.target.is_none() => self.call(&call.func_name, &call.args),
            _ => None,
        }
    }

    fn call(&self, name: &str, args: &[IdedExpr]) -> Option<Node> {
        let arithmetic = |with: Arithmetic, a: &IdedExpr, b: &IdedExpr| {
            // Whole numbers calculate otherwise (they divide without a rest and overflow): CEL does that.
            let numbers = self.is_double(a) && self.is_double(b);
            Some(Node::Arithmetic(with, Box::new((numbers.then(|| self.node(a))??, self.node(b)?))))
        };
        let order = |order: Order, a: &IdedExpr, b: &IdedExpr| {
            Some(match (self.node(a)?, self.node(b)?) {
                (Node::Variable(place), Node::Number(number)) => Node::VariableAgainst(order, place, number),
                // Whole literals up to 2^53 are the same as doubles.
                (Node::Variable(place), Node::Whole(number)) if number.unsigned_abs() < 1 << 53 => {
                    Node::VariableAgainst(order, place, number as f64)
                }
                (a, b) => Node::Compare(order, Box::new((a, b))),
            })
        };
        match (name, args) {
            (operators::LOGICAL_NOT, [a]) => Some(Node::Not(Box::new(self.node(a)?))),
            (operators::NEGATE, [a]) if self.is_double(a) => Some(Node::Negate(Box::new(self.node(a)?))),
            (operators::ADD, [a, b]) => arithmetic(Arithmetic::Add, a, b),
            (operators::SUBSTRACT, [a, b]) => arithmetic(Arithmetic::Subtract, a, b),
            (operators::MULTIPLY, [a, b]) => arithmetic(Arithmetic::Multiply, a, b),
            (operators::DIVIDE, [a, b]) => arithmetic(Arithmetic::Divide, a, b),
            (operators::LESS, [a, b]) => order(Order::Less, a, b),
            (operators::LESS_EQUALS, [a, b]) => order(Order::LessEquals, a, b),
            (operators::GREATER, [a, b]) => order(Order::Greater, a, b),
            (operators::GREATER_EQUALS, [a, b]) => order(Order::GreaterEquals, a, b),
            (operators::EQUALS, [a, b]) => Some(Node::Equal(true, Box::new((self.node(a)?, self.node(b)?)))),
            (operators::NOT_EQUALS, [a, b]) => {
                Some(Node::Equal(false, Box::new((self.node(a)?, self.node(b)?))))
            }
            (operators::LOGICAL_AND, [a, b]) => Some(Node::And(Box::new((self.node(a)?, self.node(b)?)))),
            (operators::LOGICAL_OR, [a, b]) => Some(Node::Or(Box::new((self.node(a)?, self.node(b)?)))),
            (operators::CONDITIONAL, [a, b, c]) => {
                Some(Node::If(Box::new((self.node(a)?, self.node(b)?, self.node(c)?))))
            }
            (operators::IN, [a, list]) => match &list.expr {
                Expr::List(list) => {
                    let all = list.elements.iter().map(|element| match self.node(element)? {
                        node @ (Node::Number(_) | Node::Whole(_) | Node::Text(_)) => Some(node),
                        _ => None,
                    });
                    Some(Node::In(Box::new(self.node(a)?), all.collect::<Option<_>>()?))
                }
                _ => None,
            },
            ("int", [a]) if self.is_double(a) => Some(Node::Int(Box::new(self.node(a)?))),
            ("date", [a]) if self.is_double(a) => Some(Node::Date(Box::new(self.node(a)?))),
            ("date_about", [a]) if self.is_double(a) => Some(Node::DateAbout(Box::new(self.node(a)?))),
            ("about", [a]) if self.is_double(a) => Some(Node::About(Box::new(self.node(a)?))),
            ("round", [a, b]) if self.is_double(a) && self.is_double(b) => {
                Some(Node::Round(Box::new((self.node(a)?, self.node(b)?))))
            }
            _ => None,
        }
    }

    fn is_double(&self, expression: &IdedExpr) -> bool {
        match &expression.expr {
            Expr::Literal(LiteralValue::Double(_)) => true,
            Expr::Ident(name) => (self.is_number)(name),
            Expr::Call(call) => match (call.func_name.as_str(), call.args.as_slice()) {
                (operators::ADD | operators::SUBSTRACT | operators::MULTIPLY | operators::DIVIDE, [a, b]) => {
                    self.is_double(a) && self.is_double(b)
                }
                (operators::NEGATE | "about", [a]) => self.is_double(a),
                ("round", [a, b]) => self.is_double(a) && self.is_double(b),
                (operators::CONDITIONAL, [_, b, c]) => self.is_double(b) && self.is_double(c),
                _ => false,
            },
            _ => false,
        }
    }
}

impl Node {
    fn run<'a>(&'a self, slots: &'a [Slot<'a>], today: i32) -> Result<Val<'a>, NoResult> {
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
                Val::Number(match with {
                    Arithmetic::Add => a + b,
                    Arithmetic::Subtract => a - b,
                    Arithmetic::Multiply => a * b,
                    Arithmetic::Divide => a / b,
                })
            }
            Node::VariableAgainst(order, place, number) => match slots.get(*place) {
                Some(Slot::Number(value)) if !number.is_nan() => Val::Truth(order.holds(value, number)),
                _ => return Err(NoResult),
            },
            Node::Compare(order, parts) => {
                Val::Truth(match (parts.0.run(slots, today)?, parts.1.run(slots, today)?) {
                    (Val::Text(a), Val::Text(b)) => order.holds(&a, &b),
                    (Val::Whole(a), Val::Whole(b)) => order.holds(&a, &b),
                    (a, b) => {
                        let (a, b) = (a.as_number()?, b.as_number()?);
                        if a.is_nan() || b.is_nan() {
                            return Err(NoResult);
                        }
                        order.holds(&a, &b)
                    }
                })
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
            Node::Int(a) => {
                let number = a.number(slots, today)?;
                // Past these a double holds no whole number that fits.
                if !(number > -9.2e18 && number < 9.2e18) {
                    return Err(NoResult);
                }
                Val::Whole(number as i64)
            }
            Node::Date(a) => Val::Date(day(a.number(slots, today)?, today)?),
            Node::DateAbout(a) => {
                let ago = a.number(slots, today)?;
                let day = day(ago, today)?;
                Val::Date(match ago.abs() {
                    days if days <= DAY_COUNTS => day,
                    // Day 4 after 1970-01-01 was a Monday.
                    days if days <= WEEK_COUNTS => day - (day - 4).rem_euclid(7),
                    _ => day - date_of(day).day0() as i32,
                })
            }
            Node::About(a) => Val::Number(about(a.number(slots, today)?)),
            Node::Round(parts) => {
                let (number, step) = (parts.0.number(slots, today)?, parts.1.number(slots, today)?);
                let rounded = (number / step).round() * step;
                // Also where the step is 0.
                if !rounded.is_finite() {
                    return Err(NoResult);
                }
                Val::Number(rounded)
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

    /// Numbers that stand in the expression, for the checks.
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

/// A number as one says it: with two digits that count. It moves when there is something to tell, not every day.
fn about(number: f64) -> f64 {
    if number == 0.0 || !number.is_finite() {
        return number;
    }
    let digits = number.abs().log10().floor() as i32 - 1;
    // Powers of ten are exact this way round only.
    match digits {
        0.. => (number / 10f64.powi(digits)).round() * 10f64.powi(digits),
        _ => (number * 10f64.powi(-digits)).round() / 10f64.powi(-digits),
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

impl Order {
    fn holds<T: PartialOrd>(self, a: &T, b: &T) -> bool {
        match self {
            Order::Less => a < b,
            Order::LessEquals => a <= b,
            Order::Greater => a > b,
            Order::GreaterEquals => a >= b,
        }
    }
}

impl Val<'_> {
    fn as_number(&self) -> Result<f64, NoResult> {
        match self {
            Val::Number(number) => Ok(*number),
            Val::Whole(number) => Ok(*number as f64),
            _ => Err(NoResult),
        }
    }

    fn equals(&self, other: &Val<'_>) -> bool {
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

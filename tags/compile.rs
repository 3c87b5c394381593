//! From CEL's tree to homing's own form, where it has one.

use cel::common::ast::{Expr, IdedExpr, LiteralValue, operators};

use super::node::{Arithmetic, Node, Order};

/// Functions that CEL does not have; they work in compiled expressions only.
pub(super) const FUNCTIONS: [&str; 4] = ["date", "date_about", "about", "round"];

/// Compiles trees; `place` gives the slot of a variable's value, `is_number` says whether it is a number.
pub(super) struct Compiler<'c, P, N> {
    pub place: &'c P,
    pub is_number: &'c N,
}

impl<P: Fn(&str) -> Option<usize>, N: Fn(&str) -> bool> Compiler<'_, P, N> {
    /// The node of an expression; `None` for one that CEL must interpret.
    pub fn node(&self, expression: &IdedExpr) -> Option<Node> {
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

//! An expression ready to be run: in homing's own form where it has one, else by CEL's interpreter.

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

use cel::common::ast::IdedExpr;
use cel::common::types::{CelBool, CelDouble, CelNull, CelString};
use cel::common::value::CowVal;
use cel::context::VariableResolver;
use cel::{Context, Env, Value};

use super::compile::Compiler;
use super::node::Node;
use super::values::{NoResult, Slot, Val};

/// CEL's standard library.
pub(super) static STANDARD: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(Env::stdlib()));

/// A context with CEL's standard functions and no variables.
pub(super) fn context<'v>() -> Context<'static, 'v> {
    Context::with_env(Arc::clone(&STANDARD))
}

/// An expression ready to be run on slots.
#[derive(Clone, Debug)]
pub(super) enum Program {
    Compiled(Node),
    Interpreted(Arc<IdedExpr>, Arc<[(String, usize)]>),
}

impl Program {
    /// `place` gives the slot of a variable's value; `is_number` says whether it is a number.
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

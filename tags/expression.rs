//! One CEL expression: compiled once, checked against the variables and functions that there are.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use cel::common::ast::{EntryExpr, Expr, IdedExpr};
use cel::context::VariableResolver;
use cel::{Context, ExecutionError, Value};

use super::compile::FUNCTIONS;
use super::error::nearest;
use super::program::{Program, STANDARD, context};
use super::variables::{Domain, Variable};

/// A compiled expression.
#[derive(Clone)]
pub(super) struct Expression {
    source: Arc<str>,
    tree: Arc<IdedExpr>,
    variables: Arc<[Mention]>,
}

/// A variable that an expression mentions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mention {
    pub name: String,
    pub variable: Variable,
}

/// What a catalogue's own names mean.
pub(super) type Defined = HashMap<String, IdedExpr>;

impl std::fmt::Debug for Expression {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Expression").field(&self.source).finish()
    }
}

/// What is wrong with an expression, at which byte of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    pub at: usize,
    pub problem: String,
    pub hint: String,
}

impl Expression {
    /// Compiles and checks.
    pub fn compile(source: &str, defined: &Defined) -> Result<Self, Wrong> {
        let program = STANDARD.compile(source).map_err(|errors| syntax(source, &errors))?;
        for name in program.references().functions() {
            check_function(source, name)?;
        }
        let mut tree = program.expression().clone();
        substitute(&mut tree, defined);
        let mut names = BTreeSet::new();
        free_variables(&tree, &mut Vec::new(), &mut names);
        let mut variables = Vec::with_capacity(names.len());
        for name in names {
            match Variable::named(name) {
                Some(variable) => variables.push(Mention { name: name.to_owned(), variable }),
                None => return Err(unknown_variable(source, name, defined)),
            }
        }
        let tree = Arc::new(tree);
        let expression = Expression { source: source.into(), tree, variables: variables.into() };
        expression.try_out()?;
        let references = program.references();
        let own = FUNCTIONS.into_iter().find(|own| references.functions().contains(own));
        if let Some(own) = own.filter(|_| !expression.program(&|_| Some(0)).is_compiled()) {
            let at = find_word(source, own);
            let problem = format!("{own}() cannot be used in this expression");
            let hint = "combine it only with variables, numbers, comparisons, logic and ?:".to_owned();
            return Err(Wrong { at, problem, hint });
        }
        Ok(expression)
    }

    /// A placeholder for a value that no expression gives; `named` says what does.
    pub fn elsewhere(named: &str) -> Self {
        use cel::common::ast::LiteralValue;
        let null = Expr::Literal(LiteralValue::Null);
        let tree = Arc::new(IdedExpr { expr: null, ..IdedExpr::default() });
        Expression { source: named.into(), tree, variables: Arc::from(Vec::new()) }
    }

    /// The names that a source mentions, defined or not: what a definition rests on.
    pub fn names_in(source: &str) -> Vec<String> {
        let Ok(program) = STANDARD.compile(source) else { return Vec::new() };
        let mut names = BTreeSet::new();
        free_variables(program.expression(), &mut Vec::new(), &mut names);
        names.into_iter().map(str::to_owned).collect()
    }

    /// The tree, for what is defined by this expression.
    pub fn tree(&self) -> &IdedExpr {
        &self.tree
    }

    /// The compiled expression; `place` gives the slot of each variable's value.
    pub fn program(&self, place: &impl Fn(&str) -> Option<usize>) -> Program {
        let number = |name: &str| {
            self.variables
                .iter()
                .any(|m| m.name == name && matches!(m.variable.domain(), Domain::Number { .. }))
        };
        let names = self.variables.iter().map(|mention| mention.name.clone());
        Program::new(&self.tree, place, &number, names)
    }

    /// The expression as written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The variables that it mentions.
    pub fn variables(&self) -> &[Mention] {
        &self.variables
    }

    fn execute(&self, context: &Context<'_, '_>) -> Result<Value, ExecutionError> {
        Value::resolve(&self.tree, context)
    }

    /// Evaluates with every variable known, to find operands that never fit, such as `orders + 1`.
    fn try_out(&self) -> Result<(), Wrong> {
        for number in [0.0, 1.0, 40.0, 400.0] {
            let probe = Probe { number, expression: self };
            let mut context = context();
            context.set_variable_resolver(&probe);
            match self.execute(&context) {
                Err(
                    ExecutionError::NoSuchOverload(_)
                    | ExecutionError::UnsupportedBinaryOperator(..)
                    | ExecutionError::ValuesNotComparable(..),
                ) => {
                    let hint =
                        "variables are doubles: write 1.0 instead of 1, and compare text only with text";
                    let problem = "the expression mixes values of different types".to_owned();
                    return Err(Wrong { at: 0, problem, hint: hint.to_owned() });
                }
                Ok(
                    Value::Int(_)
                    | Value::UInt(_)
                    | Value::Float(_)
                    | Value::String(_)
                    | Value::Bool(_)
                    | Value::Null,
                )
                | Err(_) => {}
                Ok(other) => {
                    let problem = format!("the expression returns a {}", other.type_of());
                    let hint = "a tag must be a string, a number, true, false or null".to_owned();
                    return Err(Wrong { at: 0, problem, hint });
                }
            }
        }
        Ok(())
    }
}

/// Gives every number the same value.
struct Probe<'a> {
    number: f64,
    expression: &'a Expression,
}

impl VariableResolver for Probe<'_> {
    fn resolve<'b>(&'b self, name: &str) -> Option<cel::common::value::CowVal<'b, 'b>> {
        use cel::common::types::{CelBool, CelDouble, CelString};
        use cel::common::value::CowVal;
        let mention = self.expression.variables.iter().find(|mention| mention.name == name)?;
        Some(match mention.variable.domain() {
            Domain::Truth => CowVal::owned(CelBool::from(true)),
            Domain::Word => CowVal::owned(CelString::from("2011-09")),
            Domain::Number { .. } => CowVal::owned(CelDouble::from(self.number)),
        })
    }
}

/// The variables that an expression takes from outside: those of its macros (`exists(x, ...)`) are its own.
fn free_variables<'e>(expression: &'e IdedExpr, own: &mut Vec<&'e str>, found: &mut BTreeSet<&'e str>) {
    match &expression.expr {
        Expr::Unspecified | Expr::Literal(_) => {}
        Expr::Ident(name) => {
            if !own.contains(&name.as_str()) {
                found.insert(name);
            }
        }
        Expr::Call(call) => {
            call.target.iter().for_each(|target| free_variables(target, own, found));
            call.args.iter().for_each(|arg| free_variables(arg, own, found));
        }
        Expr::Select(select) => free_variables(&select.operand, own, found),
        Expr::List(list) => list.elements.iter().for_each(|element| free_variables(element, own, found)),
        Expr::Map(map) => map.entries.iter().for_each(|entry| entry_variables(&entry.expr, own, found)),
        Expr::Struct(literal) => {
            literal.entries.iter().for_each(|entry| entry_variables(&entry.expr, own, found))
        }
        Expr::Comprehension(loop_) => {
            free_variables(&loop_.iter_range, own, found);
            free_variables(&loop_.accu_init, own, found);
            let outer = own.len();
            own.extend([loop_.iter_var.as_str(), loop_.accu_var.as_str()]);
            own.extend(loop_.iter_var2.as_deref());
            for part in [&loop_.loop_cond, &loop_.loop_step, &loop_.result] {
                free_variables(part, own, found);
            }
            own.truncate(outer);
        }
    }
}

fn entry_variables<'e>(entry: &'e EntryExpr, own: &mut Vec<&'e str>, found: &mut BTreeSet<&'e str>) {
    match entry {
        EntryExpr::StructField(field) => free_variables(&field.value, own, found),
        EntryExpr::MapEntry(entry) => {
            free_variables(&entry.key, own, found);
            free_variables(&entry.value, own, found);
        }
    }
}

/// Replaces names with what they mean.
fn substitute(expression: &mut IdedExpr, defined: &Defined) {
    match &mut expression.expr {
        Expr::Ident(name) => {
            if let Some(meaning) = defined.get(name) {
                *expression = meaning.clone();
            }
        }
        Expr::Call(call) => {
            call.target.iter_mut().for_each(|target| substitute(target, defined));
            call.args.iter_mut().for_each(|arg| substitute(arg, defined));
        }
        Expr::List(list) => list.elements.iter_mut().for_each(|element| substitute(element, defined)),
        _ => {}
    }
}

fn syntax(source: &str, errors: &cel::ParseErrors) -> Wrong {
    let hint = "see https://cel.dev for the syntax".to_owned();
    let Some(first) = errors.errors.first() else {
        return Wrong { at: 0, problem: "the expression is not valid CEL".to_owned(), hint };
    };
    let line = usize::try_from(first.pos.0 - 1).unwrap_or(0);
    let column = usize::try_from(first.pos.1 - 1).unwrap_or(0);
    let line_start: usize = source.split_inclusive('\n').take(line).map(str::len).sum();
    Wrong {
        at: (line_start + column).min(source.len()),
        problem: format!("the expression is not valid CEL: {}", first.msg),
        hint,
    }
}

fn unknown_variable(source: &str, name: &str, defined: &Defined) -> Wrong {
    let mut known: Vec<&str> = Variable::names().collect();
    known.extend(defined.keys().map(String::as_str));
    let renamed = name.strip_prefix("p_return_").map(|horizon| format!("p_purchase_{horizon}"));
    let renamed = renamed.filter(|new| Variable::named(new).is_some());
    let hint = match (renamed, nearest(name, known.into_iter())) {
        (Some(new), _) => format!("it was renamed to `{new}`"),
        (None, Some(near)) => format!("did you mean `{near}`?"),
        (None, None) => "variables are the features and predictions of the model".to_owned(),
    };
    Wrong { at: find_word(source, name), problem: format!("unknown variable `{name}`"), hint }
}

/// A function exists if calling it without arguments fails for another reason than its name.
fn check_function(source: &str, name: &str) -> Result<(), Wrong> {
    let is_operator = !name.starts_with(|c: char| c.is_ascii_alphabetic());
    let declared = |call: String| match STANDARD.compile(&call) {
        Ok(program) => !matches!(program.execute(&context()), Err(ExecutionError::UndeclaredReference(_))),
        // A macro complains about its arguments while it is compiled.
        Err(_) => true,
    };
    if FUNCTIONS.contains(&name)
        || is_operator
        || declared(format!("{name}()"))
        || declared(format!("''.{name}()"))
    {
        return Ok(());
    }
    const COMMON: [&str; 12] = [
        "size",
        "contains",
        "startsWith",
        "endsWith",
        "matches",
        "int",
        "double",
        "string",
        "bool",
        "has",
        "exists",
        "all",
    ];
    let hint = match nearest(name, FUNCTIONS.into_iter().chain(COMMON)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "only functions of CEL's standard library are supported".to_owned(),
    };
    Err(Wrong { at: find_word(source, name), problem: format!("unknown function `{name}`"), hint })
}

/// The position of a name that stands by itself.
fn find_word(source: &str, word: &str) -> usize {
    let part_of_word = |c: char| c.is_alphanumeric() || c == '_';
    source
        .match_indices(word)
        .map(|(at, _)| at)
        .find(|&at| {
            !source[..at].ends_with(part_of_word) && !source[at + word.len()..].starts_with(part_of_word)
        })
        .unwrap_or(0)
}

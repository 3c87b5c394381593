//! What a catalogue says without meaning to: tags that are the same for everybody, values that nobody can have, division
//! by zero.
//!
//! Each expression is tried on some thousand made-up customers whose values are around the numbers in it: on them,
//! between them and beyond, as far as the units allow. What never comes out of that is reported. The customers are drawn
//! from a fixed seed, so the answer is always the same.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::error::{Error, position};
use super::expression::Expression;
use super::program::Program;
use super::values::{Slot, Val};
use super::variables::Domain;
use super::{Catalogue, Definition};

/// Made-up customers for each expression.
const TRIALS: usize = 4_000;

/// Checks every tag; `text` and `source` are those that the catalogue was read from.
///
/// ```
/// use homing_tags::Catalogue;
/// use homing_tags::check::check;
///
/// let text = Catalogue::shipped_text();
/// let catalogue = Catalogue::parse(text, "catalogue.toml")?;
/// assert!(check(&catalogue, text, "catalogue.toml").is_empty());
/// # Ok::<(), homing_tags::Error>(())
/// ```
#[must_use]
pub fn check(catalogue: &Catalogue, text: &str, source: &str) -> Vec<Error> {
    catalogue.tags().iter().flat_map(|tag| check_tag(tag, text, source)).collect()
}

fn check_tag(tag: &Definition, text: &str, source: &str) -> Vec<Error> {
    let mut found = Vec::new();
    let mut tell = |inside: usize, problem: String, hint: &str| {
        let (line, column) = position(text, tag.place + inside);
        let problem = format!("tag `{}`: {problem}", tag.name);
        found.push(Error { source_name: source.to_owned(), line, column, problem, hint: hint.to_owned() });
    };
    let expression = tag.expression();
    for (at, _) in expression.match_indices('/') {
        let divisor = expression[at + 1..].trim_start();
        let digits: String = divisor.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
        if digits.parse::<f64>().is_ok_and(|number| number == 0.0) {
            tell(at, "division by zero".to_owned(), "the tag would always be empty; change the divisor");
        }
    }
    if tag.expression.variables().is_empty() {
        tell(
            0,
            "the expression uses no variable".to_owned(),
            "its value is the same for every customer; remove the tag",
        );
        return found;
    }
    let seen = try_out(&tag.expression);
    let texts: Vec<&String> = seen.values.keys().collect();
    match (&texts[..], seen.empty) {
        ([], _) => tell(
            0,
            "no customer can have this tag".to_owned(),
            "its conditions exclude each other; correct them",
        ),
        ([only], 0) => tell(
            0,
            format!("every customer has the value {only}"),
            "its condition is always true; correct it, or remove the tag",
        ),
        _ => {
            for label in &tag.values {
                let value = label.value.to_string();
                if !seen.values.contains_key(&value) {
                    tell(
                        expression.find(&value).unwrap_or(0),
                        format!("no customer can have the value {value}"),
                        "an earlier branch always applies first; check the order of the thresholds",
                    );
                }
            }
            let labelled: Vec<String> = tag.values.iter().map(|label| label.value.to_string()).collect();
            if !labelled.is_empty() {
                for value in texts.iter().filter(|value| value.starts_with('"')) {
                    if !labelled.contains(value) {
                        tell(
                            expression.find(value.as_str()).unwrap_or(0),
                            format!("the value {value} has no label"),
                            "add it to `values` in both languages",
                        );
                    }
                }
            }
        }
    }
    if seen.values.is_empty() || !seen.not_finite {
        return found;
    }
    if expression.contains('/') && !expression.contains("> 0") {
        let at = expression.find('/').unwrap_or(0);
        tell(
            at,
            "the divisor can be zero".to_owned(),
            "the tag is then empty; make that explicit, e.g. `x > 0.0 ? y / x : null`",
        );
    }
    found
}

/// What came out of the trials.
#[derive(Default)]
struct Seen {
    /// Values, as JSON texts.
    values: BTreeMap<String, u32>,
    empty: u32,
    not_finite: bool,
}

fn try_out(expression: &Expression) -> Seen {
    let variables = expression.variables();
    let place = |name: &str| variables.iter().position(|mention| mention.name == name);
    let program = expression.program(&place);
    let mut numbers = vec![0.0, 1.0];
    if let Program::Compiled(node) = &program {
        node.numbers(&mut numbers);
    }
    numbers.sort_by(f64::total_cmp);
    numbers.dedup();
    let words: Vec<&str> = expression.source().split('"').skip(1).step_by(2).collect();
    let mut dice = Dice(1);
    let mut seen = Seen::default();
    for _ in 0..TRIALS {
        let slots: Vec<Slot<'_>> = variables
            .iter()
            .map(|mention| match mention.variable.domain() {
                // `scored` is never unknown.
                Domain::Truth => Slot::Truth(dice.below(4) > 0),
                _ if dice.below(8) == 0 => Slot::Unknown,
                Domain::Word => match dice.below(words.len() as u64 + 1) {
                    0 => Slot::Word(Cow::Borrowed("2025-06")),
                    at => Slot::Word(Cow::Borrowed(words[at as usize - 1])),
                },
                Domain::Number { low, high, whole } => {
                    let number = dice.near(&numbers).clamp(low, high);
                    Slot::Number(if whole { number.round() } else { number })
                }
            })
            .collect();
        match program.run(&slots, 20_000) {
            Ok(value) => {
                if matches!(value, Val::Number(number) if !number.is_finite()) {
                    seen.not_finite = true;
                }
                match value.json() {
                    Some(value) => *seen.values.entry(value.to_string()).or_default() += 1,
                    None => seen.empty += 1,
                }
            }
            Err(_) => seen.empty += 1,
        }
    }
    seen
}

/// Splitmix64 (Steele, Lea & Flood 2014).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    /// A number on, beside, between or beyond some numbers.
    fn near(&mut self, numbers: &[f64]) -> f64 {
        let last = numbers.len().saturating_sub(1);
        let at = self.below(numbers.len() as u64) as usize;
        let number = numbers.get(at).copied().unwrap_or(0.0);
        let share = (self.next() >> 11) as f64 / (1u64 << 53) as f64;
        match self.below(6) {
            0 => number,
            1 => number + number.abs().max(1.0) * 1e-6,
            2 => number - number.abs().max(1.0) * 1e-6,
            3 => number + (numbers.get((at + 1).min(last)).copied().unwrap_or(number) - number) * share,
            4 => number * 2.0 + 1.0,
            _ => number - (number.abs() + 1.0) * share,
        }
    }
}

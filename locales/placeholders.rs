//! The keys of a file with the placeholders of each; the build script needs this too.

use std::collections::BTreeSet;

use fluent_syntax::ast::{Entry, Expression, InlineExpression, Pattern, PatternElement, Resource};

/// Key and placeholders of every message and attribute, in the order of the file. An attribute's key is `message.attribute`.
pub(crate) fn of<'s>(resource: &Resource<&'s str>) -> Vec<(String, Vec<&'s str>)> {
    let mut found = Vec::new();
    for entry in &resource.body {
        let Entry::Message(message) = entry else { continue };
        let mut add = |key: String, pattern: &Pattern<&'s str>| {
            let mut names = BTreeSet::new();
            in_pattern(pattern, &mut names);
            found.push((key, names.into_iter().collect()));
        };
        if let Some(pattern) = &message.value {
            add(message.id.name.to_owned(), pattern);
        }
        for attribute in &message.attributes {
            add(format!("{}.{}", message.id.name, attribute.id.name), &attribute.value);
        }
    }
    found
}

fn in_pattern<'s>(pattern: &Pattern<&'s str>, names: &mut BTreeSet<&'s str>) {
    for element in &pattern.elements {
        if let PatternElement::Placeable { expression } = element {
            match expression {
                Expression::Inline(inline) => in_inline(inline, names),
                Expression::Select { selector, variants } => {
                    in_inline(selector, names);
                    variants.iter().for_each(|variant| in_pattern(&variant.value, names));
                }
            }
        }
    }
}

fn in_inline<'s>(inline: &InlineExpression<&'s str>, names: &mut BTreeSet<&'s str>) {
    match inline {
        InlineExpression::VariableReference { id } => {
            names.insert(id.name);
        }
        InlineExpression::Placeable { expression } => {
            if let Expression::Inline(inline) = expression.as_ref() {
                in_inline(inline, names);
            }
        }
        _ => {}
    }
}

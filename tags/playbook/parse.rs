//! From TOML to entries, held against the catalogue.

use std::collections::HashMap;

use homing_locales::{Text, t};
use serde::Deserialize;
use toml::Spanned;

use super::{Axis, Contacts, Effort, Entry, NONE, Playbook, Variant};
use crate::definition::Definition;
use crate::error::Error;
use crate::names::{FADING_CAUSE, LIFECYCLE_STAGE, TIER_RANK};
use crate::source::{Source, Words};

const AXES: [(&str, &str); 3] = [("stage", LIFECYCLE_STAGE), ("tier", TIER_RANK), ("cause", FADING_CAUSE)];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    axes: AxesTable,
    #[serde(default)]
    contacts: ContactsTable,
    #[serde(default)]
    entry: Vec<EntryTable>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct AxesTable {
    stage: Option<Spanned<String>>,
    tier: Option<Spanned<String>>,
    cause: Option<Spanned<String>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ContactsTable {
    per_week: Option<Spanned<u32>>,
    earliest_hour: Option<Spanned<u8>>,
    latest_hour: Option<Spanned<u8>>,
    usual_hour: Option<Spanned<u8>>,
    opt_out_attribute: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EntryTable {
    action: Spanned<String>,
    stage: Option<Vec<Spanned<String>>>,
    tier: Option<Vec<Spanned<String>>>,
    cause: Option<Vec<Spanned<String>>>,
    at_risk_over: Option<Spanned<f64>>,
    effort: Spanned<String>,
    title: Option<Words>,
    text: Option<Words>,
    #[serde(default)]
    variants: Vec<VariantTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct VariantTable {
    name: Spanned<String>,
    channel: Option<String>,
    hour: Option<Spanned<u8>>,
    text: Option<Words>,
}

/// Whether a name is made of a-z, 0-9 and _, starting with a letter.
fn is_plain(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

/// The variants of an entry, of which there are none or at least two.
fn variants(source: Source<'_>, tables: Vec<VariantTable>) -> Result<Vec<Variant>, Error> {
    let mut variants: Vec<Variant> = Vec::with_capacity(tables.len());
    let alone = tables.len() == 1;
    for table in tables {
        let (name, at) = (table.name.get_ref().clone(), table.name.span().start);
        if !is_plain(&name) {
            let problem = format!("`{name}` is not a valid variant name");
            return Err(source.error(at, problem, "use a-z, 0-9 and _, starting with a letter"));
        }
        if alone || variants.iter().any(|known| known.name == name) {
            let (problem, hint) = match alone {
                true => (
                    "an entry with one variant has nothing to choose".to_owned(),
                    "add another one, or remove it",
                ),
                false => (format!("the variant `{name}` is already defined"), "rename one of them"),
            };
            return Err(source.error(at, problem, hint));
        }
        if let Some(hour) = table.hour.as_ref().filter(|hour| *hour.get_ref() > 23) {
            let problem = format!("{} is not an hour of the day", hour.get_ref());
            return Err(source.error(hour.span().start, problem, "use 0 to 23"));
        }
        let text = table.text.map(|text| source.words(text, at)).transpose()?;
        variants.push(Variant {
            name,
            channel: table.channel,
            hour: table.hour.map(Spanned::into_inner),
            text,
        });
    }
    Ok(variants)
}

pub(super) fn parse(text: &str, name: &str, tags: &[Definition]) -> Result<Playbook, Error> {
    let source = Source { text, name };
    let file: File = toml::from_str(text).map_err(|error| {
        source.toml(&error, "an entry needs action and effort, and one of your own title and text")
    })?;
    let named = [&file.axes.stage, &file.axes.tier, &file.axes.cause];
    let mut axes = Vec::with_capacity(3);
    for (at, tag) in named.into_iter().enumerate() {
        axes.push(axis(source, tags, AXES[at], tag.as_ref())?);
    }
    let Ok(axes) = <[Axis; 3]>::try_from(axes) else {
        return Err(source.error(0, "internal error: no axes", "the playbook needs three axes"));
    };
    let contacts = contacts(source, &file.contacts)?;
    let mut entries: Vec<(Entry, usize)> = Vec::with_capacity(file.entry.len());
    for table in file.entry {
        let at = table.action.span().start;
        let entry = entry(source, &axes, table)?;
        if let Some((before, _)) = entries.iter().find(|(before, _)| before.action == entry.action) {
            let problem = format!("the action `{}` is already defined in line {}", entry.action, before.line);
            return Err(source.error(at, problem, "rename one of them, or merge the two entries"));
        }
        entries.push((entry, at));
    }
    let sizes: [usize; 3] = std::array::from_fn(|axis| axes[axis].values.len());
    let cells = cells(source, &axes, sizes, &entries)?;
    let entries = entries.into_iter().map(|(entry, _)| entry).collect();
    Ok(Playbook { axes, contacts, entries, cells })
}

fn axis(
    source: Source<'_>,
    tags: &[Definition],
    (field, usual): (&str, &str),
    tag: Option<&Spanned<String>>,
) -> Result<Axis, Error> {
    let (name, at) = tag.map_or((usual, 0), |tag| (tag.get_ref().as_str(), tag.span().start));
    let Some(tag) = tags.iter().find(|tag| tag.name == name) else {
        let problem = format!("the catalogue has no tag `{name}` for the axis {field}");
        return Err(source.error(at, problem, format!("choose another tag under [axes]: {field} = \"...\"")));
    };
    let mut values = Vec::with_capacity(tag.values.len() + 1);
    for value in &tag.values {
        if let Some(text) = value.value.as_str().filter(|text| *text != NONE) {
            values.push((text.to_owned(), value.labels.clone()));
        }
    }
    if values.is_empty() {
        let problem = format!("the tag `{name}` has no text values");
        return Err(source.error(at, problem, "list its `values` in the catalogue, or choose another tag"));
    }
    values.push((NONE.to_owned(), Text::of(|lang| t!(lang, "playbook-none"))));
    Ok(Axis { tag: name.to_owned(), labels: tag.labels.clone(), values })
}

fn contacts(source: Source<'_>, table: &ContactsTable) -> Result<Contacts, Error> {
    let hour = |field: &Option<Spanned<u8>>, usual: u8| -> Result<u8, Error> {
        match field {
            Some(hour) if *hour.get_ref() > 23 => {
                let problem = format!("{} is not an hour of the day", hour.get_ref());
                Err(source.error(hour.span().start, problem, "use 0 to 23"))
            }
            other => Ok(other.as_ref().map_or(usual, |hour| *hour.get_ref())),
        }
    };
    let (earliest_hour, latest_hour) = (hour(&table.earliest_hour, 9)?, hour(&table.latest_hour, 20)?);
    let usual_hour = hour(&table.usual_hour, 10.clamp(earliest_hour, latest_hour.max(earliest_hour)))?;
    if !(earliest_hour..=latest_hour).contains(&usual_hour) {
        let spans = [&table.usual_hour, &table.latest_hour, &table.earliest_hour];
        let at = spans.into_iter().flatten().next().map_or(0, |hour| hour.span().start);
        let problem = format!(
            "the hours are out of order: earliest {earliest_hour}, usual {usual_hour}, latest {latest_hour}"
        );
        return Err(source.error(
            at,
            problem,
            "they must satisfy earliest_hour <= usual_hour <= latest_hour",
        ));
    }
    if let Some(zero) = table.per_week.as_ref().filter(|cap| *cap.get_ref() == 0) {
        let problem = "with per_week = 0 no customer is ever contacted";
        return Err(source.error(zero.span().start, problem, "use 1 or more"));
    }
    Ok(Contacts {
        per_week: table.per_week.as_ref().map_or(1, |cap| *cap.get_ref()),
        earliest_hour,
        latest_hour,
        usual_hour,
        opt_out_attribute: table.opt_out_attribute.clone().unwrap_or_else(|| "no_contact".to_owned()),
    })
}

fn entry(source: Source<'_>, axes: &[Axis; 3], table: EntryTable) -> Result<Entry, Error> {
    let (action, at) = (table.action.get_ref(), table.action.span().start);
    if !is_plain(action) {
        let problem = format!("`{action}` is not a valid action name");
        return Err(source.error(at, problem, "use a-z, 0-9 and _, starting with a letter"));
    }
    let names: Vec<&str> = Effort::ALL.iter().map(|(name, _)| *name).collect();
    let effort = source.one_of(&table.effort, "effort", &names, |word| {
        Effort::ALL.iter().find(|(name, _)| *name == word).map(|(_, effort)| *effort)
    })?;
    if let Some(over) =
        table.at_risk_over.as_ref().filter(|over| *over.get_ref() < 0.0 || over.get_ref().is_nan())
    {
        let problem = format!("{} is not a valid amount", over.get_ref());
        return Err(source.error(over.span().start, problem, "use 0 or more, in the business's currency"));
    }
    let mut on: [Vec<usize>; 3] = Default::default();
    for (axis, values) in [&table.stage, &table.tier, &table.cause].into_iter().enumerate() {
        let Some(values) = values else { continue };
        if values.is_empty() {
            let problem = format!("`{}` is an empty list, so `{action}` never applies", AXES[axis].0);
            return Err(source.error(at, problem, "remove the field to match all values"));
        }
        let known: Vec<&str> = axes[axis].values.iter().map(|(value, _)| value.as_str()).collect();
        for value in values {
            on[axis].push(
                source.one_of(value, AXES[axis].0, &known, |word| {
                    known.iter().position(|known| *known == word)
                })?,
            );
        }
    }
    let line = source.error(at, "", "").line;
    Ok(Entry {
        action: action.clone(),
        title: source.words_or(table.title, "title", at, &format!("action-{action}"))?,
        text: source.words_or(table.text, "text", at, &format!("action-{action}.text"))?,
        effort,
        at_risk_over: table.at_risk_over.map(Spanned::into_inner),
        variants: variants(source, table.variants)?,
        on,
        line,
    })
}

/// The entries of each cell, without those that never have their turn.
fn cells(
    source: Source<'_>,
    axes: &[Axis; 3],
    sizes: [usize; 3],
    entries: &[(Entry, usize)],
) -> Result<Vec<Vec<u16>>, Error> {
    if entries.len() > usize::from(u16::MAX) {
        return Err(source.error(0, "too many entries", "use at most 65,535"));
    }
    let mut cells: Vec<Vec<u16>> = vec![Vec::new(); sizes.iter().product()];
    // Everything above the least amount so far belongs to an earlier entry.
    let mut taken = vec![f64::INFINITY; cells.len()];
    for (number, (entry, at)) in entries.iter().enumerate() {
        let least = entry.at_risk_over.unwrap_or(f64::NEG_INFINITY);
        let holds = |axis: usize, value: usize| entry.on[axis].is_empty() || entry.on[axis].contains(&value);
        let mut in_the_way: HashMap<u16, usize> = HashMap::new();
        let mut reached = false;
        for cell in 0..cells.len() {
            let place = [cell / (sizes[1] * sizes[2]), cell / sizes[2] % sizes[1], cell % sizes[2]];
            if !(0..3).all(|axis| holds(axis, place[axis])) {
                continue;
            }
            if taken[cell] > least {
                taken[cell] = least;
                cells[cell].push(number as u16);
                reached = true;
            } else if let Some(before) = cells[cell].last() {
                *in_the_way.entry(*before).or_default() += 1;
            }
        }
        if !reached {
            let mut lines: Vec<usize> =
                in_the_way.keys().map(|before| entries[usize::from(*before)].0.line).collect();
            lines.sort_unstable();
            let lines: Vec<String> = lines.iter().map(usize::to_string).collect();
            let problem = format!(
                "`{}` is never reached: the entries in line {} match all its customers first",
                entry.action,
                lines.join(", ")
            );
            return Err(source.error(*at, problem, "move it above them, or make their conditions narrower"));
        }
    }
    if let Some(cell) = taken.iter().position(|least| *least > f64::NEG_INFINITY) {
        let place = [cell / (sizes[1] * sizes[2]), cell / sizes[2] % sizes[1], cell % sizes[2]];
        let named: Vec<String> =
            (0..3).map(|axis| format!("{} `{}`", AXES[axis].0, axes[axis].values[place[axis]].0)).collect();
        let problem = format!("no entry matches every customer with {}", named.join(", "));
        let hint = "end the playbook with an entry without stage, tier, cause and at_risk_over";
        return Err(source.error(source.text.trim_end().len(), problem, hint));
    }
    Ok(cells)
}

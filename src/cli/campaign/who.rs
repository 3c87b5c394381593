//! Whom a campaign is for, as the command line says it.

use clap::Args;
use homing_profiles::Listing;
use homing_tags::Catalogue;
use serde_json::Value;

use crate::campaign;
use crate::cli::{Refused, WrongUse};
use crate::service::problem::nearest;

/// Filters by profile.
#[derive(Args)]
pub(super) struct Who {
    /// Only customers with this tag value, such as lifecycle.stage=decline. Can be repeated.
    #[arg(long = "tag", env = "HOMING_TAG", value_name = "NAME=VALUE", value_parser = tag)]
    with: Vec<(String, Value)>,
    /// Minimum value at risk.
    #[arg(long, env = "HOMING_MIN_VALUE_AT_RISK", value_name = "AMOUNT")]
    min_value_at_risk: Option<f64>,
    /// Minimum churn risk, 0 to 1.
    #[arg(long, env = "HOMING_MIN_CHURN_RISK", value_name = "SHARE")]
    min_churn_risk: Option<f64>,
}

impl Who {
    /// The customers meant.
    pub fn listing(&self, catalogue: &Catalogue) -> anyhow::Result<Listing> {
        if let Some((name, _)) =
            self.with.iter().find(|(name, _)| !catalogue.tags().iter().any(|t| t.name == *name))
        {
            let near = nearest(name, catalogue.tags().iter().map(|tag| tag.name.as_str()));
            let near = near.map_or_else(String::new, |near| format!(" (did you mean `{near}`?)"));
            return Err(WrongUse(format!("no tag `{name}`{near}; `homing tags list` shows all tags")).into());
        }
        for (name, value) in &self.with {
            let tag = catalogue.tags().iter().find(|tag| tag.name == *name);
            let Some(known) = tag.and_then(homing_tags::Definition::known_values) else { continue };
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            if known.contains(&text.as_str()) {
                continue;
            }
            let near = nearest(&text, known.iter().copied());
            let near = near.map_or_else(String::new, |near| format!(" (did you mean `{near}`?)"));
            let text = format!("`{text}` is not a value of `{name}`{near}; its values: {}", known.join(", "));
            return Err(WrongUse(text).into());
        }
        Ok(Listing {
            tags: self.with.clone(),
            churn_risk: (self.min_churn_risk, None),
            value_at_risk: (self.min_value_at_risk, None),
            ..Listing::default()
        })
    }
}

/// The exit code of what a campaign says.
pub(super) fn failed(error: campaign::Error) -> anyhow::Error {
    match error {
        campaign::Error::InvalidArgument(text) => WrongUse(text).into(),
        campaign::Error::Refused(text) => Refused(text).into(),
        campaign::Error::Store(error) => error.into(),
    }
}

fn tag(text: &str) -> Result<(String, Value), String> {
    let parts = text.split_once('=').filter(|(name, value)| !name.is_empty() && !value.is_empty());
    let (name, value) = parts.ok_or("write NAME=VALUE, such as lifecycle.stage=decline")?;
    let parsed = match serde_json::from_str(value) {
        Ok(value @ (Value::Bool(_) | Value::Number(_) | Value::String(_))) => value,
        _ => Value::String(value.to_owned()),
    };
    Ok((name.to_owned(), parsed))
}

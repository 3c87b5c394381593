//! The `[webhooks.NAME]` of homing.toml.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use homing_datasets::settings::show::secret_of;
use homing_tags::{Catalogue, Layer};
use serde::Deserialize;

use super::WrongUse;
use super::args::read_text;
use crate::service::Webhook;
use crate::service::problem::nearest;

/// One of them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    url: String,
    secret_file: PathBuf,
    /// The secret before the present one, while the receiver may still check with it.
    previous_secret_file: Option<PathBuf>,
    /// The `Authorization` header.
    authorization_file: Option<PathBuf>,
    #[serde(default)]
    tags: Vec<String>,
    #[serde(default)]
    layers: Vec<String>,
}

#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    webhooks: BTreeMap<String, Settings>,
}

/// The longest name.
const MAX_NAME: usize = 64;

/// The webhooks of the file and that of the flag, checked.
pub(super) fn of(
    flag: Option<Webhook>,
    config: Option<&Path>,
    catalogue: &Catalogue,
) -> anyhow::Result<Vec<Webhook>> {
    let mut webhooks: Vec<Webhook> = flag.into_iter().collect();
    if let Some(path) = config {
        let wrong = |detail: String| WrongUse(format!("{}: {detail}", path.display()));
        let config: Config =
            toml::from_str(&read_text(path)?).map_err(|error| wrong(format!("[webhooks]: {error}")))?;
        for (name, settings) in config.webhooks {
            if webhooks.iter().any(|hook| hook.name == name) {
                let detail = format!(
                    "[webhooks.{name}] has the name of the webhook of --webhook; give it another one"
                );
                return Err(wrong(detail).into());
            }
            let hook = settings
                .open(&name, catalogue)
                .map_err(|error| wrong(format!("[webhooks.{name}] {error:#}")))?;
            webhooks.push(hook);
        }
    }
    for hook in &webhooks {
        hook.check().map_err(|error| WrongUse(error.to_string()))?;
    }
    Ok(webhooks)
}

impl Settings {
    fn open(self, name: &str, catalogue: &Catalogue) -> anyhow::Result<Webhook> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if name.is_empty() || name.len() > MAX_NAME || !name.bytes().all(plain) {
            anyhow::bail!("the name must have 1 to {MAX_NAME} letters, digits, `-`, `_` or `.`");
        }
        let mut hook =
            Webhook::new(name, self.url, secret_of("secret_file", &self.secret_file)?.into_bytes());
        if let Some(file) = &self.previous_secret_file {
            hook.secrets.push(secret_of("previous_secret_file", file)?.into_bytes());
        }
        let authorization =
            self.authorization_file.as_ref().map(|file| secret_of("authorization_file", file));
        hook.authorization = authorization.transpose()?;
        if self.tags.is_empty() && self.layers.is_empty() {
            return Ok(hook);
        }
        let mut tags = BTreeSet::new();
        for tag in self.tags {
            let known = || catalogue.tags().iter().map(|tag| tag.name.as_str());
            if !known().any(|name| name == tag) {
                let near = nearest(&tag, known())
                    .map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
                anyhow::bail!("`{tag}` is not a tag of the catalogue{near}");
            }
            tags.insert(tag);
        }
        for layer in self.layers {
            let known =
                [("static", Layer::Static), ("dynamic", Layer::Dynamic), ("predictive", Layer::Predictive)];
            let Some((_, layer)) = known.into_iter().find(|(name, _)| *name == layer) else {
                anyhow::bail!("`{layer}` is not a layer; use static, dynamic or predictive");
            };
            tags.extend(catalogue.tags().iter().filter(|tag| tag.layer == layer).map(|tag| tag.name.clone()));
        }
        hook.tags = Some(tags);
        Ok(hook)
    }
}

//! Arguments that commands share.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use homing_datasets::settings::show::{secret_of, without_secrets};
use homing_datasets::{Micros, Zone};
use homing_locales::{Currency, set_currency};
use homing_models::Registry;
use homing_profiles::Store;
use homing_profiles::access::AuditEntry;
use homing_tags::Catalogue;
use homing_tags::playbook::{Playbook, Shared};

use super::WrongUse;

/// Where models are.
#[derive(Args, Clone, Debug)]
pub(crate) struct RegistryArgs {
    /// Model registry: a folder or an object-store URL such as s3://bucket/models.
    #[arg(long, env = "HOMING_REGISTRY", default_value = "registry", value_name = "DIR|URL", global = true)]
    pub registry: String,
    /// Local copy of a registry in an object store. Default: a folder in the user's cache.
    #[arg(long, env = "HOMING_REGISTRY_CACHE", value_name = "DIR", global = true)]
    pub registry_cache: Option<PathBuf>,
}

impl RegistryArgs {
    /// The registry, mirrored where it is in an object store.
    pub fn open(&self) -> Result<Registry, homing_models::Error> {
        Registry::open(&self.registry, self.registry_cache.as_deref())
    }
}

/// How amounts are shown.
#[derive(Args, Clone, Debug)]
pub(crate) struct CurrencyArgs {
    /// Currency of the amounts shown: an ISO 4217 code such as CNY, EUR or USD. Default: plain numbers.
    #[arg(long, env = "HOMING_CURRENCY", value_name = "CODE")]
    currency: Option<Currency>,
}

impl CurrencyArgs {
    pub fn apply(&self) {
        if let Some(currency) = self.currency {
            set_currency(currency);
        }
    }
}

impl ModelArgs {
    /// The model where it is named by its folder.
    pub fn folder(&self) -> Option<String> {
        self.model.clone().filter(|model| Path::new(model).exists())
    }
}

/// Which model.
#[derive(Args, Clone, Debug)]
pub(crate) struct ModelArgs {
    #[command(flatten)]
    pub registry: RegistryArgs,
    /// Model: NAME (its champion), NAME@VERSION, a version, or the path of a model folder. Default: the champion of the registry's
    /// only name.
    #[arg(long, env = "HOMING_MODEL", value_name = "NAME|VERSION|PATH")]
    pub model: Option<String>,
}

impl ModelArgs {
    pub fn open(&self) -> Result<Registry, homing_models::Error> {
        self.registry.open()
    }
}

/// The password of the profile store, kept apart from its address.
#[derive(Args, Clone, Debug)]
pub(crate) struct PasswordArgs {
    /// File with the PostgreSQL password of --profiles.
    #[arg(long, env = "HOMING_PROFILES_PASSWORD_FILE", value_name = "FILE", global = true)]
    pub profiles_password_file: Option<PathBuf>,
}

impl PasswordArgs {
    /// The address of the store with the password in it.
    pub fn place(&self, profiles: &str) -> anyhow::Result<String> {
        let Some(file) = &self.profiles_password_file else { return Ok(profiles.to_owned()) };
        let wrong = |text: &str| anyhow::Error::from(WrongUse(format!("--profiles-password-file: {text}")));
        let address = profiles.split_once("://").filter(|(scheme, _)| scheme.starts_with("postgres"));
        let Some((scheme, rest)) = address else {
            return Err(wrong("--profiles is not a PostgreSQL address; leave the password file out"));
        };
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let Some((user, host)) = rest[..end].rsplit_once('@') else {
            return Err(wrong("--profiles names no user; write postgres://USER@HOST:PORT/DATABASE"));
        };
        if user.contains(':') {
            return Err(wrong("--profiles already contains a password; keep only one of them"));
        }
        let password: String = secret_of("profiles-password-file", file)?.bytes().map(encoded).collect();
        Ok(format!("{scheme}://{user}:{password}@{host}{}", &rest[end..]))
    }
}

/// A byte as it stands in a URL.
fn encoded(byte: u8) -> String {
    if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") }
}

/// The profile store.
#[derive(Args, Clone, Debug)]
pub(crate) struct StoreArgs {
    /// Profile store: sqlite:PATH or postgres://USER@HOST:PORT/DATABASE.
    #[arg(
        long,
        env = "HOMING_PROFILES",
        default_value = "sqlite:profiles.db",
        value_name = "URL",
        global = true
    )]
    pub profiles: String,
    #[command(flatten)]
    pub password: PasswordArgs,
}

impl StoreArgs {
    /// The address with its password.
    pub fn place(&self) -> anyhow::Result<String> {
        self.password.place(&self.profiles)
    }

    /// The address without its password, for messages.
    pub fn shown(&self) -> String {
        without_secrets(&self.profiles)
    }

    /// Opens the store.
    pub fn open(&self, zone: Zone) -> anyhow::Result<Arc<dyn Store>> {
        Ok(homing_profiles::open(&self.place()?, zone)?)
    }

    /// The file of an embedded store.
    pub fn file(&self) -> Option<&str> {
        homing_profiles::local_file(&self.profiles)
    }
}

/// Which tags.
#[derive(Args, Clone, Debug)]
pub(crate) struct CatalogueArgs {
    /// Tag catalogue (TOML) to use instead of the built-in one.
    #[arg(long, alias = "tags", env = "HOMING_TAGS_FILE", value_name = "FILE")]
    pub tags_file: Option<PathBuf>,
    /// Playbook (TOML) to use instead of the built-in one.
    #[arg(long, alias = "playbook", env = "HOMING_PLAYBOOK_FILE", value_name = "FILE")]
    pub playbook_file: Option<PathBuf>,
}

impl CatalogueArgs {
    /// The catalogue with its playbook. A catalogue that lacks tags of the built-in playbook has none.
    pub fn load(&self) -> anyhow::Result<Catalogue> {
        let catalogue = self.without_playbook()?;
        let playbook = match &self.playbook_file {
            Some(path) => read_playbook(path, &catalogue)?,
            None => match Playbook::shipped(catalogue.tags()) {
                Ok(playbook) => playbook,
                Err(error) => {
                    tracing::warn!("no next best actions: {error}; name a playbook with --playbook-file");
                    return Ok(catalogue);
                }
            },
        };
        Ok(catalogue.with_playbook(playbook))
    }

    /// The playbook that goes with the catalogue.
    pub fn playbook(&self) -> anyhow::Result<Shared> {
        playbook_of(&self.load()?)
    }

    /// The files that are read.
    pub fn files(&self) -> impl Iterator<Item = String> {
        [&self.tags_file, &self.playbook_file].into_iter().flatten().map(|file| file.display().to_string())
    }

    pub fn without_playbook(&self) -> anyhow::Result<Catalogue> {
        self.tags_file.as_deref().map_or_else(|| Ok(Catalogue::shipped()?), read_catalogue)
    }
}

/// The playbook of a catalogue, which some commands cannot do without.
pub(super) fn playbook_of(catalogue: &Catalogue) -> anyhow::Result<Shared> {
    catalogue.playbook().cloned().ok_or_else(|| {
        let text = "the built-in playbook does not match this tag catalogue; name one that does with --playbook-file";
        WrongUse(text.to_owned()).into()
    })
}

pub(super) fn read_playbook(path: &Path, catalogue: &Catalogue) -> anyhow::Result<Playbook> {
    Ok(Playbook::parse(&read_text(path)?, &path.display().to_string(), catalogue.tags())?)
}

pub(super) fn read_catalogue(path: &Path) -> anyhow::Result<Catalogue> {
    Ok(Catalogue::parse(&read_text(path)?, &path.display().to_string())?)
}

/// The text of a file.
pub(super) fn read_text(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).map_err(|cause| anyhow::anyhow!("cannot read {}: {cause}", path.display()))
}

/// Notes in the audit log what somebody did on this machine: without a key.
pub(super) fn note_action(
    store: &dyn Store,
    action: &str,
    customer_id: Option<&str>,
    detail: &str,
    at: Micros,
) -> anyhow::Result<()> {
    let entry = AuditEntry {
        at,
        key_id: None,
        action: action.to_owned(),
        customer_id: customer_id.map(str::to_owned),
        detail: detail.to_owned(),
    };
    Ok(store.audit(&[entry])?)
}

/// Prints a document on stdout.
pub(super) fn print_json(document: &impl serde::Serialize) -> anyhow::Result<()> {
    homing_datasets::out!("{}", serde_json::to_string_pretty(document)?);
    Ok(())
}

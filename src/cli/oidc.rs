//! The flags of `homing serve` by which people sign in to the pages with an identity provider.

use std::path::PathBuf;

use clap::Args;
use homing_datasets::settings::show::secret_of;

use super::WrongUse;
use super::args::read_text;
use crate::service::{Oidc, OidcSettings, Role};

/// How people sign in to the pages.
#[derive(Args)]
pub(super) struct OidcArgs {
    /// Let people sign in to the pages by this OpenID Connect provider, such as https://id.lan/realms/shop.
    #[arg(long, env = "HOMING_OIDC_ISSUER", value_name = "URL", requires_all = ["oidc_client_id", "public_url"])]
    oidc_issuer: Option<String>,
    /// Name of this service at the identity provider.
    #[arg(long, env = "HOMING_OIDC_CLIENT_ID", value_name = "ID", requires = "oidc_issuer")]
    oidc_client_id: Option<String>,
    /// File with the secret of this service at the identity provider. Without one it is a public client.
    #[arg(long, env = "HOMING_OIDC_CLIENT_SECRET_FILE", value_name = "FILE", requires = "oidc_issuer")]
    oidc_client_secret_file: Option<PathBuf>,
    /// Claim of the ID token with a person's roles; dots lead into objects, such as realm_access.roles.
    #[arg(long, env = "HOMING_OIDC_ROLE_CLAIM", default_value = "roles", value_name = "CLAIM")]
    oidc_role_claim: String,
    /// Roles that values of the claim stand for, such as crm-team=operator. Default: values named like the roles.
    #[arg(long, env = "HOMING_OIDC_ROLES", value_name = "VALUE=ROLE", value_delimiter = ',', value_parser = role)]
    oidc_roles: Vec<(String, Role)>,
    /// Scopes to ask the identity provider for, beside openid.
    #[arg(long, env = "HOMING_OIDC_SCOPES", value_name = "SCOPE", value_delimiter = ',')]
    oidc_scopes: Vec<String>,
    /// Certificates (PEM) of the authority that the identity provider's certificate comes from. Default: public ones.
    #[arg(long, env = "HOMING_OIDC_CA", value_name = "FILE", requires = "oidc_issuer")]
    oidc_ca: Option<PathBuf>,
    /// Address by which browsers reach this service, such as https://homing.lan.
    #[arg(long, env = "HOMING_PUBLIC_URL", value_name = "URL")]
    public_url: Option<String>,
}

/// `VALUE=ROLE`; the role comes after the last `=`.
fn role(text: &str) -> Result<(String, Role), String> {
    let names = Role::ALL.map(Role::name).join(", ");
    let pair = text.rsplit_once('=').filter(|(value, _)| !value.is_empty());
    let (value, name) = pair.ok_or_else(|| "write VALUE=ROLE, such as crm-team=operator".to_owned())?;
    let role = Role::from_name(name).ok_or_else(|| format!("`{name}` is not a role; use one of {names}"))?;
    Ok((value.to_owned(), role))
}

impl OidcArgs {
    /// The provider, where one is set.
    pub fn open(&self) -> anyhow::Result<Option<Oidc>> {
        let (Some(issuer), Some(client_id), Some(public_url)) =
            (&self.oidc_issuer, &self.oidc_client_id, &self.public_url)
        else {
            return Ok(None);
        };
        let secret = self.oidc_client_secret_file.as_deref();
        let settings = OidcSettings {
            issuer: issuer.clone(),
            client_id: client_id.clone(),
            client_secret: secret.map(|file| secret_of("oidc-client-secret-file", file)).transpose()?,
            public_url: public_url.clone(),
            role_claim: self.oidc_role_claim.clone(),
            roles: self.oidc_roles.clone(),
            scopes: self.oidc_scopes.clone(),
            authority: self.oidc_ca.as_deref().map(read_text).transpose()?,
        };
        Ok(Some(Oidc::new(settings).map_err(WrongUse)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_of_the_claim_may_hold_anything_before_its_role() {
        assert_eq!(role("crm=operator"), Ok(("crm".to_owned(), Role::Operator)));
        assert_eq!(role("CN=crm=admin"), Ok(("CN=crm".to_owned(), Role::Admin)));
        for wrong in ["crm", "=admin", "crm=owner", ""] {
            assert!(role(wrong).is_err(), "{wrong}");
        }
    }
}

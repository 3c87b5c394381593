//! Encrypted connections to the server, where the URL asks for them with `sslmode=require`.
//!
//! Stricter than `psql`: what is asked for is also checked. The server's certificate must come from an authority that the
//! machine trusts, or from the one in the PEM file that HOMING_POSTGRES_CA names, and be issued for the host.

use std::path::PathBuf;
use std::sync::Arc;

use tokio_postgres::Config;
use tokio_postgres::config::SslMode;
use tokio_postgres_rustls::MakeRustlsConnect;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};

/// What makes connections encrypted; nothing where the URL does not ask for it.
///
/// # Errors
/// A text for people when there is no authority to trust.
pub(super) fn connector(config: &Config) -> Result<Option<MakeRustlsConnect>, String> {
    connector_trusting(config, std::env::var_os("HOMING_POSTGRES_CA").map(PathBuf::from))
}

/// The same with the file of the authority given.
pub(super) fn connector_trusting(
    config: &Config,
    authority: Option<PathBuf>,
) -> Result<Option<MakeRustlsConnect>, String> {
    if config.get_ssl_mode() != SslMode::Require {
        return Ok(None);
    }
    let mut roots = RootCertStore::empty();
    match authority {
        Some(path) => trust(&mut roots, &path)?,
        None => {
            let found = rustls_native_certs::load_native_certs();
            roots.add_parsable_certificates(found.certs);
        }
    }
    if roots.is_empty() {
        return Err(
            "no trusted CA certificates found on this machine; set HOMING_POSTGRES_CA to a PEM file with the \
             server's CA".into(),
        );
    }
    let provider = Arc::new(crypto::ring::default_provider());
    let client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Some(MakeRustlsConnect::new(client)))
}

fn trust(roots: &mut RootCertStore, path: &std::path::Path) -> Result<(), String> {
    let told = |cause: String| format!("HOMING_POSTGRES_CA ({}): {cause}", path.display());
    for certificate in CertificateDer::pem_file_iter(path).map_err(|error| told(error.to_string()))? {
        let certificate = certificate.map_err(|error| told(error.to_string()))?;
        roots.add(certificate).map_err(|error| told(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(told("no CERTIFICATE section found".to_owned()));
    }
    Ok(())
}

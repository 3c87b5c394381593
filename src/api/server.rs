//! Connections: how many, how long they may idle or stall, TLS, and the end of the service.

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{self, ServerConfig};

use super::connection::Terms;
use crate::service::Limits;
use crate::service::attempts::Peer;

/// Connections past the limit at one time: they are answered about health, and with a 503 otherwise. More are closed without a response.
const RESERVED: usize = 64;
/// Time limit for TLS's handshake on such a connection.
const RESERVED_HANDSHAKE: Duration = Duration::from_secs(2);
/// Pause after the system refused a connection, for example because no file descriptor is left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A certificate or key that TLS cannot work with.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file that holds no certificate or no key in PEM.
    #[error("{path}: no readable {what} in PEM format: {cause}")]
    File {
        /// The file.
        path: String,
        /// `certificate` or `private key`.
        what: &'static str,
        /// What the reader says.
        cause: String,
    },
    /// Certificate and key do not match.
    #[error("certificate {certificate} and key {key} do not match: {cause}")]
    Pair {
        /// The certificate's file.
        certificate: String,
        /// The key's file.
        key: String,
        /// What TLS says.
        cause: String,
    },
}

/// What serves TLS with a certificate chain and its key, both in PEM files.
///
/// # Errors
/// [`TlsError`] that names the file.
pub fn tls(certificate: &Path, key: &Path) -> Result<TlsAcceptor, TlsError> {
    let file = |path: &Path, what, cause: &dyn std::fmt::Display| TlsError::File {
        path: path.display().to_string(),
        what,
        cause: cause.to_string(),
    };
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect)
        .map_err(|error| file(certificate, "certificate", &error))?;
    if chain.is_empty() {
        return Err(file(certificate, "certificate", &"no CERTIFICATE section found"));
    }
    let private = PrivateKeyDer::from_pem_file(key).map_err(|error| file(key, "private key", &error))?;
    let pair = |cause: rustls::Error| TlsError::Pair {
        certificate: certificate.display().to_string(),
        key: key.display().to_string(),
        cause: cause.to_string(),
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(pair)?
        .with_no_client_auth()
        .with_single_cert(chain, private)
        .map_err(pair)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Serves with the default limits until `shutdown` ends; see [`serve_with`].
///
/// # Errors
/// None today; the listener's own once it can fail for good.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    serve_with(listener, router, &Limits::default(), None, shutdown).await
}

/// Serves until `shutdown` ends, then takes no more connections, lets the requests in work end, and returns.
/// Connections that are still open after [`Limits::drain_time`] are cut.
///
/// # Errors
/// None today; the listener's own once it can fail for good.
pub async fn serve_with(
    listener: TcpListener,
    router: Router,
    limits: &Limits,
    tls: Option<TlsAcceptor>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let (stop, stopping) = watch::channel(false);
    let door = Door {
        // Made ready once, not once a connection.
        terms: Terms::new(router.with_state(()), limits, stopping),
        tls,
        connections: Arc::new(Semaphore::new(limits.connections.clamp(1, Semaphore::MAX_PERMITS))),
        reserved: Arc::new(Semaphore::new(RESERVED)),
        addresses: Addresses::default(),
        limits: limits.clone(),
    };
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => door.open(stream, Peer(peer.ip())),
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            () = &mut shutdown => break,
        }
    }
    drop((listener, door));
    tracing::info!("shutting down: finishing running requests, accepting no new ones");
    stop.send_replace(true);
    // Each connection holds on to the other end.
    if timeout(limits.drain_time, stop.closed()).await.is_err() {
        tracing::warn!("some connections did not finish in time and were closed");
    }
    Ok(())
}

/// What takes connections.
struct Door {
    terms: Terms,
    tls: Option<TlsAcceptor>,
    /// One permit a connection.
    connections: Arc<Semaphore>,
    /// One permit a connection past the limit.
    reserved: Arc<Semaphore>,
    addresses: Addresses,
    limits: Limits,
}

impl Door {
    /// Serves a connection, or closes it where there is no room.
    fn open(&self, stream: TcpStream, peer: Peer) {
        // Without it a small reply may wait for the acknowledgement of the one before.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "cannot set TCP_NODELAY on a connection");
        }
        let Some(place) = Place::take(&self.addresses, peer, self.limits.address_connections) else {
            tracing::debug!("too many connections from one address; closed");
            return;
        };
        let permit = self.connections.clone().try_acquire_owned();
        let (permit, full) = match permit {
            Ok(permit) => (permit, None),
            // Past the limit only health and metrics are answered; past that, nothing.
            Err(_) => match self.reserved.clone().try_acquire_owned() {
                Ok(permit) => (permit, Some(self.limits.connections)),
                Err(_) => return,
            },
        };
        let (terms, tls, head_time) = (self.terms.clone(), self.tls.clone(), self.limits.head_time);
        tokio::spawn(async move {
            let (_permit, _place) = (permit, place);
            let Some(tls) = tls else { return terms.serve(stream, peer, None, full).await };
            let head_time = if full.is_some() { head_time.min(RESERVED_HANDSHAKE) } else { head_time };
            match timeout(head_time, tls.accept(stream)).await {
                Ok(Ok(stream)) => {
                    let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                    terms.serve(stream, peer, Some(http2), full).await;
                }
                Ok(Err(error)) => tracing::debug!(%error, "TLS handshake failed"),
                Err(_) => tracing::debug!("TLS handshake took too long"),
            }
        });
    }
}

/// Open connections by address.
type Addresses = Arc<Mutex<HashMap<IpAddr, usize>>>;

/// A connection's place among those of its address.
struct Place {
    addresses: Addresses,
    address: Option<IpAddr>,
}

impl Place {
    /// `None` when the address has as many connections as it may. Those of this machine are not counted.
    fn take(addresses: &Addresses, Peer(address): Peer, limit: usize) -> Option<Place> {
        let address = Some(address.to_canonical()).filter(|address| !address.is_loopback());
        if let Some(address) = address {
            let mut open = addresses.lock().unwrap_or_else(PoisonError::into_inner);
            let count = open.entry(address).or_default();
            if *count >= limit {
                return None;
            }
            *count += 1;
        }
        Some(Place { addresses: addresses.clone(), address })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(address) = self.address else { return };
        let mut open = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                open.remove(&address);
            }
        }
    }
}

/// Ends when the process is asked to stop: by ctrl-c, or on Unix by SIGTERM.
pub async fn stop_signal() {
    let ctrl_c = async {
        if let Err(error) = tokio::signal::ctrl_c().await {
            tracing::warn!(%error, "cannot listen for ctrl-c");
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    let term = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut term) => {
                term.recv().await;
            }
            Err(error) => {
                tracing::warn!(%error, "cannot listen for SIGTERM");
                std::future::pending::<()>().await;
            }
        }
    };
    #[cfg(not(unix))]
    let term = std::future::pending::<()>();
    tokio::select! {
        () = ctrl_c => {}
        () = term => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_cannot_take_all_connections() {
        let addresses = Addresses::default();
        let take = |text: &str| Place::take(&addresses, Peer(text.parse().unwrap()), 2);
        let (first, second) = (take("192.0.2.1"), take("::ffff:192.0.2.1"));
        assert!(first.is_some() && second.is_some() && take("192.0.2.1").is_none());
        assert!(take("192.0.2.2").is_some());
        drop(first);
        assert!(take("192.0.2.1").is_some());
        let proxy: Vec<_> = (0..9).map(|_| take("127.0.0.1")).collect();
        assert!(proxy.iter().all(Option::is_some), "the callers of a proxy share its address");
        drop((second, proxy));
        assert!(addresses.lock().unwrap().is_empty());
    }
}

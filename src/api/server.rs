//! Connections: how many, how long they may idle or stall, TLS, and the end of the service.

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{Sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{self, ServerConfig};

use crate::service::Limits;
use crate::service::attempts::Peer;
use crate::service::problem::{Code, MEDIA_TYPE, Problem};

/// Connections past the limit that get a 503 at one time; more are closed without a response.
const REFUSALS: usize = 64;
/// Time limit for sending that 503.
const REFUSAL_TIME: Duration = Duration::from_secs(2);
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
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(pair)?
        .with_no_client_auth()
        .with_single_cert(chain, private)
        .map_err(pair)?;
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
    // Made ready once, not once a connection.
    let router = router.with_state(());
    let connections = Arc::new(Semaphore::new(limits.connections.clamp(1, Semaphore::MAX_PERMITS)));
    let refusals = Arc::new(Semaphore::new(REFUSALS));
    let addresses = Addresses::default();
    let graceful = GracefulShutdown::new();
    let mut protocol = http1::Builder::new();
    protocol.timer(TokioTimer::new()).header_read_timeout(limits.head_time);
    let (head_time, write_time) = (limits.head_time, limits.write_time);
    let mut shutdown = pin!(shutdown);
    loop {
        let (stream, peer) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => (stream, Peer(peer.ip())),
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
            () = &mut shutdown => break,
        };
        // Without it a small reply may wait for the acknowledgement of the one before.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "cannot set TCP_NODELAY on a connection");
        }
        let Some(place) = Place::take(&addresses, peer, limits.address_connections) else {
            tracing::debug!("too many connections from one address; closed");
            continue;
        };
        let Ok(permit) = connections.clone().try_acquire_owned() else {
            if let (Ok(permit), None) = (refusals.clone().try_acquire_owned(), &tls) {
                let limit = limits.connections;
                tokio::spawn(async move {
                    let _permit = permit;
                    // A caller who does not listen is not waited for.
                    let _ = timeout(REFUSAL_TIME, refuse(stream, limit)).await;
                });
            }
            continue;
        };
        let (router, protocol, tls, watcher) =
            (router.clone(), protocol.clone(), tls.clone(), graceful.watcher());
        tokio::spawn(async move {
            let (_permit, _place) = (permit, place);
            let service = Addressed { service: TowerToHyperService::new(router), peer };
            let ended = match tls {
                None => {
                    let io = TokioIo::new(Stalling::new(stream, write_time));
                    watcher.watch(protocol.serve_connection(io, service)).await
                }
                Some(tls) => match timeout(head_time, tls.accept(stream)).await {
                    Ok(Ok(stream)) => {
                        let io = TokioIo::new(Stalling::new(stream, write_time));
                        watcher.watch(protocol.serve_connection(io, service)).await
                    }
                    Ok(Err(error)) => {
                        tracing::debug!(%error, "TLS handshake failed");
                        return;
                    }
                    Err(_) => return,
                },
            };
            if let Err(error) = ended {
                tracing::debug!(%error, "connection closed with an error");
            }
        });
    }
    drop(listener);
    tracing::info!("shutting down: finishing running requests, accepting no new ones");
    if timeout(limits.drain_time, graceful.shutdown()).await.is_err() {
        tracing::warn!("some connections did not finish in time and were closed");
    }
    Ok(())
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

/// Tells the handlers who is at the other end of a connection.
struct Addressed {
    service: TowerToHyperService<Router>,
    peer: Peer,
}

impl hyper::service::Service<Request<Incoming>> for Addressed {
    type Response = <TowerToHyperService<Router> as hyper::service::Service<Request<Incoming>>>::Response;
    type Error = <TowerToHyperService<Router> as hyper::service::Service<Request<Incoming>>>::Error;
    type Future = <TowerToHyperService<Router> as hyper::service::Service<Request<Incoming>>>::Future;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        request.extensions_mut().insert(self.peer);
        self.service.call(request)
    }
}

/// Responds that there are too many connections.
async fn refuse(mut stream: TcpStream, limit: usize) -> io::Result<()> {
    let detail = format!("connection limit ({limit}) reached; retry shortly");
    let body = Problem::new(Code::Overloaded, detail).document().to_string();
    let reply = format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: {MEDIA_TYPE}\r\nretry-after: 1\r\n\
         cache-control: no-store\r\nx-content-type-options: nosniff\r\nconnection: close\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(reply.as_bytes()).await?;
    stream.shutdown().await?;
    // What was sent meanwhile is read away: closing on unread bytes would take the reply back.
    let mut rest = [0; 4096];
    while stream.read(&mut rest).await? > 0 {}
    Ok(())
}

/// A stream that fails when its peer reads nothing for too long.
struct Stalling<S> {
    stream: S,
    patience: Duration,
    waiting: Option<Pin<Box<Sleep>>>,
}

impl<S> Stalling<S> {
    fn new(stream: S, patience: Duration) -> Self {
        Stalling { stream, patience, waiting: None }
    }

    /// Passes on what a write said; a write that has waited too long fails.
    fn patient<T>(&mut self, written: Poll<io::Result<T>>, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.waiting = None;
            return written;
        }
        let patience = self.patience;
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(tokio::time::sleep(patience)));
        match waiting.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Stalling<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Stalling<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.patient(written, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.patient(written, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        self.patient(flushed, context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let ended = Pin::new(&mut self.stream).poll_shutdown(context);
        self.patient(ended, context)
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

//! Signing in and out, and who may see the pages.

use std::sync::Arc;

use askama::Template;
use axum::extract::rejection::FormRejection;
use axum::extract::{Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use axum::{Extension, Form};
use serde::Deserialize;

use super::asked::{Asked, Link};
use super::forms::seen;
use super::frame::{Frame, Place};
use super::message;
use super::state::{Web, written};
use super::words::t;
use crate::service::access::Caller;
use crate::service::attempts::Peer;
use crate::service::exposure::comes_from_elsewhere;
use crate::service::oidc::{Refused, Returned};
use crate::service::problem::clip;
use crate::service::sessions::{self, NotSignedIn, SignedIn};
use crate::service::{App, Code, Problem, Role};

#[derive(Template)]
#[template(path = "sign_in.html", config = "src/web/askama.toml")]
struct SignIn {
    frame: Frame,
    action: Link,
    /// The page to show afterwards.
    next: String,
    /// Whether the key that was sent is invalid.
    wrong: bool,
    /// Where to sign in by the identity provider, if there is one.
    provider: Option<Link>,
}

/// The form; the status says that what was asked for needs a key.
fn form(web: &Web, asked: &Asked, next: String, wrong: bool) -> Response {
    let frame = Frame::new(asked, None, t!(asked.lang, "sign-in"));
    let provider = web.app.oidc.is_some().then(|| asked.link("/signin/oidc").with("next", &next));
    let page = SignIn { frame, action: asked.link("/signin"), next, wrong, provider };
    let mut response = written(StatusCode::UNAUTHORIZED, &page);
    response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    response
}

/// A path of this site to go on to: nothing that a browser could take for another site's address.
pub(super) fn own_path(next: &str) -> &str {
    let plain = next.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if plain && next.starts_with('/') && !next.starts_with("//") { next } else { Place::Today.path() }
}

/// The pages show personal data: whoever looks at them has signed in, or sends the key of a reader.
pub(super) async fn access(State(web): State<Arc<Web>>, mut request: Request, next: Next) -> Response {
    let caller = caller(&web, request.headers()).await;
    let asked = || Asked::of(request.uri(), request.headers());
    match caller {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(problem) if problem.code == Code::Unauthorized => {
            let asked = asked().signed_out();
            let shown = matches!(*request.method(), Method::GET | Method::HEAD);
            let next = if shown { asked.here().to_string() } else { Place::Today.path().to_owned() };
            let mut response = form(&web, &asked, next, false);
            // A link on another site leads here without the session's cookie. Asked again by this page, the browser sends it.
            if shown && comes_from_elsewhere(request.headers()) {
                response.headers_mut().insert(header::REFRESH, HeaderValue::from_static("0"));
            }
            response
        }
        Err(problem) if problem.code == Code::Forbidden => message::forbidden(&asked(), Role::Reader),
        Err(problem) => message::problem(&web, &asked(), problem.code),
    }
}

/// Who asks for a page.
async fn caller(web: &Arc<Web>, headers: &HeaderMap) -> Result<Caller, Problem> {
    let app = &web.app;
    if app.demands_keys()
        && !headers.contains_key(header::AUTHORIZATION)
        && let Some(token) = sessions::token(headers, app.exposure.tls())
    {
        let token = token.to_owned();
        return app.work(move |app| app.signed_in(&token)).await;
    }
    app.access.admit(headers, Some(Role::Reader), app.now())
}

/// Answers `GET /signin`.
pub(super) async fn page(State(web): State<Arc<Web>>, uri: Uri, headers: HeaderMap) -> Response {
    let asked = Asked::of(&uri, &headers);
    let next = own_path(asked.get("next").unwrap_or("/")).to_owned();
    if !web.app.demands_keys() || caller(&web, &headers).await.is_ok() {
        return Redirect::to(&next).into_response();
    }
    let mut response = form(&web, &asked.signed_out(), next, false);
    *response.status_mut() = StatusCode::OK;
    response
}

#[derive(Deserialize)]
pub(super) struct Sent {
    key: String,
    #[serde(default)]
    next: String,
}

/// Answers `POST /signin`.
pub(super) async fn sign_in(
    State(web): State<Arc<Web>>,
    uri: Uri,
    peer: Option<Extension<Peer>>,
    headers: HeaderMap,
    sent: Result<Form<Sent>, FormRejection>,
) -> Response {
    let asked = Asked::of(&uri, &headers).signed_out();
    let Ok(Form(Sent { key, next })) = sent else { return message::stale_form(&asked) };
    let next = own_path(&next).to_owned();
    if !web.app.demands_keys() {
        return Redirect::to(&next).into_response();
    }
    let begun = web.app.work(move |app| app.sign_in(&key, peer.map(|Extension(peer)| peer))?.header()).await;
    match begun {
        Ok(cookie) => {
            let mut response = Redirect::to(&next).into_response();
            response.headers_mut().insert(header::SET_COOKIE, cookie);
            response
        }
        Err(problem) if problem.code == Code::Unauthorized => form(&web, &asked, next, true),
        Err(problem) if problem.code == Code::Forbidden => message::forbidden(&asked, Role::Reader),
        Err(problem) if problem.code == Code::TooManyRequests => {
            message::too_many_attempts(&asked, problem.retry_after_s.unwrap_or(1))
        }
        Err(problem) => message::problem(&web, &asked, problem.code),
    }
}

/// Answers `POST /signout`.
pub(super) async fn sign_out(State(web): State<Arc<Web>>, uri: Uri, headers: HeaderMap) -> Response {
    let asked = Asked::of(&uri, &headers);
    let token = sessions::token(&headers, web.app.exposure.tls()).map(str::to_owned);
    match web.app.work(move |app| app.sign_out(token.as_deref())?.header()).await {
        Ok(cookie) => {
            let mut response = seen(&asked.link("/signin"));
            response.headers_mut().insert(header::SET_COOKIE, cookie);
            response
        }
        Err(problem) => message::problem(&web, &asked, problem.code),
    }
}

#[derive(Template)]
#[template(path = "signed_in.html", config = "src/web/askama.toml")]
struct SignedInPage {
    frame: Frame,
    next: String,
}

/// Asks the provider, away from the threads that serve requests, and not too often at one time.
async fn ask_provider<T: Send + 'static>(
    web: &Web,
    ask: impl FnOnce(&App) -> Result<T, NotSignedIn> + Send + 'static,
) -> Result<T, NotSignedIn> {
    let app = web.app.clone();
    let Ok(permit) = app.provider_room.clone().try_acquire_owned() else {
        return Err(Problem::new(Code::Overloaded, "too many sign-ins at a time; retry shortly").into());
    };
    let done = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        ask(&app)
    });
    done.await.map_err(|error| NotSignedIn::from(Problem::internal(&error)))?
}

/// Answers `GET /signin/oidc`: leads to the identity provider.
pub(super) async fn begin_oidc(State(web): State<Arc<Web>>, uri: Uri, headers: HeaderMap) -> Response {
    let asked = Asked::of(&uri, &headers).signed_out();
    if web.app.oidc.is_none() {
        return Redirect::to(&asked.link("/signin").to_string()).into_response();
    }
    let next = own_path(asked.get("next").unwrap_or("/")).to_owned();
    let begun = ask_provider(&web, move |app| {
        let (url, cookie) = app.begin_oidc(&next)?;
        Ok((url, cookie.header()?))
    });
    match begun.await {
        Ok((url, cookie)) => {
            let mut response = Redirect::to(&url).into_response();
            response.headers_mut().insert(header::SET_COOKIE, cookie);
            response
        }
        Err(cause) => not_signed_in(&web, &asked, cause),
    }
}

/// Answers `GET /signin/oidc/callback`: the identity provider leads back here.
pub(super) async fn finish_oidc(State(web): State<Arc<Web>>, uri: Uri, headers: HeaderMap) -> Response {
    // Links on the page must not repeat what the provider sent.
    let asked = Asked::of(&Uri::from_static("/signin"), &headers).signed_out();
    let Ok(sent) = parameters(&uri) else {
        return not_signed_in(&web, &asked, NotSignedIn::Refused(Refused::Stale));
    };
    let done = ask_provider(&web, move |app| {
        let SignedIn { session, attempt, next } = app.finish_oidc(&headers, &sent)?;
        Ok((session.header()?, attempt.header()?, next))
    });
    let (session, attempt, next) = match done.await {
        Ok(done) => done,
        Err(cause) => {
            let mut response = not_signed_in(&web, &asked, cause);
            if let Ok(cookie) = web.app.end_of_attempt().header() {
                response.headers_mut().append(header::SET_COOKIE, cookie);
            }
            return response;
        }
    };
    // The session's cookie goes with requests of our own pages only, and this one was made by the provider's: so our page goes on.
    let frame = Frame::new(&asked, None, t!(asked.lang, "signed-in"));
    let refresh = HeaderValue::from_str(&format!("0; url={next}"));
    let mut response = written(StatusCode::OK, &SignedInPage { frame, next });
    let headers = response.headers_mut();
    headers.append(header::SET_COOKIE, session);
    headers.append(header::SET_COOKIE, attempt);
    if let Ok(refresh) = refresh {
        headers.insert(header::REFRESH, refresh);
    }
    response
}

/// What the provider leads back with; a parameter that is there twice could be read in two ways.
fn parameters(uri: &Uri) -> Result<Returned, ()> {
    let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri).map_err(|_| ())?;
    let mut returned = Returned::default();
    for (name, value) in pairs {
        let place = match name.as_str() {
            "code" => &mut returned.code,
            "state" => &mut returned.state,
            "iss" => &mut returned.iss,
            "error" => &mut returned.error,
            _ => continue,
        };
        if place.replace(value).is_some() {
            return Err(());
        }
    }
    Ok(returned)
}

/// Says why nobody is signed in; the cause is in the log, for who runs the service.
fn not_signed_in(web: &Web, asked: &Asked, cause: NotSignedIn) -> Response {
    let lang = asked.lang;
    let (status, advice) = match cause {
        NotSignedIn::Problem(problem) if problem.code == Code::Forbidden => {
            (StatusCode::FORBIDDEN, t!(lang, "oidc-no-role"))
        }
        NotSignedIn::Problem(problem) => return message::problem(web, asked, problem.code),
        NotSignedIn::Refused(Refused::Stale) => (StatusCode::BAD_REQUEST, t!(lang, "oidc-stale")),
        NotSignedIn::Refused(Refused::NoRole) => {
            tracing::info!("sign-in refused: the identity provider gives the person no role of homing");
            (StatusCode::FORBIDDEN, t!(lang, "oidc-no-role"))
        }
        NotSignedIn::Refused(Refused::Denied(error)) => {
            tracing::info!(error = clip(&error), "sign-in refused by the identity provider");
            (StatusCode::UNAUTHORIZED, t!(lang, "oidc-denied"))
        }
        NotSignedIn::Refused(Refused::Provider(cause)) => {
            tracing::warn!(cause, "sign-in failed at the identity provider");
            (StatusCode::BAD_GATEWAY, t!(lang, "oidc-provider"))
        }
    };
    message::sign_in_failed(asked, status, advice)
}

#[cfg(test)]
mod tests {
    use super::own_path;

    #[test]
    fn signing_in_leads_nowhere_but_to_our_own_pages() {
        for path in ["/", "/call?tier.member=x&lang=zh", "/customers/a%2Fb"] {
            assert_eq!(own_path(path), path);
        }
        for elsewhere in [
            "",
            "//evil.test",
            "/\\evil.test",
            "https://evil.test",
            "javascript:alert(1)",
            "call",
            "/\t/evil.test",
        ] {
            assert_eq!(own_path(elsewhere), "/", "{elsewhere}");
        }
    }
}

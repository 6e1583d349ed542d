//! What the HTTP service answers: commands by POST, metrics by GET, and refusals.
//!
//! As OpenSIPS: a reply to JSON-RPC is a 200 also when it is an error, a notification is a 202,
//! another method than that of the page a 405.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, HttpBody};
use axum::extract::{Request, State};
use axum::http::header::{ALLOW, AUTHORIZATION, CONTENT_TYPE, ORIGIN, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use data_encoding::BASE64;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::connections::{Activity, Busy};
use super::{HttpOptions, Login};
use crate::limits::{HTTP_BODY, HTTP_DRAIN, MI_REQUESTS};
use crate::mi::{Management, jsonrpc};

const JSON: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";
/// Prometheus' text format.
const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The pages of a service.
pub(super) fn router(options: HttpOptions, management: Arc<Management>) -> Router {
    let (commands, metrics) = (options.commands.clone(), options.metrics.clone());
    let desk = Desk { options, management, places: Semaphore::new(MI_REQUESTS) };
    let desk = Arc::new(desk);
    let mut router = Router::new();
    if let Some(page) = commands {
        router = router.route(&format!("/{}", page.root), any(command));
    }
    if let Some(page) = metrics {
        router = router.route(&format!("/{}", page.root), any(scrape));
    }
    let router = router.fallback(nowhere).with_state(Arc::clone(&desk));
    router.layer(from_fn_with_state(desk, guard))
}

struct Desk {
    options: HttpOptions,
    management: Arc<Management>,
    /// So many commands run beside each other; others wait.
    places: Semaphore,
}

/// Who may not ask is refused before anything is read.
async fn guard(State(desk): State<Arc<Desk>>, request: Request, next: Next) -> Response {
    // A page of another site could make a browser on this machine post commands. It cannot leave
    // out where it comes from (Fetch, 3.2).
    if request.headers().contains_key(ORIGIN) {
        return plain(StatusCode::FORBIDDEN, "requests of web pages are not taken");
    }
    match &desk.options.login {
        Some(login) if !login.is_of(request.headers()) => {
            let realm = login.realm.replace(['"', '\\'], "");
            let asked = format!("Basic realm=\"{realm}\", charset=\"UTF-8\"");
            let asked = HeaderValue::from_str(&asked);
            let refused = plain(StatusCode::UNAUTHORIZED, "name and password are needed");
            with(refused, WWW_AUTHENTICATE, asked.unwrap_or(HeaderValue::from_static("Basic")))
        }
        _ => next.run(request).await,
    }
}

impl Login {
    /// Whether a request carries the name and the password.
    fn is_of(&self, headers: &HeaderMap) -> bool {
        let given = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let words = given.and_then(|given| given.split_once(' '));
        let encoded = words.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"));
        let decoded = encoded.and_then(|(_, word)| BASE64.decode(word.trim().as_bytes()).ok());
        decoded.is_some_and(|decoded| is_same(&decoded, self.credentials.as_bytes()))
    }
}

/// Takes as long for a wrong first byte as for a wrong last one.
fn is_same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |differ, (a, b)| differ | (a ^ b)) == 0
}

/// A command or a batch of them, by POST.
async fn command(State(desk): State<Arc<Desk>>, request: Request) -> Response {
    if request.method() != "POST" {
        let refused = plain(StatusCode::METHOD_NOT_ALLOWED, "commands are JSON-RPC, by POST");
        return with(refused, ALLOW, HeaderValue::from_static("POST"));
    }
    let (limit, of) = (desk.options.request_max, activity(&request));
    let body = match collect(request.into_body(), limit, desk.patience()).await {
        Ok(body) if body.is_empty() => {
            return plain(StatusCode::BAD_REQUEST, "there is no command in the request");
        }
        Ok(body) => body,
        Err(Incomplete::Large) => {
            let told = jsonrpc::text(&jsonrpc::too_long(limit), false);
            return page(StatusCode::PAYLOAD_TOO_LARGE, JSON, told);
        }
        Err(Incomplete::Slow) => {
            return plain(StatusCode::REQUEST_TIMEOUT, "the request came too slowly");
        }
        Err(Incomplete::Broken) => {
            return plain(StatusCode::BAD_REQUEST, "the request is not complete");
        }
    };
    let pretty = desk.options.commands.as_ref().is_some_and(|page| page.pretty);
    let management = Arc::clone(&desk.management);
    let answer = desk.run(of, move || {
        let reply = jsonrpc::reply(&body, |command, params| management.run(command, params));
        reply.map(|reply| jsonrpc::text(&reply, pretty))
    });
    match answer.await {
        Some(Some(text)) => desk.page(JSON, text),
        Some(None) => StatusCode::ACCEPTED.into_response(),
        None => {
            let told = jsonrpc::text(&jsonrpc::broken(), pretty);
            page(StatusCode::INTERNAL_SERVER_ERROR, JSON, told)
        }
    }
}

/// The metrics, by GET.
async fn scrape(State(desk): State<Arc<Desk>>, request: Request) -> Response {
    if request.method() != "GET" && request.method() != "HEAD" {
        let refused = plain(StatusCode::METHOD_NOT_ALLOWED, "metrics are read by GET");
        return with(refused, ALLOW, HeaderValue::from_static("GET"));
    }
    let whole = Arc::clone(&desk);
    let answer = desk.run(activity(&request), move || {
        let shown = whole.options.metrics.as_ref();
        shown.map(|page| whole.management.metrics(&page.options)).unwrap_or_default()
    });
    match answer.await {
        Some(text) => desk.page(METRICS, text),
        None => plain(StatusCode::INTERNAL_SERVER_ERROR, "the metrics cannot be read"),
    }
}

async fn nowhere(State(desk): State<Arc<Desk>>) -> Response {
    let commands = desk.options.commands.iter().map(|page| format!("POST /{}\n", page.root));
    let metrics = desk.options.metrics.iter().map(|page| format!("GET /{}\n", page.root));
    let known: String = commands.chain(metrics).collect();
    plain(StatusCode::NOT_FOUND, &format!("there is no such page; these there are:\n{known}"))
}

impl Desk {
    /// How long the body of a request may take.
    fn patience(&self) -> Duration {
        self.options.idle.map_or(HTTP_BODY, |idle| idle.min(HTTP_BODY))
    }

    /// Does something for a connection that may block; `None` if it panicked.
    async fn run<T: Send + 'static>(
        &self,
        of: Option<Arc<Activity>>,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let _busy = of.map(Busy::with);
        let _place = self.places.acquire().await.ok()?;
        tokio::task::spawn_blocking(work).await.ok()
    }

    /// A page, unless it is longer than pages may be.
    fn page(&self, kind: &'static str, text: String) -> Response {
        let (bytes, limit) = (text.len(), self.options.reply_max);
        if bytes <= limit {
            return page(StatusCode::OK, kind, text);
        }
        let told = format!("the reply has {bytes} bytes, and buf_size is {limit}");
        plain(StatusCode::INTERNAL_SERVER_ERROR, &told)
    }
}

/// Why there is no whole body.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Incomplete {
    Large,
    Slow,
    Broken,
}

/// The body of a request. Of one that is too long the rest is read and dropped, as far as it is
/// bearable: who still writes would not see the answer.
async fn collect(mut body: Body, limit: usize, within: Duration) -> Result<Vec<u8>, Incomplete> {
    let mut whole = Vec::new();
    let reading = async {
        let mut length = 0_usize;
        while let Some(frame) = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await
        {
            let frame = frame.map_err(|_| Incomplete::Broken)?;
            let Ok(bytes) = frame.into_data() else { continue };
            length = length.saturating_add(bytes.len());
            if length <= limit {
                whole.extend_from_slice(&bytes);
            } else if length > limit.saturating_add(HTTP_DRAIN) {
                break;
            }
        }
        if length <= limit { Ok(()) } else { Err(Incomplete::Large) }
    };
    timeout(within, reading).await.unwrap_or(Err(Incomplete::Slow))?;
    Ok(whole)
}

/// The connection that a request has come by.
fn activity(request: &Request) -> Option<Arc<Activity>> {
    request.extensions().get().cloned()
}

fn plain(status: StatusCode, text: &str) -> Response {
    page(status, TEXT, format!("{}\n", text.trim_end()))
}

fn page(status: StatusCode, kind: &'static str, text: String) -> Response {
    (status, [(CONTENT_TYPE, HeaderValue::from_static(kind))], text).into_response()
}

fn with(mut response: Response, name: HeaderName, value: HeaderValue) -> Response {
    response.headers_mut().insert(name, value);
    response
}

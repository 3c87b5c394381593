//! `GET /docs`: the OpenAPI document as a self-contained page without scripts.

use std::fmt::Write;
use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::{Html, IntoResponse, Response};
use serde_json::Value;

use super::openapi;
use crate::service::App;

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222;background:#fff}\
code,pre{font:14px/1.45 ui-monospace,monospace}pre{overflow:auto;background:#f4f4f1;padding:.75rem}\
h2{margin-top:2.5rem}table{border-collapse:collapse}td,th{text-align:left;vertical-align:top;padding:.25rem .75rem .25rem 0}\
@media(prefers-color-scheme:dark){body{color:#ddd;background:#1b1b1b}pre{background:#262626}a{color:#8bc}}";

/// Answers `GET /docs`.
pub(super) async fn docs(State(app): State<Arc<App>>) -> Response {
    let engine = app.engine().ok();
    let document = openapi::document(engine.as_ref().map(|engine| engine.model()), app.limits());
    let policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'";
    ([(header::CONTENT_SECURITY_POLICY, policy)], Html(page(&document))).into_response()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Text whose `code` is marked up.
fn prose(text: &str) -> String {
    let text = escaped(text);
    let mut out = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some((before, (code, after))) =
        rest.split_once('`').and_then(|(before, after)| Some((before, after.split_once('`')?)))
    {
        out.extend([before, "<code>", code, "</code>"]);
        rest = after;
    }
    out + rest
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

/// A JSON value as preformatted text, with a link at each reference.
fn pre(value: &Value) -> String {
    let json = escaped(&format!("{value:#}"));
    let mut out = String::with_capacity(json.len());
    let mut rest = json.as_str();
    while let Some((before, after)) = rest.split_once("#/components/schemas/") {
        let name = after.split('&').next().unwrap_or_default();
        let _ = write!(out, "{before}<a href=\"#{name}\">#/components/schemas/{name}</a>");
        rest = &after[name.len()..];
    }
    format!("<pre>{out}{rest}</pre>")
}

fn page(document: &Value) -> String {
    let mut out = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><title>homing API</title><style>{STYLE}</style><main><h1>homing \
         API</h1><p>{}</p><p>Machine-readable version: <a href=\"/openapi.json\">/openapi.json</a></p>",
        prose(text(&document["info"], "description"))
    );
    // Writing to a string cannot fail.
    for (path, item) in document["paths"].as_object().into_iter().flatten() {
        for (method, operation) in item.as_object().into_iter().flatten() {
            let method = method.to_uppercase();
            let _ = write!(
                out,
                "<h2 id=\"{}\"><code>{method} {}</code></h2><p>{}. {}</p><p>Role: {}</p>",
                escaped(text(operation, "operationId")),
                escaped(path),
                prose(text(operation, "summary")),
                prose(text(operation, "description")),
                escaped(text(operation, "x-role")),
            );
            let parameters = operation["parameters"].as_array().map_or(&[][..], Vec::as_slice);
            if !parameters.is_empty() {
                out.push_str("<table>");
                for parameter in parameters {
                    let _ = write!(
                        out,
                        "<tr><td><code>{}</code></td><td>{}</td><td>{}</td></tr>",
                        escaped(text(parameter, "name")),
                        text(parameter, "in"),
                        prose(text(parameter, "description"))
                    );
                }
                out.push_str("</table>");
            }
            let body = &operation["requestBody"]["content"]["application/json"]["schema"];
            if !body.is_null() {
                let _ = write!(out, "<p>Body:</p>{}", pre(body));
            }
            out.push_str("<table>");
            for (status, response) in operation["responses"].as_object().into_iter().flatten() {
                let _ = write!(
                    out,
                    "<tr><td>{status}</td><td>{}</td></tr>",
                    prose(text(response, "description"))
                );
            }
            out.push_str("</table>");
            let reply = &operation["responses"]["200"]["content"]["application/json"]["schema"];
            if !reply.is_null() {
                let _ = write!(out, "<p>Reply:</p>{}", pre(reply));
            }
        }
    }
    out.push_str("<h1>Schemas</h1>");
    for (name, schema) in document["components"]["schemas"].as_object().into_iter().flatten() {
        let _ = write!(out, "<h2 id=\"{0}\">{0}</h2>{1}", escaped(name), pre(schema));
    }
    out + "</main></html>"
}

#[cfg(test)]
mod tests {
    use super::prose;

    #[test]
    fn backquotes_become_code_and_nothing_else_is_markup() {
        assert_eq!(prose("`a<b` and `c`"), "<code>a&lt;b</code> and <code>c</code>");
        assert_eq!(prose("one ` mark"), "one ` mark");
    }
}

//! `/v1/models`: the models of the registry, listed, promoted, rolled back, compared in shadow.

use std::sync::Arc;

use axum::Extension;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use homing_models::Alias;
use serde::Serialize;

use super::reply::json;
use crate::scoring::ModelInfo;
use crate::service::access::Caller;
use crate::service::{App, Code, Problem};

#[derive(Serialize)]
struct Listed {
    models: Vec<Model>,
}

#[derive(Serialize)]
struct Model {
    #[serde(flatten)]
    info: ModelInfo,
    aliases: Vec<Alias>,
    in_use: bool,
}

/// Answers `GET /v1/models`: every model of the registry that can be read, and the one in use.
pub(super) async fn list(State(app): State<Arc<App>>) -> Result<Response, Problem> {
    app.work(move |app| {
        let serving = app.engine().ok().map(|engine| engine.model().clone());
        let mut models = Vec::new();
        for entry in app.registry().into_iter().flat_map(homing_models::Registry::list) {
            match entry {
                Ok(entry) => {
                    let info = ModelInfo::of(&entry.manifest);
                    let in_use = serving.as_ref().is_some_and(|model| model.id == info.id);
                    models.push(Model { info, aliases: entry.aliases, in_use });
                }
                Err(error) => tracing::warn!(%error, "cannot read a model in the registry"),
            }
        }
        if let Some(info) = serving.filter(|_| !models.iter().any(|model| model.in_use)) {
            models.push(Model { info, aliases: Vec::new(), in_use: true });
        }
        json(&Listed { models })
    })
    .await
}

#[derive(Serialize)]
struct Put<'a> {
    model: &'a ModelInfo,
    before: Option<String>,
}

/// Answers `POST /v1/models/{version}/promote`: the version becomes the champion and answers from now on.
pub(super) async fn promote(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    version: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let Path(version) = version.map_err(|_| {
        Problem::new(Code::BadParameter, "`version` in the path is not valid UTF-8")
            .with("parameter", "version")
    })?;
    app.work(move |app| {
        let (model, before) = app.promote_model(&caller, &version)?;
        json(&Put { model: &model, before })
    })
    .await
}

/// Answers `POST /v1/models/rollback`: the champion before this one answers again.
pub(super) async fn rollback(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
) -> Result<Response, Problem> {
    app.work(move |app| {
        let (model, before) = app.rollback_model(&caller)?;
        json(&Put { model: &model, before })
    })
    .await
}

#[derive(Serialize)]
struct Compared {
    shadow: Vec<homing_profiles::shadow::Summary>,
}

/// Answers `GET /v1/models/shadow`: the challengers' scores compared with the champions'.
pub(super) async fn shadow(State(app): State<Arc<App>>) -> Result<Response, Problem> {
    app.work(|app| json(&Compared { shadow: app.store().shadow_summary()? })).await
}

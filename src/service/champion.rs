//! Which model serves: the champion of the registry is followed, promoted and rolled back while requests run.

use std::sync::{PoisonError, TryLockError};

use homing_models::{Alias, Registry};

use super::access::Caller;
use super::app::App;
use super::models::Models;
use super::problem::{Code, Problem, clip};
use crate::scoring::{ModelInfo, Score as _};
use homing_profiles::access::AuditEntry;

impl App {
    fn models(&self) -> Result<&Models, Problem> {
        self.models.as_ref().ok_or_else(|| {
            Problem::new(
                Code::ModelPinned,
                "this service runs without a registry, so its model cannot be changed; restart it with --registry",
            )
        })
    }

    /// Reads the registry once, and loads the models its aliases point at now. Requests in flight finish
    /// with the model they started with. If a model cannot be loaded, the serving one stays.
    ///
    /// # Errors
    /// [`homing_models::Error`] of a model that cannot be loaded.
    pub fn follow_registry(&self) -> Result<(), homing_models::Error> {
        let Some(models) = self.models.as_ref().filter(|models| !models.pinned) else { return Ok(()) };
        // Whoever swaps models now may wait for an object store; the next look is soon.
        let _one = match self.swapping.try_lock() {
            Ok(one) => one,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return Ok(()),
        };
        let Some(name) = models.name() else { return Ok(()) };
        let champion = models.registry.version(&name, Alias::Champion);
        let serving = self.engine().ok().map(|engine| engine.model().id.clone());
        if let Some(version) = champion
            && serving.as_deref() != Some(&format!("{name}@{version}"))
        {
            let engine = models.load(&name, &version)?;
            tracing::info!(model = %engine.model().id, "now serving a new model");
            // Promoted on the command line or by another server: this server did not note it yet.
            let entry = AuditEntry {
                at: self.now(),
                key_id: None,
                action: "model.follow".to_owned(),
                customer_id: None,
                detail: engine.model().id.to_string(),
            };
            if let Err(error) = self.store().audit(&[entry]) {
                tracing::warn!(%error, "cannot note in the audit log that the model changed");
            }
            self.set_engine(Some(engine));
        }
        let challenger = models.registry.version(&name, Alias::Challenger);
        let tried = self.challenger().map(|engine| engine.model().id.clone());
        match challenger {
            None => self.set_challenger(None),
            Some(version) if tried.as_deref() == Some(&format!("{name}@{version}")) => {}
            Some(version) => {
                let engine = models.load(&name, &version)?;
                tracing::info!(model = %engine.model().id, "now scoring a challenger in shadow");
                self.set_challenger(Some(engine));
            }
        }
        Ok(())
    }
}

// Each blocks its thread.
impl App {
    /// The registry that models come from, where there is one.
    pub(crate) fn registry(&self) -> Option<&Registry> {
        self.models.as_ref().map(|models| &models.registry)
    }

    /// The name whose champion answers and can be changed; [`Code::ModelPinned`] where none can.
    pub(crate) fn followed_name(&self) -> Result<String, Problem> {
        followed(self).map(|(_, name)| name)
    }

    /// Promotes a version to champion and serves it. Returns the model and the previous one.
    pub(crate) fn promote_model(
        &self,
        caller: &Caller,
        version: &str,
    ) -> Result<(ModelInfo, Option<String>), Problem> {
        let (models, name) = followed(self)?;
        if !models.registry.versions(&name).iter().any(|known| known == version) {
            let detail = format!(
                "the model `{name}` has no version `{}`; GET /v1/models lists the versions",
                clip(version)
            );
            return Err(Problem::new(Code::UnknownModel, detail));
        }
        swap(self, models, &name, version, caller, "model.promote", |registry| {
            registry.point(&name, Alias::Champion, version)
        })
    }

    /// Rolls back to the previous champion and serves it. Returns the model and the previous one.
    pub(crate) fn rollback_model(&self, caller: &Caller) -> Result<(ModelInfo, Option<String>), Problem> {
        let (models, name) = followed(self)?;
        let before = models.registry.before_champion(&name).map_err(|error| {
            tracing::error!(%error, "cannot read the previous champions");
            Problem::new(Code::ModelUnusable, "cannot read the previous champions; see the log for the cause")
        })?;
        let Some(version) = before else {
            let detail = format!("the model `{name}` has no previous champion");
            return Err(Problem::new(Code::NoEarlierModel, detail));
        };
        swap(self, models, &name, &version, caller, "model.rollback", |registry| {
            registry.rollback(&name).map(drop)
        })
    }
}

fn followed(app: &App) -> Result<(&Models, String), Problem> {
    let models = app.models()?;
    if models.pinned {
        let detail = "the model version is pinned by --model; restart the service without a version to follow \
                      the registry";
        return Err(Problem::new(Code::ModelPinned, detail));
    }
    let name = models.name().ok_or_else(|| {
        Problem::new(
            Code::ModelPinned,
            "the registry has no model, or models of several names; choose one with --model NAME",
        )
    })?;
    Ok((models, name))
}

/// Loads first, points then, swaps last: on any failure the serving model stays.
fn swap(
    app: &App,
    models: &Models,
    name: &str,
    version: &str,
    caller: &Caller,
    action: &str,
    point: impl FnOnce(&Registry) -> Result<(), homing_models::Error>,
) -> Result<(ModelInfo, Option<String>), Problem> {
    let _one = app.swapping.lock().unwrap_or_else(PoisonError::into_inner);
    let before = app.engine().ok().map(|engine| engine.model().id.to_string());
    let unusable = |error: homing_models::Error| {
        tracing::error!(%error, "cannot load a model");
        Problem::new(
            Code::ModelUnusable,
            format!("cannot load `{name}@{version}`; see the log for the cause"),
        )
    };
    let engine = models.load(name, version).map_err(unusable)?;
    app.store().audit(&[AuditEntry {
        at: app.now(),
        key_id: caller.key_id(),
        action: action.to_owned(),
        customer_id: None,
        detail: engine.model().id.to_string(),
    }])?;
    point(&models.registry).map_err(unusable)?;
    tracing::info!(model = %engine.model().id, action, "now serving a new model");
    app.set_engine(Some(engine.clone()));
    Ok((engine.model().clone(), before))
}

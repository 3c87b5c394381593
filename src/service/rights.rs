//! What a customer may ask for: to opt out, to see all that is held, to be erased and to be known again; and what the business itself keeps
//! of them.

use serde_json::{Map, Value};

use super::access::Caller;
use super::app::App;
use super::problem::{Code, Problem, clip};
use homing_profiles::access::AuditEntry;
use homing_profiles::privacy::{Choice, Consent, Erasure, Export, Purpose};
use homing_profiles::{Changed, Flows};

fn entry(app: &App, caller: &Caller, action: &str, id: &str, detail: &str) -> AuditEntry {
    AuditEntry {
        at: app.now(),
        key_id: caller.key_id(),
        action: action.to_owned(),
        customer_id: Some(id.to_owned()),
        detail: detail.to_owned(),
    }
}

// Each blocks its thread.
impl App {
    /// Records whether a customer opted out of a purpose, and returns the tags that changed.
    pub(crate) fn take_consent(
        &self,
        caller: &Caller,
        id: &str,
        (purpose, opted_out): (Purpose, bool),
        source: &str,
    ) -> Result<Option<Changed>, Problem> {
        let detail = format!("{}: {}", purpose.name(), if opted_out { "opted out" } else { "opted in" });
        self.store.audit(&[entry(self, caller, "consent.set", id, &detail)])?;
        let at = self.now();
        if purpose != Purpose::Profiling {
            let choice = Choice { purpose, opted_out, at, source: source.to_owned() };
            self.store.set_contact_choice(id, &choice)?;
            return Ok(None);
        }
        let changed = self.store.set_consent_from(id, Consent { opted_out, at }, source)?;
        self.warm.written(id);
        self.changed();
        Ok(changed)
    }

    /// Everything that is held of a customer.
    pub(crate) fn export_customer(&self, caller: &Caller, id: &str) -> Result<Export, Problem> {
        let Some(held) = self.store.export(id)? else {
            let detail = format!("no data about the customer `{}` is stored", clip(id));
            return Err(Problem::new(Code::UnknownCustomer, detail));
        };
        self.store.audit(&[entry(self, caller, "profile.export", id, "")])?;
        Ok(held)
    }

    /// Erases a customer here and in the CRM's own table, and says whether anything was held. An id of which nothing is held is barred
    /// where `unknown` says so.
    pub(crate) fn erase_customer(
        &self,
        caller: &Caller,
        id: &str,
        unknown: bool,
    ) -> Result<Erasure, Problem> {
        let store = &self.store;
        // What waits to be written down of the customer is written first, so that the erasure finds it.
        self.access.write_notes(store.as_ref())?;
        let done = store.erase_as(id, self.now(), caller.key_id().as_deref(), unknown)?;
        self.warm.written(id);
        self.changed();
        if let Some(back) = &self.write_back {
            back.clear(id).map_err(|fault| {
                tracing::error!(code = fault.code(), "{fault}");
                let detail = "the profile is erased, but the customer's values in the CRM table are not; \
                              retry, and see the log for the cause";
                Problem::new(Code::StoreFailed, detail)
            })?;
        }
        Ok(done)
    }

    /// Lets a customer who was erased be known again.
    pub(crate) fn readmit_customer(&self, caller: &Caller, id: &str) -> Result<(), Problem> {
        if !self.store.readmit(id)? {
            let detail = format!("the customer `{}` was not erased; nothing was changed", clip(id));
            return Err(Problem::new(Code::UnknownCustomer, detail));
        }
        self.warm.written(id);
        self.store.audit(&[entry(self, caller, "profile.readmit", id, "")])?;
        Ok(())
    }

    /// Changes the attributes that the business keeps of a customer, and returns the new ones. `change` may be asked again when somebody else
    /// changed them meanwhile.
    pub(crate) fn change_attributes(
        &self,
        caller: &Caller,
        id: &str,
        change: impl Fn(Option<&Map<String, Value>>) -> Result<Map<String, Value>, Problem>,
    ) -> Result<Map<String, Value>, Problem> {
        if self.store.is_erased(id)? {
            let detail = format!("the customer `{}` was erased; their data cannot be stored", clip(id));
            return Err(Problem::new(Code::UnknownCustomer, detail));
        }
        // A change that will be refused is not noted.
        let names: Vec<String> = change(self.store.attributes(id)?.as_ref())?.keys().cloned().collect();
        self.store.audit(&[entry(self, caller, "attributes.set", id, &names.join(", "))])?;
        let mut refused = None;
        let after = self.store.change_attributes(id, &mut |held| match change(held) {
            Ok(after) => Some(after),
            Err(problem) => {
                refused = Some(problem);
                None
            }
        })?;
        self.warm.written(id);
        after.ok_or_else(|| {
            refused.unwrap_or_else(|| Problem::internal(&"attributes were neither changed nor refused"))
        })
    }
}

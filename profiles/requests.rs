//! What a store knows of single requests: whose event has an id, and what was answered to a request that may come again.

use homing_datasets::Micros;

use crate::Error;
use crate::sql::{Engine, Fault, Row, params};

/// The answer to a request that carried an idempotency key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// Hash of the request's body.
    pub body: [u8; 32],
    /// The HTTP status.
    pub status: u32,
    /// The body of the reply.
    pub reply: String,
}

/// Requests that may be repeated or refer to earlier ones.
pub trait Requests: Send + Sync {
    /// Whose event is stored under an id; `None` if none is.
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn event_owner(&self, event_id: &str) -> Result<Option<String>, Error>;

    /// What was answered to the request with this hash since an instant.
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn answer_of(&self, request: &[u8; 32], since: Micros) -> Result<Option<Answered>, Error>;

    /// Keeps an answer, and forgets those from before an instant. One that is there stays. An erasure removes answers that name the customer.
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn keep_answer(
        &self,
        request: &[u8; 32],
        answered: &Answered,
        at: Micros,
        forget_before: Micros,
    ) -> Result<(), Error>;

    /// Changes the attributes that the business keeps of a customer. `change` gets those that are there (`None`: none yet) and gives the new
    /// ones, or `None` to leave them; it may be called again when somebody else changed them meanwhile. Returns what it gave.
    ///
    /// # Errors
    /// [`Error`]; then nothing was changed.
    fn change_attributes(
        &self,
        customer_id: &str,
        change: &mut dyn FnMut(Option<&Attributes>) -> Option<Attributes>,
    ) -> Result<Option<Attributes>, Error>;

    /// The attributes that the business keeps of a customer; `None` if there never were any.
    ///
    /// # Errors
    /// [`Error`] of the store.
    fn attributes(&self, customer_id: &str) -> Result<Option<Attributes>, Error>;
}

/// Attributes by name.
pub type Attributes = serde_json::Map<String, serde_json::Value>;

const READ: &str = "SELECT attributes FROM attributes WHERE customer_id = $1";

impl<E: Engine> Requests for E {
    fn event_owner(&self, event_id: &str) -> Result<Option<String>, Error> {
        self.read(|sql| sql.event_owner(event_id))
    }

    fn answer_of(&self, request: &[u8; 32], since: Micros) -> Result<Option<Answered>, Error> {
        self.read(|sql| {
            let find = "SELECT body, status, reply FROM replies WHERE request = $1 AND at >= $2";
            let answered =
                |mut row: Row| Ok(Answered { body: row.take()?, status: row.take()?, reply: row.take()? });
            sql.one(find, params![request, since])?.map(answered).transpose()
        })
    }

    fn keep_answer(
        &self,
        request: &[u8; 32],
        answered: &Answered,
        at: Micros,
        forget_before: Micros,
    ) -> Result<(), Error> {
        self.write(|sql| {
            sql.execute("DELETE FROM replies WHERE at < $1", params![forget_before])?;
            let Answered { body, status, reply } = answered;
            sql.execute(
                "INSERT INTO replies (request, body, status, reply, at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
                params![request, body, *status, reply, at],
            )?;
            Ok(())
        })
    }

    fn change_attributes(
        &self,
        customer_id: &str,
        change: &mut dyn FnMut(Option<&Attributes>) -> Option<Attributes>,
    ) -> Result<Option<Attributes>, Error> {
        self.write(|sql| {
            let row = sql.one(READ, params![customer_id])?;
            let before: Option<String> = row.map(|mut row| row.take()).transpose()?;
            let read = |text: &String| super::privacy::attributes_of(text, self.place(), customer_id);
            let held = before.as_ref().map(read).transpose()?;
            let Some(after) = change(held.as_ref()) else { return Ok(None) };
            let text = crate::sql::json(&after)?;
            let done = match &before {
                Some(before) => sql.execute(
                    "UPDATE attributes SET attributes = $2 WHERE customer_id = $1 AND attributes = $3",
                    params![customer_id, text, before],
                )?,
                None => sql.execute(
                    "INSERT INTO attributes (customer_id, attributes) VALUES ($1, $2) ON CONFLICT DO NOTHING",
                    params![customer_id, text],
                )?,
            };
            // Somebody else changed them meanwhile.
            if done == 0 { Err(Fault::Again) } else { Ok(Some(after)) }
        })
    }

    fn attributes(&self, customer_id: &str) -> Result<Option<Attributes>, Error> {
        self.read(|sql| {
            let row = sql.one(READ, params![customer_id])?;
            Ok(row.map(|mut row| row.json()).transpose()?)
        })
    }
}

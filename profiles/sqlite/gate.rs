//! Who was erased or opted out, looked up for each customer of a write.

use rusqlite::Connection;

use super::{Inner, schema};
use crate::privacy::keyed_hash;

/// Who may not be scored or not be known. Most stores have nobody of either kind, and then nothing is looked up.
pub(super) struct Gate {
    erasure_key: Option<[u8; 32]>,
    opt_outs: bool,
}

impl Gate {
    pub fn load(connection: &Connection) -> Inner<Self> {
        let any = |sql: &str| -> Inner<bool> {
            Ok(connection.prepare_cached(sql)?.query_row([], |row| row.get(0))?)
        };
        let erasure_key = if any("SELECT EXISTS (SELECT 1 FROM erased)")? {
            schema::erasure_key(connection)?
        } else {
            None
        };
        Ok(Gate { erasure_key, opt_outs: any("SELECT EXISTS (SELECT 1 FROM consents WHERE opted_out = 1)")? })
    }

    pub fn erased(&self, connection: &Connection, customer_id: &str) -> Inner<bool> {
        let Some(key) = &self.erasure_key else { return Ok(false) };
        let mut statement =
            connection.prepare_cached("SELECT EXISTS (SELECT 1 FROM erased WHERE hash = ?1)")?;
        Ok(statement.query_row([keyed_hash(key, customer_id.as_bytes())], |row| row.get(0))?)
    }

    pub fn opted_out(&self, connection: &Connection, customer_id: &str) -> Inner<bool> {
        if !self.opt_outs {
            return Ok(false);
        }
        let out = "SELECT EXISTS (SELECT 1 FROM consents WHERE customer_id = ?1 AND opted_out)";
        Ok(connection.prepare_cached(out)?.query_row([customer_id], |row| row.get(0))?)
    }
}

//! The tables that SQLite and PostgreSQL have in common, and the version of both schemas.
//!
//! Instants and spans are microseconds. Consent and attributes go by customer id: they may come before the first event.

use crate::Error;

/// The version of the schema.
pub(crate) const VERSION: i64 = 9;

/// Tables in the words of [`Dialect`]. Kept with them: what finds a tag that became `high` (see [`HIGH`]).
const TABLES: &str = r#"
    CREATE TABLE settings (
        name {text} PRIMARY KEY,
        value {integer} NOT NULL
    ) {by_key};

    -- A cursor must never be given twice, even after all changes were pruned.
    CREATE TABLE changes (
        cursor {cursor},
        customer_id {id} NOT NULL,
        tags {text} NOT NULL,
        not_scored {text},
        model {text} NOT NULL,
        as_of {integer} NOT NULL,
        scored_at {integer} NOT NULL,
        at {integer} NOT NULL,
        {to_high}
    ) {by_row};
    CREATE INDEX changes_by_customer ON changes (customer_id);

    CREATE TABLE feeds (
        feed {text} PRIMARY KEY,
        cursor {integer} NOT NULL,
        at {integer} NOT NULL
    ) {by_key};

    CREATE TABLE dead_letters (
        letter {serial},
        feed {text} NOT NULL,
        customer_id {id} NOT NULL,
        change {text} NOT NULL,
        reason {text} NOT NULL,
        attempts {integer} NOT NULL,
        at {integer} NOT NULL
    ) {by_row};
    CREATE INDEX dead_letters_by_customer ON dead_letters (customer_id);

    CREATE TABLE leases (
        work {text} PRIMARY KEY,
        holder {text} NOT NULL,
        until {integer} NOT NULL
    ) {by_key};

    CREATE TABLE consents (
        customer_id {id} PRIMARY KEY,
        opted_out {truth} NOT NULL,
        at {integer} NOT NULL,
        source {text} NOT NULL DEFAULT ''
    ) {by_key};

    CREATE TABLE attributes (
        customer_id {id} PRIMARY KEY,
        attributes {text} NOT NULL
    ) {by_key};

    CREATE TABLE erased (
        hash {bytes} PRIMARY KEY,
        at {integer} NOT NULL
    ) {by_key};

    CREATE TABLE secrets (
        purpose {text} PRIMARY KEY,
        secret {bytes} NOT NULL
    ) {by_key};

    CREATE TABLE keys (
        id {id} PRIMARY KEY,
        name {text} NOT NULL,
        role {text} NOT NULL,
        hash {bytes} NOT NULL UNIQUE,
        created_at {integer} NOT NULL,
        expires_at {integer},
        revoked_at {integer},
        rate {integer},
        lifetime {integer}
    ) {by_key};

{of_version_8}
{of_version_9}
    CREATE TABLE audit (
        entry {entry},
        at {integer} NOT NULL,
        key_id {text},
        action {text} NOT NULL,
        customer_id {id},
        erased_hash {bytes},
        detail {text} NOT NULL,
        subject {bytes},
        digest {bytes},
        chain {bytes}
    ) {by_row};
    CREATE INDEX audit_by_customer ON audit (customer_id) WHERE customer_id IS NOT NULL;
    CREATE INDEX audit_by_erased ON audit (erased_hash) WHERE erased_hash IS NOT NULL;

    CREATE TABLE shadows (
        champion {id} NOT NULL,
        challenger {id} NOT NULL,
        compared {integer} NOT NULL,
        tags_differ {integer} NOT NULL,
        difference {real} NOT NULL,
        distance {real} NOT NULL,
        max_distance {real} NOT NULL,
        clv_champion {real} NOT NULL,
        clv_challenger {real} NOT NULL,
        first_at {integer} NOT NULL,
        last_at {integer} NOT NULL,
        PRIMARY KEY (champion, challenger)
    ) {by_key};

    CREATE TABLE contacts (
        customer_id {id} NOT NULL,
        campaign {id} NOT NULL,
        at {integer} NOT NULL,
        action {text} NOT NULL,
        channel {text},
        held_out {truth} NOT NULL,
        PRIMARY KEY (customer_id, campaign)
    ) {by_key};
    CREATE INDEX contacts_by_campaign ON contacts (campaign, customer_id);

    CREATE TABLE daily_aggregates (
        day {day} PRIMARY KEY,
        document {text} NOT NULL
    ) {by_row};
"#;

/// The tables that version 7 did not have.
const OF_VERSION_8: &str = "
    -- Choices of customers by a keyed hash of their id: what they said of being contacted, and what who was erased had said.
    CREATE TABLE choices (
        subject {bytes} NOT NULL,
        purpose {id} NOT NULL,
        opted_out {truth} NOT NULL,
        at {integer} NOT NULL,
        source {text} NOT NULL,
        PRIMARY KEY (subject, purpose)
    ) {by_key};

    -- Where the chain of the audit log begins and ends.
    CREATE TABLE audit_heads (
        name {text} PRIMARY KEY,
        entries {integer} NOT NULL,
        chain {bytes} NOT NULL
    ) {by_key};

    -- Webhooks whose receiver fails.
    CREATE TABLE webhooks (
        feed {text} PRIMARY KEY,
        failing_since {integer},
        attempts {integer} NOT NULL,
        paused_at {integer},
        reason {text} NOT NULL
    ) {by_key};

    -- Who signed in to the pages.
    CREATE TABLE sessions (
        hash {bytes} PRIMARY KEY,
        key_id {text} NOT NULL,
        created_at {integer} NOT NULL,
        expires_at {integer} NOT NULL
    ) {by_key};
";

/// The tables that version 8 did not have.
const OF_VERSION_9: &str = "
    -- Replies to requests that carried an `Idempotency-Key`, by a hash of the key and of who sent it.
    CREATE TABLE replies (
        request {bytes} PRIMARY KEY,
        body {bytes} NOT NULL,
        status {integer} NOT NULL,
        reply {text} NOT NULL,
        at {integer} NOT NULL
    ) {by_key};
    CREATE INDEX replies_by_time ON replies (at);

    -- Scores that are kept until what they predict has come: a sample of each night, and those of a campaign's customers.
    CREATE TABLE kept_scores (
        customer_id {id} NOT NULL,
        purpose {id} NOT NULL,
        as_of {integer} NOT NULL,
        model {text} NOT NULL,
        scores {text} NOT NULL,
        PRIMARY KEY (customer_id, purpose, as_of)
    ) {by_key};
    CREATE INDEX kept_scores_by_time ON kept_scores (purpose, as_of);

    -- What is known of a campaign as a whole.
    CREATE TABLE campaigns (
        campaign {id} PRIMARY KEY,
        share {real},
        evaluation {text}
    ) {by_key};

    -- Results that are computed now and then and shown until the next time.
    CREATE TABLE documents (
        name {text} PRIMARY KEY,
        at {integer} NOT NULL,
        document {text} NOT NULL
    ) {by_key};
";

/// A change by which a customer turned to high risk.
const HIGH: &str =
    r#"to_high {truth} GENERATED ALWAYS AS ({find}(tags, '"churn.level":"high"') > 0) {computed}"#;

/// Who turned to high risk when.
const HIGH_INDEXES: &str = "
    CREATE INDEX changes_to_high ON changes (customer_id, as_of) WHERE to_high;
    CREATE INDEX changes_to_high_by_time ON changes (as_of) WHERE to_high;";

/// The declarations of all tables that both engines have, in the words of [`Dialect`].
pub(crate) fn declarations() -> String {
    TABLES.replace("{of_version_8}", OF_VERSION_8).replace("{of_version_9}", OF_VERSION_9)
}

/// How an engine writes what the tables are made of.
pub(crate) struct Dialect {
    /// A text that is searched by equality only.
    pub text: &'static str,
    /// A text in the order of code points.
    pub id: &'static str,
    pub integer: &'static str,
    pub real: &'static str,
    pub truth: &'static str,
    pub bytes: &'static str,
    /// Days since 1970-01-01.
    pub day: &'static str,
    /// A number that grows by itself.
    pub serial: &'static str,
    /// The same where rows are never deleted, so that no number can be given twice.
    pub entry: &'static str,
    /// The feed's cursor.
    pub cursor: &'static str,
    /// The end of a table that is read by its key.
    pub by_key: &'static str,
    /// The end of a table with numbered rows.
    pub by_row: &'static str,
    /// The place of a text within another.
    pub find: &'static str,
    /// When a generated column is computed.
    pub computed: &'static str,
}

impl Dialect {
    fn write(&self, words: &str) -> String {
        let mut sql = words
            .replace("{to_high}", HIGH)
            .replace("{of_version_8}", OF_VERSION_8)
            .replace("{of_version_9}", OF_VERSION_9);
        for (word, meaning) in [
            ("{text}", self.text),
            ("{id}", self.id),
            ("{integer}", self.integer),
            ("{real}", self.real),
            ("{truth}", self.truth),
            ("{bytes}", self.bytes),
            ("{day}", self.day),
            ("{serial}", self.serial),
            ("{entry}", self.entry),
            ("{cursor}", self.cursor),
            ("{by_key}", self.by_key),
            ("{by_row}", self.by_row),
            ("{find}", self.find),
            ("{computed}", self.computed),
        ] {
            sql = sql.replace(word, meaning);
        }
        sql
    }

    /// The statements that make the tables.
    pub fn tables(&self) -> String {
        self.write(&format!("{TABLES}{HIGH_INDEXES}"))
    }

    /// The statements that bring the tables of homing 0.1 (version 6 in SQLite, 4 in PostgreSQL) to version 7.
    pub fn upgrade_to_7(&self) -> String {
        self.write(&format!(
            "ALTER TABLE surveys RENAME TO daily_aggregates;
             DROP INDEX changes_to_high;
             DROP INDEX changes_to_high_by_time;
             ALTER TABLE changes ADD COLUMN {{to_high}};
             {HIGH_INDEXES}
             UPDATE profiles SET prediction = replace(prediction, '\"p_return_', '\"p_purchase_');"
        ))
    }

    /// The statements that bring the tables of version 7 to version 8.
    pub fn upgrade_to_8(&self) -> String {
        self.write(
            "{of_version_8}
             ALTER TABLE consents ADD COLUMN source {text} NOT NULL DEFAULT '';
             ALTER TABLE keys ADD COLUMN rate {integer};
             ALTER TABLE audit ADD COLUMN subject {bytes};
             ALTER TABLE audit ADD COLUMN digest {bytes};
             ALTER TABLE audit ADD COLUMN chain {bytes};",
        )
    }

    /// The statements that bring the tables of version 8 to this one.
    pub fn upgrade_to_9(&self) -> String {
        self.write(
            "{of_version_9}
             CREATE INDEX profiles_by_last_purchase ON profiles (last_purchase_at DESC, customer_id);
             ALTER TABLE keys ADD COLUMN lifetime {integer};
             UPDATE keys SET lifetime = expires_at - created_at;",
        )
    }
}

/// The error for a store whose schema this homing cannot use. `first` is the oldest version that it can.
pub(crate) fn wrong_version(store: &str, found: i64, first: i64) -> Error {
    let store = store.to_owned();
    if found > VERSION {
        return Error::TooNew { store, found, known: VERSION };
    }
    let detail = format!(
        "its schema has version {found}, from before homing 0.1 (version {first}), and cannot be upgraded; \
         score the purchases again into a new store"
    );
    Error::Database { store, detail }
}

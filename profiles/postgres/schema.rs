//! The tables, and how an older schema becomes a present one.

use super::session::Wire;
use super::{Fault, Inner, LOCKS};
use crate::Error;
use crate::privacy::{ERASURE, random_bits};

/// One step a schema version: `MIGRATIONS[n]` makes version n + 1 of version n.
///
/// Instants are microseconds since 1970 (UTC). Texts of customers are in the order of code points (`COLLATE "C"`).
const MIGRATIONS: &[&str] = &[
    // Version 1.
    //
    // A profile with its tags is one row: a write to a customer writes one, and the tags can be asked for by GIN.
    // `tags` has name and value, `tag_details` the rest. `*_print`: what the last scorer said, by which a batch tells
    // without reading rows back that nothing changed. Bytes that do not compress are not tried.
    "CREATE TABLE homing.profiles (
        customer_id text COLLATE \"C\" PRIMARY KEY,
        revision bigint NOT NULL,
        churn_risk double precision,
        value_at_risk double precision,
        clv double precision,
        not_scored text,
        model text NOT NULL,
        as_of bigint NOT NULL,
        scored_at bigint NOT NULL,
        events bigint NOT NULL,
        purchases bigint NOT NULL,
        orders bigint NOT NULL,
        spend double precision NOT NULL,
        first_purchase_at bigint,
        last_purchase_at bigint,
        prediction text NOT NULL,
        tags jsonb NOT NULL,
        tag_details text NOT NULL,
        history_print bytea NOT NULL,
        score_print bytea NOT NULL,
        tags_print bytea NOT NULL
    );
    CREATE INDEX profiles_by_value_at_risk ON homing.profiles (value_at_risk DESC, customer_id);
    CREATE INDEX profiles_by_churn_risk ON homing.profiles (churn_risk DESC, customer_id);
    CREATE INDEX profiles_by_clv ON homing.profiles (clv DESC, customer_id);
    CREATE INDEX profiles_by_tag ON homing.profiles USING gin (tags jsonb_path_ops);

    CREATE TABLE homing.histories (
        customer_id text COLLATE \"C\" PRIMARY KEY,
        bytes bytea NOT NULL
    );
    ALTER TABLE homing.histories ALTER COLUMN bytes SET STORAGE EXTERNAL;

    CREATE TABLE homing.event_ids (
        event_id text COLLATE \"C\" PRIMARY KEY,
        fingerprint bytea NOT NULL,
        customer_id text COLLATE \"C\" NOT NULL
    );
    CREATE INDEX event_ids_by_customer ON homing.event_ids (customer_id);

    -- The data clock. Each connection has a row of its own to set forward, so that no two wait for one another.
    CREATE TABLE homing.clocks (
        stripe integer PRIMARY KEY,
        happened_until bigint,
        known_until bigint
    );
    INSERT INTO homing.clocks (stripe) SELECT generate_series(0, 63);

    CREATE SEQUENCE homing.change_cursor;
    CREATE TABLE homing.changes (
        cursor bigint PRIMARY KEY DEFAULT nextval('homing.change_cursor'),
        customer_id text COLLATE \"C\" NOT NULL,
        tags text NOT NULL,
        not_scored text,
        model text NOT NULL,
        as_of bigint NOT NULL,
        scored_at bigint NOT NULL,
        at bigint NOT NULL
    );
    CREATE INDEX changes_by_customer ON homing.changes (customer_id);

    CREATE TABLE homing.settings (
        name text PRIMARY KEY,
        value bigint NOT NULL
    );

    CREATE TABLE homing.feeds (
        feed text PRIMARY KEY,
        cursor bigint NOT NULL,
        at bigint NOT NULL
    );

    CREATE TABLE homing.dead_letters (
        letter bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        feed text NOT NULL,
        customer_id text COLLATE \"C\" NOT NULL,
        change text NOT NULL,
        reason text NOT NULL,
        attempts bigint NOT NULL,
        at bigint NOT NULL
    );
    CREATE INDEX dead_letters_by_customer ON homing.dead_letters (customer_id);

    CREATE TABLE homing.consents (
        customer_id text COLLATE \"C\" PRIMARY KEY,
        opted_out boolean NOT NULL,
        at bigint NOT NULL
    );

    CREATE TABLE homing.attributes (
        customer_id text COLLATE \"C\" PRIMARY KEY,
        attributes text NOT NULL
    );

    CREATE TABLE homing.erased (
        hash bytea PRIMARY KEY,
        at bigint NOT NULL
    );

    CREATE TABLE homing.secrets (
        purpose text PRIMARY KEY,
        secret bytea NOT NULL
    );

    CREATE TABLE homing.keys (
        id text PRIMARY KEY,
        name text NOT NULL,
        role text NOT NULL,
        hash bytea NOT NULL UNIQUE,
        created_at bigint NOT NULL,
        expires_at bigint,
        revoked_at bigint
    );

    CREATE TABLE homing.audit (
        entry bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        at bigint NOT NULL,
        key_id text,
        action text NOT NULL,
        customer_id text COLLATE \"C\",
        erased_hash bytea,
        detail text NOT NULL
    );
    CREATE INDEX audit_by_customer ON homing.audit (customer_id) WHERE customer_id IS NOT NULL;
    CREATE INDEX audit_by_erased ON homing.audit (erased_hash) WHERE erased_hash IS NOT NULL;

    CREATE TABLE homing.shadows (
        champion text NOT NULL,
        challenger text NOT NULL,
        compared bigint NOT NULL,
        tags_differ bigint NOT NULL,
        difference double precision NOT NULL,
        distance double precision NOT NULL,
        max_distance double precision NOT NULL,
        clv_champion double precision NOT NULL,
        clv_challenger double precision NOT NULL,
        first_at bigint NOT NULL,
        last_at bigint NOT NULL,
        PRIMARY KEY (champion, challenger)
    );",
    // Version 2. Whom campaigns reached.
    "CREATE TABLE homing.contacts (
        customer_id text COLLATE \"C\" NOT NULL,
        campaign text COLLATE \"C\" NOT NULL,
        at bigint NOT NULL,
        action text NOT NULL,
        channel text,
        held_out boolean NOT NULL,
        PRIMARY KEY (customer_id, campaign)
    );
    CREATE INDEX contacts_by_campaign ON homing.contacts (campaign, customer_id);",
    // Version 3. What was counted over all customers, by day; and who turned to high risk when.
    "CREATE TABLE homing.surveys (
        day integer PRIMARY KEY,
        document text NOT NULL
    );
    CREATE INDEX changes_to_high ON homing.changes (customer_id, as_of)
        WHERE position('\"churn.level\":\"high\"' in tags) > 0;
    CREATE INDEX changes_to_high_by_time ON homing.changes (as_of)
        WHERE position('\"churn.level\":\"high\"' in tags) > 0;",
    // Version 4. Who of several servers does what only one may do.
    "CREATE TABLE homing.leases (
        work text PRIMARY KEY,
        holder text NOT NULL,
        until bigint NOT NULL
    );",
];

fn known() -> i64 {
    MIGRATIONS.len() as i64
}

/// Makes sure that the database has the present schema. One server at a time does it; the others wait and find it done.
/// A newer schema, or one that is not homing's, is left as it is. Returns the key of erased customers' hashes.
pub(super) async fn prepare(wire: &mut Wire, place: &str) -> Inner<[u8; 32]> {
    let refuse =
        |detail: &str| Fault::Known(Error::Database { store: place.to_owned(), detail: detail.to_owned() });
    wire.run(&format!("BEGIN; SELECT pg_advisory_xact_lock({})", LOCKS.schema)).await?;
    let look =
        "SELECT to_regnamespace('homing') IS NOT NULL, to_regclass('homing.schema_version') IS NOT NULL,
         (SELECT count(*) FROM pg_class c WHERE c.relnamespace = to_regnamespace('homing')),
         current_setting('server_version_num')::integer, current_setting('server_encoding')";
    let row = wire.client.query_one(look, &[]).await?;
    let (schema, ours, objects): (bool, bool, i64) = (row.get(0), row.get(1), row.get(2));
    if row.get::<_, i32>(3) < 120_000 {
        return Err(refuse("the server is older than PostgreSQL 12; use a newer one"));
    }
    if row.get::<_, String>(4) != "UTF8" {
        return Err(refuse(
            "the database is not in UTF-8; make one with `CREATE DATABASE ... ENCODING 'UTF8'`",
        ));
    }
    if !ours && objects > 0 {
        return Err(refuse("the schema `homing` belongs to another program; name another database"));
    }
    if !ours {
        if !schema {
            wire.run("CREATE SCHEMA homing").await?;
        }
        wire.run("CREATE TABLE homing.schema_version (version bigint NOT NULL)").await?;
        wire.run("INSERT INTO homing.schema_version VALUES (0)").await?;
    }
    let version: i64 =
        wire.client.query_one("SELECT max(version) FROM homing.schema_version", &[]).await?.get(0);
    if version > known() {
        return Err(Fault::Known(Error::TooNew { store: place.to_owned(), found: version, known: known() }));
    }
    for step in MIGRATIONS.iter().skip(usize::try_from(version).unwrap_or(0)) {
        wire.run(step).await?;
    }
    if version < known() {
        wire.client.execute("UPDATE homing.schema_version SET version = $1", &[&known()]).await?;
    }
    let fresh = random_bits().map_err(|detail| refuse(&detail))?;
    wire.client
        .execute(
            "INSERT INTO homing.secrets (purpose, secret) VALUES ($1, $2) ON CONFLICT DO NOTHING",
            &[&ERASURE, &fresh.as_slice()],
        )
        .await?;
    let key = super::access::known_secret(wire, ERASURE).await?.unwrap_or(fresh);
    wire.run("COMMIT").await?;
    Ok(key)
}

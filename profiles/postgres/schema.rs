//! The tables, and how an older schema becomes a present one.

use super::session::Wire;
use super::{Fault, Inner, LOCKS};
use crate::Error;
use crate::schema::{Dialect, VERSION, wrong_version};

/// The version that homing 0.1 made.
const FIRST: i64 = 4;

const DIALECT: Dialect = Dialect {
    text: "text",
    id: "text COLLATE \"C\"",
    integer: "bigint",
    real: "double precision",
    truth: "boolean",
    bytes: "bytea",
    day: "integer",
    serial: "bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
    entry: "bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
    cursor: "bigint PRIMARY KEY DEFAULT nextval('homing.change_cursor')",
    by_key: "",
    by_row: "",
    find: "strpos",
    computed: "STORED",
};

/// PostgreSQL's own tables.
///
/// A profile with its tags is one row: a write to a customer writes one, and the tags can be asked for by GIN.
/// `tags` has name and value, `tag_details` the rest. `*_print`: fingerprints of the last score, by which a batch knows
/// without reading rows back that nothing changed. Compression is off for bytes that do not compress.
const PROFILES: &str = "CREATE TABLE profiles (
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
    CREATE INDEX profiles_by_value_at_risk ON profiles (value_at_risk DESC, customer_id);
    CREATE INDEX profiles_by_churn_risk ON profiles (churn_risk DESC, customer_id);
    CREATE INDEX profiles_by_clv ON profiles (clv DESC, customer_id);
    CREATE INDEX profiles_by_tag ON profiles USING gin (tags jsonb_path_ops);

    CREATE TABLE histories (
        customer_id text COLLATE \"C\" PRIMARY KEY,
        bytes bytea NOT NULL
    );
    ALTER TABLE histories ALTER COLUMN bytes SET STORAGE EXTERNAL;

    CREATE TABLE event_ids (
        event_id text COLLATE \"C\" PRIMARY KEY,
        fingerprint bytea NOT NULL,
        customer_id text COLLATE \"C\" NOT NULL
    );
    CREATE INDEX event_ids_by_customer ON event_ids (customer_id);

    -- The data clock. Each connection has a row of its own to set forward, so that no two wait for one another.
    CREATE TABLE clocks (
        stripe integer PRIMARY KEY,
        happened_until bigint,
        known_until bigint
    );
    INSERT INTO clocks (stripe) SELECT generate_series(0, 63);

    CREATE SEQUENCE change_cursor;";

/// What only PostgreSQL's tables of homing 0.1 need: ids in the order of code points, whatever the database's own is.
const COLLATE: &str = "ALTER TABLE keys ALTER COLUMN id TYPE text COLLATE \"C\";
    ALTER TABLE shadows ALTER COLUMN champion TYPE text COLLATE \"C\",
        ALTER COLUMN challenger TYPE text COLLATE \"C\";
    ALTER INDEX surveys_pkey RENAME TO daily_aggregates_pkey;";

/// Makes sure that the database has the present schema. One server at a time does it; the others wait and find it done.
/// A newer schema, or one that is not homing's, is left as it is.
pub(super) async fn prepare(wire: &mut Wire, place: &str) -> Inner<()> {
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
        return Err(refuse("the server is older than PostgreSQL 12; upgrade it"));
    }
    if row.get::<_, String>(4) != "UTF8" {
        return Err(refuse(
            "the database encoding is not UTF-8; create a database with `CREATE DATABASE ... ENCODING 'UTF8'`",
        ));
    }
    if !ours && objects > 0 {
        return Err(refuse("the schema `homing` belongs to another application; use another database"));
    }
    if ours {
        let version = wire.client.query_one("SELECT max(version) FROM homing.schema_version", &[]).await?;
        match version.try_get(0)? {
            VERSION => {}
            version @ (FIRST | 7 | 8) => {
                if version < 7 {
                    wire.run(&DIALECT.upgrade_to_7()).await?;
                    wire.run(COLLATE).await?;
                }
                if version < 8 {
                    wire.run(&DIALECT.upgrade_to_8()).await?;
                }
                wire.run(&DIALECT.upgrade_to_9()).await?;
            }
            version => return Err(wrong_version(place, version, FIRST).into()),
        }
    } else {
        if !schema {
            wire.run("CREATE SCHEMA homing").await?;
        }
        wire.run(
            "CREATE TABLE schema_version (version bigint NOT NULL); INSERT INTO schema_version VALUES (0)",
        )
        .await?;
        wire.run(PROFILES).await?;
        wire.run(&DIALECT.tables()).await?;
    }
    wire.client.execute("UPDATE homing.schema_version SET version = $1", &[&VERSION]).await?;
    wire.run("COMMIT").await
}

// The whole flow with types that openapi-typescript made and openapi-fetch: events, profiles, lists, consent, erasure.
import createClient from "openapi-fetch";
import type { paths } from "./schema.js";

declare const process: { argv: string[] };
const [baseUrl, key] = process.argv.slice(2) as [string, string];
const client = createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${key}` } });
const who = `ts-${crypto.randomUUID()}`;

function hold(condition: boolean, what: string): void {
  if (!condition) throw new Error(what);
}

const event = { event_id: `e-${who}`, customer_id: who, occurred_at: "2025-05-01", amount: 12.5 };
const sent = await client.POST("/v1/events", { body: { events: [event] } });
hold(sent.data?.accepted === 1, JSON.stringify(sent));
const path = { id: who };
const profile = await client.GET("/v1/profiles/{id}", { params: { path } });
hold(profile.data?.history?.orders === 1, JSON.stringify(profile));
await client.PATCH("/v1/profiles/{id}/attributes", { params: { path }, body: { city: who } });
const query = { attribute: [`city:${who}`], id_prefix: who, sort: "clv" as const, snapshot: true, expand: "consent" };
const page = await client.GET("/v1/profiles", { params: { query } });
hold(page.data?.profiles.length === 1 && page.data.profiles[0]?.consent?.length === 0, JSON.stringify(page));
const out = await client.PUT("/v1/profiles/{id}/consent", { params: { path }, body: { opted_out: true } });
hold(out.data?.opted_out === true, JSON.stringify(out));
const erased = await client.DELETE("/v1/profiles/{id}", { params: { path } });
hold(erased.response.status === 204, JSON.stringify(erased));
const gone = await client.GET("/v1/profiles/{id}", { params: { path } });
hold(gone.error?.code === "unknown_customer", JSON.stringify(gone));
console.log("TypeScript: the whole flow");

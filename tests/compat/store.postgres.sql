--
-- PostgreSQL database dump
--


-- Dumped from database version 15.18 (Debian 15.18-0+deb12u1)
-- Dumped by pg_dump version 15.18 (Debian 15.18-0+deb12u1)

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

--
-- Name: homing; Type: SCHEMA; Schema: -; Owner: -
--

CREATE SCHEMA homing;


SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: attributes; Type: TABLE; Schema: homing; Owner: -
--

CREATE TABLE homing.attributes (
    customer_id text NOT NULL COLLATE pg_catalog."C",
    attributes text NOT NULL
);


--
-- Name: audit; Type: TABLE; Schema: homing; Owner: -
--

CREATE TABLE homing.audit (
    entry bigint NOT NULL,
    at bigint NOT NULL,
    key_id text,
    action text NOT NULL,
    customer_id text COLLATE pg_catalog."C",
    erased_hash bytea,
    detail text NOT NULL
);


--
-- Name: audit_entry_seq; Type: SEQUENCE; Schema: homing; Owner: -
--

ALTER TABLE homing.audit ALTER COLUMN entry ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME homing.audit_entry_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: change_cursor; Type: SEQUENCE; Schema: homing; Owner: -
--

CREATE SEQUENCE homing.change_cursor
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: changes; Type: TABLE; Schema: homing; Owner: -
--

CREATE TABLE homing.changes (
    cursor bigint DEFAULT nextval('homing.change_cursor'::regclass) NOT NULL,
    customer_id text NOT NULL COLLATE pg_catalog."C",
    tags text NOT NULL,
    not_scored text,
    model text NOT NULL,
    as_of bigint NOT NULL,
    scored_at bigint NOT NULL,
    at bigint NOT NULL
);


--
-- Name: clocks; Type: TABLE; Schema: homing; Owner: -
--

CREATE TABLE homing.clocks (
    stripe integer NOT NULL,
    happened_until bigint,
    known_until bigint
);


--
-- Name: consents; Type: TABLE; Schema: homing; Owner: -
--

CREATE TABLE homing.consents (
    customer_id text NOT NULL COLLATE pg_catalog."C",
    opted_out boolean NOT NULL,
    at bigint NOT NULL
);


--
-- Name: contacts; Type: TABLE; Schema: homing; Owner: -
--

CREATE TABLE homing.contacts (
    customer_id text NOT NULL COLLATE pg_catalog."C",
    campaign text NOT NULL COLLATE pg_catalog."C",
    at bigint NOT NULL,
    action text NOT NULL,
    channel text,
    held_out boolean NOT NULL
);


--
-- Name: dead_letters; Type: TABLE; Schema: homing; Owner: -
--

CREATE TABLE homing.dead_letters (
    letter bigint NOT NULL,
    feed text NOT NULL,
    customer_id text NOT NULL COLLATE pg_catalog."C",
    change text NOT NULL,
    reason text NOT NULL,
    attempts bigint NOT NULL,
    at bigint NOT NULL
);


--
-- Name: dead_letters_letter_seq; Type: SEQUENCE; Schema: homing; Owner: -
--

ALTER TABLE homing.dead_letters ALTER COLUMN letter ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME homing.dead_letters_letter_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: erased; Type: TABLE; Schema: homing; Owner: -
--

CREATE TABLE homing.erased (
    hash bytea NOT NULL,
    at bigint NOT NULL
);


--
-- Name: event_ids; Type: TABLE; Schema: homing; Owner: -
--

CREATE TABLE homing.event_ids (
    event_id text NOT NULL COLLATE pg_catalog."C",
    fingerprint bytea NOT NULL,
    customer_id text NOT NULL COLLATE pg_catalog."C"
);


--
-- Name: feeds; Type: TABLE; Schema: homing; Owner: -
--

CREATE TABLE homing.feeds (
    feed text NOT NULL,
    cursor bigint NOT NULL,
    at bigint NOT NULL
);


--
-- Name: histories; Type: TABLE; Schema: homing; Owner: -
--

CREATE TABLE homing.histories (
    customer_id text NOT NULL COLLATE pg_catalog."C",
    bytes bytea NOT NULL
);
ALTER TABLE ONLY homing.histories ALTER COLUMN bytes SET STORAGE EXTERNAL;


--
-- Name: keys; Type: TABLE; Schema: homing; Owner: -
--

CREATE TABLE homing.keys (
    id text NOT NULL,
    name text NOT NULL,
    role text NOT NULL,
    hash bytea NOT NULL,
    created_at bigint NOT NULL,
    expires_at bigint,
    revoked_at bigint
);


--
-- Name: leases; Type: TABLE; Schema: homing; Owner: -
--

CREATE TABLE homing.leases (
    work text NOT NULL,
    holder text NOT NULL,
    until bigint NOT NULL
);


--
-- Name: profiles; Type: TABLE; Schema: homing; Owner: -
--

CREATE TABLE homing.profiles (
    customer_id text NOT NULL COLLATE pg_catalog."C",
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


--
-- Name: schema_version; Type: TABLE; Schema: homing; Owner: -
--

CREATE TABLE homing.schema_version (
    version bigint NOT NULL
);


--
-- Name: secrets; Type: TABLE; Schema: homing; Owner: -
--

CREATE TABLE homing.secrets (
    purpose text NOT NULL,
    secret bytea NOT NULL
);


--
-- Name: settings; Type: TABLE; Schema: homing; Owner: -
--

CREATE TABLE homing.settings (
    name text NOT NULL,
    value bigint NOT NULL
);


--
-- Name: shadows; Type: TABLE; Schema: homing; Owner: -
--

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
    last_at bigint NOT NULL
);


--
-- Name: surveys; Type: TABLE; Schema: homing; Owner: -
--

CREATE TABLE homing.surveys (
    day integer NOT NULL,
    document text NOT NULL
);


--
-- Data for Name: attributes; Type: TABLE DATA; Schema: homing; Owner: -
--

INSERT INTO homing.attributes VALUES
	('c1', '{"age":41,"city":"上海"}');


--
-- Data for Name: audit; Type: TABLE DATA; Schema: homing; Owner: -
--

INSERT INTO homing.audit OVERRIDING SYSTEM VALUE VALUES
	(1, 1795913862910285, '062a66ba', 'consent.set', 'opted-out', NULL, 'opted out'),
	(2, 1795913862930099, '062a66ba', 'consent.set', 'not-yet-known', NULL, 'opted out'),
	(3, 1795913862945081, '062a66ba', 'attributes.set', 'c1', NULL, 'age, city'),
	(4, 1795913862821179, '062a66ba', 'profile.change', 'c1', NULL, ''),
	(6, 1795913862821179, '062a66ba', 'profile.change', 'new', NULL, ''),
	(7, 1795913862821179, '062a66ba', 'profile.change', '客户5', NULL, ''),
	(8, 1795913862889170, '062a66ba', 'profile.change', 'c2', NULL, ''),
	(9, 1795913862962318, '062a66ba', 'profile.read', 'c3', NULL, ''),
	(5, 1795913862821179, '062a66ba', 'profile.change', NULL, '\xcb8d67a0afc65a0c98d171948ce6eca7669b093f40a20a5dd8926ff6c9a0d39f', ''),
	(10, 1795913862986236, '062a66ba', 'profile.erase', NULL, NULL, '');


--
-- Data for Name: changes; Type: TABLE DATA; Schema: homing; Owner: -
--

INSERT INTO homing.changes VALUES
	(1, 'c1', '{"churn.level":"low","churn.percentile":5,"first_purchase.month":"2024-06","lifecycle.stage":"maturity","next_order.due":"this_month","preference.category":"tea","rfm.frequency":5,"rfm.recency":5,"tier.member":"regular","value.at_risk_level":"low"}', NULL, 'shop@ffbc5d6da850', 1766707200000000, 1767232800000000, 1767232800000000),
	(2, 'c2', '{"churn.level":"high","churn.percentile":80,"first_purchase.month":"2024-09","lifecycle.stage":"lost","next_order.due":"unlikely","preference.category":"rice","rfm.frequency":1,"rfm.recency":1,"signal.rhythm_broken":true,"tier.member":"dormant","value.at_risk_level":"low"}', NULL, 'shop@ffbc5d6da850', 1766707200000000, 1767232800000000, 1767232800000000),
	(3, 'c3', '{"churn.level":"medium","churn.percentile":45,"first_purchase.month":"2025-03","lifecycle.stage":"decline","next_order.due":"unlikely","preference.category":"rice","rfm.frequency":3,"rfm.recency":3,"signal.rhythm_broken":true,"tier.member":"dormant","value.at_risk_level":"low"}', NULL, 'shop@ffbc5d6da850', 1766707200000000, 1767232800000000, 1767232800000000),
	(4, 'c4', '{"churn.level":"medium","churn.percentile":30,"first_purchase.month":"2024-04","lifecycle.stage":"growth","next_order.due":"later","preference.category":"tea","rfm.frequency":1,"rfm.recency":4,"tier.member":"entry","value.at_risk_level":"low"}', NULL, 'shop@ffbc5d6da850', 1766707200000000, 1767232800000000, 1767232800000000),
	(6, 'opted-out', '{"churn.level":"medium","churn.percentile":35,"first_purchase.month":"2024-10","lifecycle.stage":"growth","next_order.due":"later","preference.category":"tea","rfm.frequency":2,"rfm.recency":3,"signal.rhythm_broken":true,"tier.member":"dormant","value.at_risk_level":"low"}', NULL, 'shop@ffbc5d6da850', 1766707200000000, 1767232800000000, 1767232800000000),
	(7, '客户5', '{"churn.level":"medium","churn.percentile":30,"first_purchase.month":"2024-05","lifecycle.stage":"maturity","next_order.due":"unlikely","preference.category":"tea","rfm.frequency":4,"rfm.recency":4,"signal.rhythm_broken":true,"tier.member":"regular","value.at_risk_level":"low"}', NULL, 'shop@ffbc5d6da850', 1766707200000000, 1767232800000000, 1767232800000000),
	(9, 'new', '{"churn.level":"low","churn.percentile":15,"first_purchase.month":"2026-01","lifecycle.stage":"introduction","next_order.due":"this_quarter","rfm.frequency":1,"rfm.recency":5,"tier.member":"entry","value.at_risk_level":"low"}', NULL, 'shop@ffbc5d6da850', 1767520800000000, 1795913862821179, 1795913862821179),
	(10, '客户5', '{"churn.level":"low","churn.percentile":10,"next_order.due":"this_quarter","rfm.recency":5,"signal.rhythm_broken":null}', NULL, 'shop@ffbc5d6da850', 1767520800000000, 1795913862821179, 1795913862821179),
	(11, 'c2', '{"churn.level":"low","churn.percentile":10,"lifecycle.stage":"maturity","next_order.due":"this_quarter","rfm.recency":5,"signal.rhythm_broken":null,"tier.member":"entry"}', NULL, 'shop@ffbc5d6da850', 1767607200000000, 1795913862889170, 1795913862889170),
	(12, 'opted-out', '{"churn.level":null,"churn.percentile":null,"next_order.due":null,"value.at_risk_level":null}', 'opted_out', 'shop@ffbc5d6da850', 1766707200000000, 1795913862911641, 1795913862911641);


--
-- Data for Name: clocks; Type: TABLE DATA; Schema: homing; Owner: -
--

INSERT INTO homing.clocks VALUES
	(0, NULL, NULL),
	(1, NULL, NULL),
	(2, NULL, NULL),
	(3, NULL, NULL),
	(4, NULL, NULL),
	(5, NULL, NULL),
	(6, NULL, NULL),
	(7, NULL, NULL),
	(8, NULL, NULL),
	(9, NULL, NULL),
	(10, NULL, NULL),
	(12, NULL, NULL),
	(13, NULL, NULL),
	(14, NULL, NULL),
	(15, NULL, NULL),
	(16, NULL, NULL),
	(17, NULL, NULL),
	(18, NULL, NULL),
	(19, NULL, NULL),
	(20, NULL, NULL),
	(21, NULL, NULL),
	(22, NULL, NULL),
	(23, NULL, NULL),
	(24, NULL, NULL),
	(25, NULL, NULL),
	(26, NULL, NULL),
	(27, NULL, NULL),
	(28, NULL, NULL),
	(29, NULL, NULL),
	(30, NULL, NULL),
	(31, NULL, NULL),
	(32, NULL, NULL),
	(33, NULL, NULL),
	(34, NULL, NULL),
	(35, NULL, NULL),
	(36, NULL, NULL),
	(38, NULL, NULL),
	(39, NULL, NULL),
	(40, NULL, NULL),
	(41, NULL, NULL),
	(42, NULL, NULL),
	(43, NULL, NULL),
	(44, NULL, NULL),
	(45, NULL, NULL),
	(46, NULL, NULL),
	(47, NULL, NULL),
	(48, NULL, NULL),
	(49, NULL, NULL),
	(50, NULL, NULL),
	(51, NULL, NULL),
	(52, NULL, NULL),
	(53, NULL, NULL),
	(54, NULL, NULL),
	(55, NULL, NULL),
	(56, NULL, NULL),
	(57, NULL, NULL),
	(58, NULL, NULL),
	(59, NULL, NULL),
	(60, NULL, NULL),
	(61, NULL, NULL),
	(62, NULL, NULL),
	(63, NULL, NULL),
	(11, 1766707200000000, 1766707200000000),
	(37, 1767607200000000, 1767607200000000);


--
-- Data for Name: consents; Type: TABLE DATA; Schema: homing; Owner: -
--

INSERT INTO homing.consents VALUES
	('opted-out', true, 1795913862911641),
	('not-yet-known', true, 1795913862930884);


--
-- Data for Name: contacts; Type: TABLE DATA; Schema: homing; Owner: -
--

INSERT INTO homing.contacts VALUES
	('new', 'spring', 1767690000000000, 'welcome', NULL, false),
	('c4', 'spring', 1767690000000000, 'grow', NULL, true),
	('c3', 'spring', 1767690000000000, 'reminder', NULL, true);


--
-- Data for Name: dead_letters; Type: TABLE DATA; Schema: homing; Owner: -
--

INSERT INTO homing.dead_letters OVERRIDING SYSTEM VALUE VALUES
	(1, 'webhook http://127.0.0.1:46477/hook', 'c1', '{"cursor":1,"customer_id":"c1","tags":{"churn.level":"low","churn.percentile":5,"first_purchase.month":"2024-06","lifecycle.stage":"maturity","next_order.due":"this_month","preference.category":"tea","rfm.frequency":5,"rfm.recency":5,"tier.member":"regular","value.at_risk_level":"low"},"model":"shop@ffbc5d6da850","as_of":"2025-12-26T00:00:00Z","scored_at":"2026-01-01T02:00:00Z","at":"2026-01-01T02:00:00Z"}', 'the receiver answered 410', 2, 1795913863032913),
	(2, 'webhook http://127.0.0.1:46477/hook', 'c2', '{"cursor":2,"customer_id":"c2","tags":{"churn.level":"high","churn.percentile":80,"first_purchase.month":"2024-09","lifecycle.stage":"lost","next_order.due":"unlikely","preference.category":"rice","rfm.frequency":1,"rfm.recency":1,"signal.rhythm_broken":true,"tier.member":"dormant","value.at_risk_level":"low"},"model":"shop@ffbc5d6da850","as_of":"2025-12-26T00:00:00Z","scored_at":"2026-01-01T02:00:00Z","at":"2026-01-01T02:00:00Z"}', 'the receiver answered 410', 1, 1795913863051155),
	(3, 'webhook http://127.0.0.1:46477/hook', 'c3', '{"cursor":3,"customer_id":"c3","tags":{"churn.level":"medium","churn.percentile":45,"first_purchase.month":"2025-03","lifecycle.stage":"decline","next_order.due":"unlikely","preference.category":"rice","rfm.frequency":3,"rfm.recency":3,"signal.rhythm_broken":true,"tier.member":"dormant","value.at_risk_level":"low"},"model":"shop@ffbc5d6da850","as_of":"2025-12-26T00:00:00Z","scored_at":"2026-01-01T02:00:00Z","at":"2026-01-01T02:00:00Z"}', 'the receiver answered 410', 1, 1795913863074683),
	(4, 'webhook http://127.0.0.1:46477/hook', 'c4', '{"cursor":4,"customer_id":"c4","tags":{"churn.level":"medium","churn.percentile":30,"first_purchase.month":"2024-04","lifecycle.stage":"growth","next_order.due":"later","preference.category":"tea","rfm.frequency":1,"rfm.recency":4,"tier.member":"entry","value.at_risk_level":"low"},"model":"shop@ffbc5d6da850","as_of":"2025-12-26T00:00:00Z","scored_at":"2026-01-01T02:00:00Z","at":"2026-01-01T02:00:00Z"}', 'the receiver answered 410', 1, 1795913863087092),
	(5, 'webhook http://127.0.0.1:46477/hook', 'opted-out', '{"cursor":6,"customer_id":"opted-out","tags":{"churn.level":"medium","churn.percentile":35,"first_purchase.month":"2024-10","lifecycle.stage":"growth","next_order.due":"later","preference.category":"tea","rfm.frequency":2,"rfm.recency":3,"signal.rhythm_broken":true,"tier.member":"dormant","value.at_risk_level":"low"},"model":"shop@ffbc5d6da850","as_of":"2025-12-26T00:00:00Z","scored_at":"2026-01-01T02:00:00Z","at":"2026-01-01T02:00:00Z"}', 'the receiver answered 410', 1, 1795913863122120),
	(6, 'webhook http://127.0.0.1:46477/hook', '客户5', '{"cursor":7,"customer_id":"客户5","tags":{"churn.level":"medium","churn.percentile":30,"first_purchase.month":"2024-05","lifecycle.stage":"maturity","next_order.due":"unlikely","preference.category":"tea","rfm.frequency":4,"rfm.recency":4,"signal.rhythm_broken":true,"tier.member":"regular","value.at_risk_level":"low"},"model":"shop@ffbc5d6da850","as_of":"2025-12-26T00:00:00Z","scored_at":"2026-01-01T02:00:00Z","at":"2026-01-01T02:00:00Z"}', 'the receiver answered 410', 1, 1795913863133646);


--
-- Data for Name: erased; Type: TABLE DATA; Schema: homing; Owner: -
--

INSERT INTO homing.erased VALUES
	('\xcb8d67a0afc65a0c98d171948ce6eca7669b093f40a20a5dd8926ff6c9a0d39f', 1795913862966954);


--
-- Data for Name: event_ids; Type: TABLE DATA; Schema: homing; Owner: -
--

INSERT INTO homing.event_ids VALUES
	('e1', '\x83fc223f1fb200c9d0b05a3e16606d60', 'c1'),
	('e2', '\x8fcfa06aa43a8093d18751dca413421d', 'new'),
	('e4', '\x1190e46392e6e3e95f11c6cc75158cae', '客户5'),
	('e5', '\x23c6aa23b9df6b80ed1b74a9c863375d', 'c2');


--
-- Data for Name: feeds; Type: TABLE DATA; Schema: homing; Owner: -
--

INSERT INTO homing.feeds VALUES
	('webhook http://127.0.0.1:46477/hook', 7, 1795913863134158);


--
-- Data for Name: histories; Type: TABLE DATA; Schema: homing; Owner: -
--

INSERT INTO homing.histories VALUES
	('c3', '\x4848010502037465610472696365008080fcaa93cf9706065d13100005b455ccb101c89801bc8c02c48f01040404040400000101020102020000007c4e1a66'),
	('c4', '\x4848010302047269636503746561008080f7b4ed8a8b068b01bf030003e03a98a601a822040404000001010202000000e1bb1672'),
	('opted-out', '\x4848010402037465610472696365008080a3c3c8e492068f011a710004ece501d08d01a815ec82010404040400000101020101000000c32357d1'),
	('c1', '\x48480117030374656104726963650377656201808090bfc9b38d06e021a0b506e021a0e907e0af02a09902c0a402e0af02c0a402c08504808701802d80c203e08202a0bf01a09201e021e021e07bc0c707e021b8530017c078e070bc26b08001bcaa01f89202fc7ee4c401c472c09301f48402a4c901909301fc9302bc6aa024c89301a857c4bb01a0c101f4b101fc318827040404040404040404040404040404040404040404040400000101010201010101010102020102010202020102010201000100000000000000000000000000000000000000000000030000bfe812b1'),
	('new', '\x4848010101037765620080a09bb99cdea3060001807d04000000010100005ae209d2'),
	('客户5', '\x4848010c0304726963650374656103776562018080c49ac3fe8b06a06580c203c09a07e0a801c0c70780aa06e0af02c0b905e0d908c09d01b8de08000cccaf01b49702f435b8c701dc6fb4ba018471bc9f0184e10194d401e8d1019c63040404040404040404040404000001010101020202020102020200010000000000000000000000030000d5c328a0'),
	('c2', '\x48480105030472696365037465610377656201808093bd95f39006e07b80b401e0b603b8c1240005e83ba0e901fcc401b83ec0a9070404040404000001010101020001000000000300004c085ade');


--
-- Data for Name: keys; Type: TABLE DATA; Schema: homing; Owner: -
--

INSERT INTO homing.keys VALUES
	('062a66ba', 'admin', 'admin', '\xc54ef94d5d1efd2bda0d8799064e134c414029f5417c33f3942a141e2f9704b9', 1795913862519552, NULL, NULL),
	('2a98b992', 'lost', 'reader', '\x10b8a17b102d061eb78315a4b4a71c22a270899ae181753199f0cbb0223c1202', 1795913862567058, NULL, 1795913862606078);


--
-- Data for Name: leases; Type: TABLE DATA; Schema: homing; Owner: -
--

INSERT INTO homing.leases VALUES
	('webhook http://127.0.0.1:46477/hook', 'a92995e45ad07b94', 1795913892814323);


--
-- Data for Name: profiles; Type: TABLE DATA; Schema: homing; Owner: -
--

INSERT INTO homing.profiles VALUES
	('c3', 1, 0.7660621226457568, 65.6255558976148, 85.66610194870768, NULL, 'shop@ffbc5d6da850', 1766707200000000, 1767232800000000, 5, 5, 5, 264.82, 1740787200000000, 1752364800000000, '{"churn_risk":0.7660621226457568,"p_return_30d":0.13303287297309938,"expected_orders_30d":0.18387273959765743,"expected_spend_30d":13.519615639850299,"expected_spend_30d_low":0.0,"expected_spend_30d_high":0.0,"p_return_90d":0.2339378773542432,"expected_orders_90d":0.4155898315232728,"expected_spend_90d":21.310856410899103,"expected_spend_90d_low":0.0,"expected_spend_90d_high":32.76097695798507,"p_return_365d":0.3628537899730264,"expected_orders_365d":1.8903740952352197,"expected_spend_365d":89.81336737853648,"expected_spend_365d_low":0.0,"expected_spend_365d_high":208.30179921356645,"p_alive":0.25403822906145285,"clv":85.66610194870768,"value_at_risk":65.6255558976148,"churn_percentile":44,"next_order_at":null,"cluster":2,"reasons":[{"code":"buys_often","text":{"zh":"购买频繁：累计 5 次","en":"buys often: 5 orders in all"},"value":34.6878941419049,"contribution":-0.9158511336021973,"importance":"high","change":null},{"code":"rhythm_broken","text":{"zh":"已 166 天未购买，而平时约每 18 天购买一次","en":"166 days of silence; usually buys about every 18 days"},"value":9.485714285714286,"contribution":0.6436269063159731,"importance":"high","change":{"zh":"现在购买一次即可回到自己的节奏，之后约 18 天内再购买都属正常","en":"a purchase now would put the customer back in rhythm; the next is then usual within about 18 days"}},{"code":"long_silence","text":{"zh":"距上次购买已 166 天","en":"166 days since the last purchase"},"value":166.0,"contribution":0.24054892155296226,"importance":"medium","change":{"zh":"任何一次购买都会结束沉默","en":"any purchase ends the silence"}},{"code":"trend_for","text":{"zh":"近期的购买走势有利","en":"the recent course of orders speaks for the customer"},"value":1.8306748854777286,"contribution":-0.23332504403063598,"importance":"medium","change":null},{"code":"in_season","text":{"zh":"购买时间习惯（时段、星期、季节）有利于近期回购","en":"the usual hours, weekdays or season of this customer speak for a purchase soon"},"value":0.6,"contribution":-0.08279222921112156,"importance":"low","change":null}],"model":"shop@ffbc5d6da850","as_of":"2025-12-26T00:00:00Z","scored_at":"2026-01-01T02:00:00Z"}', '{"churn.level": "medium", "rfm.recency": 3, "tier.member": "dormant", "rfm.frequency": 3, "next_order.due": "unlikely", "lifecycle.stage": "decline", "churn.percentile": 45, "preference.category": "rice", "value.at_risk_level": "low", "first_purchase.month": "2025-03", "signal.rhythm_broken": true}', '{"churn.level":[2,0.7660621226457568,2592000000000,null],"churn.percentile":[2,null,2592000000000,null],"first_purchase.month":[0,null,null,null],"lifecycle.stage":[1,null,null,null],"next_order.due":[2,null,1209600000000,null],"preference.category":[1,0.7124461898648139,null,null],"rfm.frequency":[1,null,null,null],"rfm.recency":[1,null,null,null],"signal.rhythm_broken":[1,0.5734939759036144,null,null],"tier.member":[1,null,null,null],"value.at_risk_level":[2,null,2592000000000,null]}', '\xc2a4e969e70c9e7d2f2c4c4181b33931', '\x694786efbad7255b963d5c7a6d9c1ddb', '\x5f872d1f7a8399dc4cafd46ac31799b8'),
	('c4', 1, 0.5939542653875209, 65.94492418597684, 111.02693932663584, NULL, 'shop@ffbc5d6da850', 1766707200000000, 1767232800000000, 3, 3, 3, 82.96000000000001, 1713225600000000, 1763856000000000, '{"churn_risk":0.5939542653875209,"p_return_30d":0.14358310373749558,"expected_orders_30d":0.16047201945664602,"expected_spend_30d":6.42115717067237,"expected_spend_30d_low":0.0,"expected_spend_30d_high":0.0,"p_return_90d":0.40604573461247906,"expected_orders_90d":0.5121349359351391,"expected_spend_90d":26.584763263146726,"expected_spend_90d_low":0.0,"expected_spend_90d_high":58.78735871672084,"p_return_365d":0.8863370328549218,"expected_orders_365d":1.9043751880242559,"expected_spend_365d":116.40197305380082,"expected_spend_365d_low":0.0,"expected_spend_365d_high":186.0755885360466,"p_alive":0.9042252556990777,"clv":111.02693932663584,"value_at_risk":65.94492418597684,"churn_percentile":28,"next_order_at":"2026-04-23T15:17:31Z","cluster":2,"reasons":[{"code":"came_back_before","text":{"zh":"曾经复购：累计 3 次","en":"has come back before: 3 orders in all"},"value":154.0,"contribution":-0.6760091273593307,"importance":"high","change":null},{"code":"in_rhythm","text":{"zh":"仍在自己的购买节奏内：33 天前购买，平时约每 293 天一次","en":"in rhythm: bought 33 days ago, usually every 293 days"},"value":0.11262798634812286,"contribution":-0.42900927497384733,"importance":"medium","change":{"zh":"若再过 384 天仍未购买，沉默将长于自己九成的购买间隔","en":"without a purchase, the silence will be longer than nine in ten of this customer''s gaps in 384 days"}},{"code":"spends_little","text":{"zh":"累计消费不高：82.96","en":"has spent little: 82.96"},"value":10.98,"contribution":0.3626020585759203,"importance":"medium","change":null},{"code":"basket_strong","text":{"zh":"客单价有利：上次订单 10.98，平均 27.65","en":"order value speaks for: 10.98 last time, 27.65 on average"},"value":18.8,"contribution":-0.257311480008032,"importance":"medium","change":null},{"code":"bought_lately","text":{"zh":"33 天前刚购买过","en":"bought 33 days ago"},"value":33.0,"contribution":-0.06405822706952703,"importance":"low","change":null}],"model":"shop@ffbc5d6da850","as_of":"2025-12-26T00:00:00Z","scored_at":"2026-01-01T02:00:00Z"}', '{"churn.level": "medium", "rfm.recency": 4, "tier.member": "entry", "rfm.frequency": 1, "next_order.due": "later", "lifecycle.stage": "growth", "churn.percentile": 30, "preference.category": "tea", "value.at_risk_level": "low", "first_purchase.month": "2024-04"}', '{"churn.level":[2,0.5939542653875209,2592000000000,null],"churn.percentile":[2,null,2592000000000,null],"first_purchase.month":[0,null,null,null],"lifecycle.stage":[1,null,null,null],"next_order.due":[2,null,1209600000000,null],"preference.category":[1,0.7733847637415621,null,null],"rfm.frequency":[1,null,null,null],"rfm.recency":[1,null,null,null],"tier.member":[1,null,null,null],"value.at_risk_level":[2,null,2592000000000,null]}', '\x643dcddd709550af1ff802a2df4d40cf', '\x849073c4ccce4ce1ae19bfc5f7cdae54', '\x4c9105dc81cf293adaf8533fc4be177a'),
	('c1', 2, 0.18564052410497367, 32.755245217487314, 176.44447717118751, NULL, 'shop@ffbc5d6da850', 1767520800000000, 1795913862821179, 23, 23, 23, 1069.4, 1718323200000000, 1767348000000000, '{"churn_risk":0.18564052410497367,"p_return_30d":0.5676847932951847,"expected_orders_30d":0.7876747005153234,"expected_spend_30d":52.862803180418084,"expected_spend_30d_low":0.0,"expected_spend_30d_high":107.1703455263685,"p_return_90d":0.8143594758950263,"expected_orders_90d":2.1523707431982273,"expected_spend_90d":113.75990607570476,"expected_spend_90d_low":0.0,"expected_spend_90d_high":191.4275645403929,"p_return_365d":0.9048349769796723,"expected_orders_365d":5.209792272532606,"expected_spend_365d":184.98650329132573,"expected_spend_365d_low":16.642729850567633,"expected_spend_365d_high":359.4681861964832,"p_alive":0.9346311413901859,"clv":176.44447717118751,"value_at_risk":32.755245217487314,"churn_percentile":2,"next_order_at":"2026-01-29T05:07:04Z","cluster":2,"reasons":[{"code":"buys_often","text":{"zh":"购买频繁：累计 23 次","en":"buys often: 23 orders in all"},"value":3.903576002192864,"contribution":-1.4432266624281,"importance":"high","change":null},{"code":"bought_lately","text":{"zh":"2 天前刚购买过","en":"bought 2 days ago"},"value":2.1782053216053403,"contribution":-0.8249772796143121,"importance":"medium","change":null},{"code":"in_rhythm","text":{"zh":"仍在自己的购买节奏内：2 天前购买，平时约每 20 天一次","en":"in rhythm: bought 2 days ago, usually every 20 days"},"value":0.07760141093474426,"contribution":-0.5451471180432579,"importance":"medium","change":{"zh":"若再过 69 天仍未购买，沉默将长于自己九成的购买间隔","en":"without a purchase, the silence will be longer than nine in ten of this customer''s gaps in 69 days"}},{"code":"spends_much","text":{"zh":"累计消费较高：1069.40","en":"has spent much: 1069.40"},"value":798.84,"contribution":-0.28708397341279146,"importance":"low","change":null},{"code":"spending_less","text":{"zh":"近 90 天消费 85.42，此前 90 天为 330.99","en":"spent 85.42 in the last 90 days, 330.99 in the 90 before"},"value":1.9459101490553132,"contribution":0.09596510482891617,"importance":"low","change":null}],"model":"shop@ffbc5d6da850","as_of":"2026-01-04T10:00:00Z","scored_at":"2026-11-29T00:57:42.821179Z"}', '{"churn.level": "low", "rfm.recency": 5, "tier.member": "regular", "rfm.frequency": 5, "next_order.due": "this_month", "lifecycle.stage": "maturity", "churn.percentile": 5, "preference.category": "tea", "value.at_risk_level": "low", "first_purchase.month": "2024-06"}', '{"churn.level":[2,0.8143594758950263,2592000000000,null],"churn.percentile":[2,null,2592000000000,null],"first_purchase.month":[0,null,null,null],"lifecycle.stage":[1,null,null,null],"next_order.due":[2,null,1209600000000,null],"preference.category":[1,0.6143538432766038,null,null],"rfm.frequency":[1,null,null,null],"rfm.recency":[1,null,null,null],"tier.member":[1,null,null,null],"value.at_risk_level":[2,null,2592000000000,null]}', '\x43284a6891258c1ad0b7a4fd6f76bcde', '\x24c7095184cd3af02e8612d6a6e503cc', '\xa04eb156721e5e5ae0dfaf6f9cd13138'),
	('c2', 2, 0.3049696468783134, 56.649186460457045, 185.75352347461896, NULL, 'shop@ffbc5d6da850', 1767607200000000, 1795913862889170, 5, 5, 5, 476.78999999999996, 1726012800000000, 1767607200000000, '{"churn_risk":0.3049696468783134,"p_return_30d":0.2843242887840524,"expected_orders_30d":0.3508497832218397,"expected_spend_30d":13.67582567496779,"expected_spend_30d_low":0.0,"expected_spend_30d_high":33.43715796737579,"p_return_90d":0.6950303531216866,"expected_orders_90d":1.1366048406748939,"expected_spend_90d":57.585509623375266,"expected_spend_90d_low":0.0,"expected_spend_90d_high":104.98049475316958,"p_return_365d":0.9063760083038037,"expected_orders_365d":2.826586738779513,"expected_spend_365d":194.74621893818093,"expected_spend_365d_low":17.49099573138629,"expected_spend_365d_high":377.9661497130542,"p_alive":0.9205611899333483,"clv":185.75352347461896,"value_at_risk":56.649186460457045,"churn_percentile":6,"next_order_at":"2026-03-01T15:23:44Z","cluster":2,"reasons":[{"code":"buys_often","text":{"zh":"购买频繁：累计 5 次","en":"buys often: 5 orders in all"},"value":170.5012829863752,"contribution":-0.8302185533878059,"importance":"high","change":null},{"code":"in_rhythm","text":{"zh":"仍在自己的购买节奏内：0 天前购买，平时约每 28 天一次","en":"in rhythm: bought 0 days ago, usually every 28 days"},"value":0.0,"contribution":-0.4837644898617867,"importance":"medium","change":{"zh":"若再过 303 天仍未购买，沉默将长于自己九成的购买间隔","en":"without a purchase, the silence will be longer than nine in ten of this customer''s gaps in 303 days"}},{"code":"bought_lately","text":{"zh":"今天刚购买过","en":"bought today"},"value":0.0,"contribution":-0.41973240227349934,"importance":"medium","change":null},{"code":"spends_much","text":{"zh":"累计消费较高：476.79","en":"has spent much: 476.79"},"value":300.0,"contribution":-0.2847192094468459,"importance":"medium","change":null},{"code":"trend_for","text":{"zh":"近期的购买走势有利","en":"the recent course of orders speaks for the customer"},"value":2.5755764500358227,"contribution":-0.1799348643581498,"importance":"low","change":null}],"model":"shop@ffbc5d6da850","as_of":"2026-01-05T10:00:00Z","scored_at":"2026-11-29T00:57:42.889170Z"}', '{"churn.level": "low", "rfm.recency": 5, "tier.member": "entry", "rfm.frequency": 1, "next_order.due": "this_quarter", "lifecycle.stage": "maturity", "churn.percentile": 10, "preference.category": "rice", "value.at_risk_level": "low", "first_purchase.month": "2024-09"}', '{"churn.level":[2,0.6950303531216866,2592000000000,null],"churn.percentile":[2,null,2592000000000,null],"first_purchase.month":[0,null,null,null],"lifecycle.stage":[1,null,null,null],"next_order.due":[2,null,1209600000000,null],"preference.category":[1,0.32888693135342606,null,null],"rfm.frequency":[1,null,null,null],"rfm.recency":[1,null,null,null],"tier.member":[1,null,null,null],"value.at_risk_level":[2,null,2592000000000,null]}', '\x5ee6e998c63335c1c20348df06017b3e', '\xb028b17fdf189da782ccb1377b1d8d6f', '\x3722d8d71488efb90d6bf4b063641455'),
	('opted-out', 2, NULL, NULL, NULL, 'opted_out', 'shop@ffbc5d6da850', 1766707200000000, 1795913862911641, 4, 4, 4, 167.56, 1730160000000000, 1754524800000000, '{"not_scored":"opted_out","model":"shop@ffbc5d6da850","as_of":"2025-12-26T00:00:00Z","scored_at":"2026-11-29T00:57:42.911641Z"}', '{"rfm.recency": 3, "tier.member": "dormant", "rfm.frequency": 2, "lifecycle.stage": "growth", "preference.category": "tea", "first_purchase.month": "2024-10", "signal.rhythm_broken": true}', '{"first_purchase.month":[0,null,null,null],"lifecycle.stage":[1,null,null,null],"preference.category":[1,0.7295297206970638,null,null],"rfm.frequency":[1,null,null,null],"rfm.recency":[1,null,null,null],"signal.rhythm_broken":[1,0.028368794326241176,null,null],"tier.member":[1,null,null,null]}', '\xcf1f0d07445b9ae4359523eb06b6e32b', '\x5747692adcdf9c1bcee023514426886d', '\xe3b0c44298fc1c149afbf4c8996fb924'),
	('new', 1, 0.4363154918409997, 95.12332555287824, 218.01500824899128, NULL, 'shop@ffbc5d6da850', 1767520800000000, 1795913862821179, 1, 1, 1, 40, 1767434400000000, 1767434400000000, '{"churn_risk":0.4363154918409997,"p_return_30d":0.28398865781966737,"expected_orders_30d":0.36568063680132734,"expected_spend_30d":11.316412533908842,"expected_spend_30d_low":0.0,"expected_spend_30d_high":27.643104431642136,"p_return_90d":0.5636845081590003,"expected_orders_90d":1.4110302098977359,"expected_spend_90d":55.26297266427773,"expected_spend_90d_low":0.0,"expected_spend_90d_high":111.55396537548495,"p_return_365d":0.8750248118171723,"expected_orders_365d":5.109519600687588,"expected_spend_365d":228.56954599878,"expected_spend_365d_low":0.0,"expected_spend_365d_high":368.48416780403795,"p_alive":0.9122967743444367,"clv":218.01500824899128,"value_at_risk":95.12332555287824,"churn_percentile":13,"next_order_at":"2026-03-18T21:55:21Z","cluster":2,"reasons":[{"code":"first_order_counts","text":{"zh":"已完成首次购买","en":"has made the first purchase"},"value":0.0,"contribution":-1.1246101117197387,"importance":"high","change":null},{"code":"bought_lately","text":{"zh":"1 天前刚购买过","en":"bought 1 day ago"},"value":1.0,"contribution":-0.5284577618805342,"importance":"medium","change":null},{"code":"tenure_for","text":{"zh":"成为顾客 1 天：这类顾客较稳定","en":"customer for 1 day: such customers tend to stay"},"value":1.0,"contribution":-0.294238792749521,"importance":"medium","change":null},{"code":"basket_small","text":{"zh":"客单价不利：上次订单 40.00，平均 40.00","en":"order value speaks against: 40.00 last time, 40.00 on average"},"value":40.0,"contribution":0.11918708177713526,"importance":"low","change":null},{"code":"off_season","text":{"zh":"购买时间习惯（时段、星期、季节）不利于近期回购","en":"the usual hours, weekdays or season of this customer speak against a purchase soon"},"value":1.0,"contribution":0.04695241483073585,"importance":"low","change":null}],"model":"shop@ffbc5d6da850","as_of":"2026-01-04T10:00:00Z","scored_at":"2026-11-29T00:57:42.821179Z"}', '{"churn.level": "low", "rfm.recency": 5, "tier.member": "entry", "rfm.frequency": 1, "next_order.due": "this_quarter", "lifecycle.stage": "introduction", "churn.percentile": 15, "value.at_risk_level": "low", "first_purchase.month": "2026-01"}', '{"churn.level":[2,0.5636845081590003,2592000000000,null],"churn.percentile":[2,null,2592000000000,null],"first_purchase.month":[0,null,null,null],"lifecycle.stage":[1,null,null,null],"next_order.due":[2,null,1209600000000,null],"rfm.frequency":[1,null,null,null],"rfm.recency":[1,null,null,null],"tier.member":[1,null,null,null],"value.at_risk_level":[2,null,2592000000000,null]}', '\xe888198b7f2785873607483ad9de7ed1', '\x9642622a538253143ace70d6e43c1772', '\xf9a164a8fba1dee5e2c3ebcf360739c0'),
	('客户5', 2, 0.3097705123509825, 40.99531718186041, 132.34092835605688, NULL, 'shop@ffbc5d6da850', 1767520800000000, 1795913862821179, 12, 12, 12, 648.06, 1715212800000000, 1767520800000000, '{"churn_risk":0.3097705123509825,"p_return_30d":0.4453618902273798,"expected_orders_30d":0.5632533887245658,"expected_spend_30d":31.867179880955337,"expected_spend_30d_low":0.0,"expected_spend_30d_high":73.93577777931087,"p_return_90d":0.6902294876490175,"expected_orders_90d":1.4699292831402573,"expected_spend_90d":66.7704261789151,"expected_spend_90d_low":0.0,"expected_spend_90d_high":122.24337074091343,"p_return_365d":0.8056596022572304,"expected_orders_365d":3.5106836348538595,"expected_spend_365d":138.7478144479576,"expected_spend_365d_low":0.0,"expected_spend_365d_high":236.1973403729459,"p_alive":0.9289994071072781,"clv":132.34092835605688,"value_at_risk":40.99531718186041,"churn_percentile":6,"next_order_at":"2026-02-14T02:23:00Z","cluster":2,"reasons":[{"code":"buys_often","text":{"zh":"购买频繁：累计 12 次","en":"buys often: 12 orders in all"},"value":33.447380655699675,"contribution":-1.173651407462218,"importance":"high","change":null},{"code":"in_rhythm","text":{"zh":"仍在自己的购买节奏内：0 天前购买，平时约每 62 天一次","en":"in rhythm: bought 0 days ago, usually every 62 days"},"value":0.0,"contribution":-0.5368327569651067,"importance":"medium","change":{"zh":"若再过 100 天仍未购买，沉默将长于自己九成的购买间隔","en":"without a purchase, the silence will be longer than nine in ten of this customer''s gaps in 100 days"}},{"code":"bought_lately","text":{"zh":"今天刚购买过","en":"bought today"},"value":0.0,"contribution":-0.49231802331385277,"importance":"medium","change":null},{"code":"spends_much","text":{"zh":"累计消费较高：648.06","en":"has spent much: 648.06"},"value":325.99,"contribution":-0.1453490592632192,"importance":"low","change":null},{"code":"season_of_purchases","text":{"zh":"去年同期购买过 1 次","en":"bought 1 time at this time a year ago"},"value":0.3333333333333333,"contribution":-0.08232295718778039,"importance":"low","change":null}],"model":"shop@ffbc5d6da850","as_of":"2026-01-04T10:00:00Z","scored_at":"2026-11-29T00:57:42.821179Z"}', '{"churn.level": "low", "rfm.recency": 5, "tier.member": "regular", "rfm.frequency": 4, "next_order.due": "this_quarter", "lifecycle.stage": "maturity", "churn.percentile": 10, "preference.category": "tea", "value.at_risk_level": "low", "first_purchase.month": "2024-05"}', '{"churn.level":[2,0.6902294876490175,2592000000000,null],"churn.percentile":[2,null,2592000000000,null],"first_purchase.month":[0,null,null,null],"lifecycle.stage":[1,null,null,null],"next_order.due":[2,null,1209600000000,null],"preference.category":[1,0.6209764527975804,null,null],"rfm.frequency":[1,null,null,null],"rfm.recency":[1,null,null,null],"tier.member":[1,null,null,null],"value.at_risk_level":[2,null,2592000000000,null]}', '\xd3c5ce0933dd382fd88625890f255dc3', '\xb51e24c26ab75ed0858e05d2f2a5ecd8', '\x6ea9e55491c4b5bb02888582488a25b4');


--
-- Data for Name: schema_version; Type: TABLE DATA; Schema: homing; Owner: -
--

INSERT INTO homing.schema_version VALUES
	(4);


--
-- Data for Name: secrets; Type: TABLE DATA; Schema: homing; Owner: -
--

INSERT INTO homing.secrets VALUES
	('erasure', '\xaa6a594c30b86858d171de214914e09007b413bd1471af981c0b5e28056a6ed9'),
	('api keys', '\xd57f3577a890e26ba919270c4e0bf482301c3eaa650da4db5145c163982fa958');


--
-- Data for Name: settings; Type: TABLE DATA; Schema: homing; Owner: -
--



--
-- Data for Name: shadows; Type: TABLE DATA; Schema: homing; Owner: -
--



--
-- Data for Name: surveys; Type: TABLE DATA; Schema: homing; Owner: -
--

INSERT INTO homing.surveys VALUES
	(20448, '{"form":1,"day":20448,"as_of":1766707200000000,"taken_at":1795913862827925,"cursor":7,"base":{"customers":7,"value_at_risk":350.8626529518056,"clv":618.0877555519653},"scored":7,"tags_held":75,"tags":{"churn.level":{"customers":7,"values":{"\"high\"":{"customers":1,"value_at_risk":24.712355199773796,"clv":25.090993550018162},"\"low\"":{"customers":1,"value_at_risk":28.321190441435864,"clv":146.33007547489677},"\"medium\"":{"customers":5,"value_at_risk":297.82910731059593,"clv":446.6666865270504}}},"churn.percentile":{"customers":7,"values":{"30":{"customers":2,"value_at_risk":116.77334247671405,"clv":195.52388271750542},"35":{"customers":1,"value_at_risk":48.96332791019278,"clv":76.26561751247516},"45":{"customers":2,"value_at_risk":132.0924369236891,"clv":174.87718629706984},"5":{"customers":1,"value_at_risk":28.321190441435864,"clv":146.33007547489677},"80":{"customers":1,"value_at_risk":24.712355199773796,"clv":25.090993550018162}}},"first_purchase.month":{"customers":7,"values":{"\"2024-04\"":{"customers":2,"value_at_risk":132.41180521205115,"clv":200.23802367499798},"\"2024-05\"":{"customers":1,"value_at_risk":50.828418290737204,"clv":84.49694339086957},"\"2024-06\"":{"customers":1,"value_at_risk":28.321190441435864,"clv":146.33007547489677},"\"2024-09\"":{"customers":1,"value_at_risk":24.712355199773796,"clv":25.090993550018162},"\"2024-10\"":{"customers":1,"value_at_risk":48.96332791019278,"clv":76.26561751247516},"\"2025-03\"":{"customers":1,"value_at_risk":65.6255558976148,"clv":85.66610194870768}}},"lifecycle.stage":{"customers":7,"values":{"\"decline\"":{"customers":1,"value_at_risk":65.6255558976148,"clv":85.66610194870768},"\"growth\"":{"customers":3,"value_at_risk":181.37513312224394,"clv":276.50364118747314},"\"lost\"":{"customers":1,"value_at_risk":24.712355199773796,"clv":25.090993550018162},"\"maturity\"":{"customers":2,"value_at_risk":79.14960873217306,"clv":230.82701886576635}}},"next_order.due":{"customers":7,"values":{"\"later\"":{"customers":2,"value_at_risk":114.90825209616963,"clv":187.292556839111},"\"this_month\"":{"customers":1,"value_at_risk":28.321190441435864,"clv":146.33007547489677},"\"unlikely\"":{"customers":4,"value_at_risk":207.6332104142001,"clv":284.4651232379575}}},"preference.category":{"customers":7,"values":{"\"rice\"":{"customers":2,"value_at_risk":90.3379110973886,"clv":110.75709549872585},"\"tea\"":{"customers":5,"value_at_risk":260.524741854417,"clv":507.3306600532395}}},"rfm.frequency":{"customers":7,"values":{"1":{"customers":2,"value_at_risk":90.65727938575064,"clv":136.117932876654},"2":{"customers":1,"value_at_risk":48.96332791019278,"clv":76.26561751247516},"3":{"customers":2,"value_at_risk":132.0924369236891,"clv":174.87718629706984},"4":{"customers":1,"value_at_risk":50.828418290737204,"clv":84.49694339086957},"5":{"customers":1,"value_at_risk":28.321190441435864,"clv":146.33007547489677}}},"rfm.recency":{"customers":7,"values":{"1":{"customers":1,"value_at_risk":24.712355199773796,"clv":25.090993550018162},"3":{"customers":3,"value_at_risk":181.05576483388188,"clv":251.142803809545},"4":{"customers":2,"value_at_risk":116.77334247671405,"clv":195.52388271750542},"5":{"customers":1,"value_at_risk":28.321190441435864,"clv":146.33007547489677}}},"signal.rhythm_broken":{"customers":5,"values":{"true":{"customers":5,"value_at_risk":256.5965383243929,"clv":360.7307407504327}}},"tier.member":{"customers":7,"values":{"\"dormant\"":{"customers":4,"value_at_risk":205.7681200336557,"clv":276.23379735956314},"\"entry\"":{"customers":1,"value_at_risk":65.94492418597684,"clv":111.02693932663584},"\"regular\"":{"customers":2,"value_at_risk":79.14960873217306,"clv":230.82701886576635}}},"value.at_risk_level":{"customers":7,"values":{"\"low\"":{"customers":7,"value_at_risk":350.8626529518056,"clv":618.0877555519653}}}},"grid":{"1":{"1":{"customers":1,"value_at_risk":24.712355199773796,"clv":25.090993550018162}},"3":{"2":{"customers":1,"value_at_risk":48.96332791019278,"clv":76.26561751247516},"3":{"customers":2,"value_at_risk":132.0924369236891,"clv":174.87718629706984}},"4":{"1":{"customers":1,"value_at_risk":65.94492418597684,"clv":111.02693932663584},"4":{"customers":1,"value_at_risk":50.828418290737204,"clv":84.49694339086957}},"5":{"5":{"customers":1,"value_at_risk":28.321190441435864,"clv":146.33007547489677}}},"flow":{"sample":7,"each":1.0,"days_before":[90,60,30,0],"moves":[{"decline":{"decline":1},"growth":{"growth":3},"lost":{"lost":1},"maturity":{"decline":1,"maturity":1}},{"decline":{"decline":1,"growth":1},"growth":{"growth":3},"lost":{"lost":1},"maturity":{"maturity":1}},{"decline":{"decline":1},"growth":{"growth":3,"maturity":1},"lost":{"lost":1},"maturity":{"maturity":1}}],"week":{"decline":{"decline":1},"growth":{"growth":3,"maturity":1},"lost":{"lost":1},"maturity":{"maturity":1}}},"figures":{"months":{"24291":{"orders":2,"revenue":61.81,"new":2,"new_due":0,"new_back":0,"high":0,"high_back":0,"due":[0,0,0],"kept":[0,0,0],"nps":[0,0,0]},"24292":{"orders":2,"revenue":145.6,"new":1,"new_due":2,"new_back":0,"high":0,"high_back":0,"due":[0,0,0],"kept":[0,0,0],"nps":[0,0,0]},"24293":{"orders":3,"revenue":91.89,"new":1,"new_due":1,"new_back":1,"high":0,"high_back":0,"due":[0,0,0],"kept":[0,0,0],"nps":[0,0,0]},"24294":{"orders":0,"revenue":0.0,"new":0,"new_due":1,"new_back":1,"high":0,"high_back":0,"due":[2,0,0],"kept":[0,0,0],"nps":[0,0,0]},"24295":{"orders":1,"revenue":12.31,"new":0,"new_due":0,"new_back":0,"high":0,"high_back":0,"due":[1,0,0],"kept":[1,0,0],"nps":[0,0,0]},"24296":{"orders":5,"revenue":251.86,"new":1,"new_due":0,"new_back":0,"high":0,"high_back":0,"due":[1,0,0],"kept":[1,0,0],"nps":[0,0,0]},"24297":{"orders":4,"revenue":196.07,"new":1,"new_due":1,"new_back":1,"high":0,"high_back":0,"due":[0,2,0],"kept":[0,1,0],"nps":[0,0,0]},"24298":{"orders":3,"revenue":120.56,"new":0,"new_due":1,"new_back":0,"high":0,"high_back":0,"due":[0,1,0],"kept":[0,1,0],"nps":[0,0,0]},"24299":{"orders":3,"revenue":220.6,"new":0,"new_due":0,"new_back":0,"high":0,"high_back":0,"due":[1,1,0],"kept":[1,1,0],"nps":[0,0,0]},"24300":{"orders":1,"revenue":40.63,"new":0,"new_due":0,"new_back":0,"high":0,"high_back":0,"due":[1,0,0],"kept":[0,0,0],"nps":[0,0,0]},"24301":{"orders":1,"revenue":62.97,"new":0,"new_due":0,"new_back":0,"high":0,"high_back":0,"due":[0,0,0],"kept":[0,0,0],"nps":[0,0,0]},"24302":{"orders":5,"revenue":202.3,"new":1,"new_due":1,"new_back":1,"high":0,"high_back":0,"due":[0,1,0],"kept":[0,0,0],"nps":[0,0,0]},"24303":{"orders":4,"revenue":143.08,"new":0,"new_due":0,"new_back":0,"high":0,"high_back":0,"due":[0,1,2],"kept":[0,1,0],"nps":[0,0,0]},"24304":{"orders":2,"revenue":155.57,"new":0,"new_due":0,"new_back":0,"high":0,"high_back":0,"due":[1,0,1],"kept":[1,0,1],"nps":[0,0,0]},"24305":{"orders":6,"revenue":384.59,"new":0,"new_due":0,"new_back":0,"high":0,"high_back":0,"due":[0,0,1],"kept":[0,0,1],"nps":[0,0,0]},"24306":{"orders":3,"revenue":200.85000000000002,"new":0,"new_due":0,"new_back":0,"high":0,"high_back":0,"due":[0,0,0],"kept":[0,0,0],"nps":[0,0,0]},"24307":{"orders":3,"revenue":87.53999999999999,"new":0,"new_due":0,"new_back":0,"high":0,"high_back":0,"due":[0,1,0],"kept":[0,1,0],"nps":[0,0,0]},"24308":{"orders":6,"revenue":332.03999999999996,"new":0,"new_due":0,"new_back":0,"high":0,"high_back":0,"due":[0,0,1],"kept":[0,0,0],"nps":[0,0,0]},"24309":{"orders":0,"revenue":0.0,"new":0,"new_due":0,"new_back":0,"high":0,"high_back":0,"due":[0,0,1],"kept":[0,0,1],"nps":[0,0,0]},"24310":{"orders":1,"revenue":10.98,"new":0,"new_due":0,"new_back":0,"high":0,"high_back":0,"due":[0,0,0],"kept":[0,0,0],"nps":[0,0,0]},"24311":{"orders":2,"revenue":72.92,"new":0,"new_due":0,"new_back":0,"high":0,"high_back":0,"due":[0,0,0],"kept":[0,0,0],"nps":[0,0,0]}},"cohorts":{"24291":{"customers":2,"marks":[[2,0],[2,1],[2,1],[2,0],[2,1],[2,0],[0,0],[0,0]]},"24292":{"customers":1,"marks":[[1,1],[1,1],[1,1],[1,1],[1,1],[1,1],[0,0],[0,0]]},"24293":{"customers":1,"marks":[[1,1],[1,1],[1,1],[1,1],[1,1],[1,1],[0,0],[0,0]]},"24296":{"customers":1,"marks":[[1,1],[1,0],[1,0],[1,0],[1,0],[0,0],[0,0],[0,0]]},"24297":{"customers":1,"marks":[[1,0],[1,1],[1,0],[1,1],[0,0],[0,0],[0,0],[0,0]]},"24302":{"customers":1,"marks":[[1,1],[1,1],[1,0],[0,0],[0,0],[0,0],[0,0],[0,0]]}},"last_whole":24310,"high_value":5000.0,"channels":{},"met":0,"connected":0}}');


--
-- Name: audit_entry_seq; Type: SEQUENCE SET; Schema: homing; Owner: -
--

SELECT pg_catalog.setval('homing.audit_entry_seq', 10, true);


--
-- Name: change_cursor; Type: SEQUENCE SET; Schema: homing; Owner: -
--

SELECT pg_catalog.setval('homing.change_cursor', 12, true);


--
-- Name: dead_letters_letter_seq; Type: SEQUENCE SET; Schema: homing; Owner: -
--

SELECT pg_catalog.setval('homing.dead_letters_letter_seq', 6, true);


--
-- Name: attributes attributes_pkey; Type: CONSTRAINT; Schema: homing; Owner: -
--

ALTER TABLE ONLY homing.attributes
    ADD CONSTRAINT attributes_pkey PRIMARY KEY (customer_id);


--
-- Name: audit audit_pkey; Type: CONSTRAINT; Schema: homing; Owner: -
--

ALTER TABLE ONLY homing.audit
    ADD CONSTRAINT audit_pkey PRIMARY KEY (entry);


--
-- Name: changes changes_pkey; Type: CONSTRAINT; Schema: homing; Owner: -
--

ALTER TABLE ONLY homing.changes
    ADD CONSTRAINT changes_pkey PRIMARY KEY (cursor);


--
-- Name: clocks clocks_pkey; Type: CONSTRAINT; Schema: homing; Owner: -
--

ALTER TABLE ONLY homing.clocks
    ADD CONSTRAINT clocks_pkey PRIMARY KEY (stripe);


--
-- Name: consents consents_pkey; Type: CONSTRAINT; Schema: homing; Owner: -
--

ALTER TABLE ONLY homing.consents
    ADD CONSTRAINT consents_pkey PRIMARY KEY (customer_id);


--
-- Name: contacts contacts_pkey; Type: CONSTRAINT; Schema: homing; Owner: -
--

ALTER TABLE ONLY homing.contacts
    ADD CONSTRAINT contacts_pkey PRIMARY KEY (customer_id, campaign);


--
-- Name: dead_letters dead_letters_pkey; Type: CONSTRAINT; Schema: homing; Owner: -
--

ALTER TABLE ONLY homing.dead_letters
    ADD CONSTRAINT dead_letters_pkey PRIMARY KEY (letter);


--
-- Name: erased erased_pkey; Type: CONSTRAINT; Schema: homing; Owner: -
--

ALTER TABLE ONLY homing.erased
    ADD CONSTRAINT erased_pkey PRIMARY KEY (hash);


--
-- Name: event_ids event_ids_pkey; Type: CONSTRAINT; Schema: homing; Owner: -
--

ALTER TABLE ONLY homing.event_ids
    ADD CONSTRAINT event_ids_pkey PRIMARY KEY (event_id);


--
-- Name: feeds feeds_pkey; Type: CONSTRAINT; Schema: homing; Owner: -
--

ALTER TABLE ONLY homing.feeds
    ADD CONSTRAINT feeds_pkey PRIMARY KEY (feed);


--
-- Name: histories histories_pkey; Type: CONSTRAINT; Schema: homing; Owner: -
--

ALTER TABLE ONLY homing.histories
    ADD CONSTRAINT histories_pkey PRIMARY KEY (customer_id);


--
-- Name: keys keys_hash_key; Type: CONSTRAINT; Schema: homing; Owner: -
--

ALTER TABLE ONLY homing.keys
    ADD CONSTRAINT keys_hash_key UNIQUE (hash);


--
-- Name: keys keys_pkey; Type: CONSTRAINT; Schema: homing; Owner: -
--

ALTER TABLE ONLY homing.keys
    ADD CONSTRAINT keys_pkey PRIMARY KEY (id);


--
-- Name: leases leases_pkey; Type: CONSTRAINT; Schema: homing; Owner: -
--

ALTER TABLE ONLY homing.leases
    ADD CONSTRAINT leases_pkey PRIMARY KEY (work);


--
-- Name: profiles profiles_pkey; Type: CONSTRAINT; Schema: homing; Owner: -
--

ALTER TABLE ONLY homing.profiles
    ADD CONSTRAINT profiles_pkey PRIMARY KEY (customer_id);


--
-- Name: secrets secrets_pkey; Type: CONSTRAINT; Schema: homing; Owner: -
--

ALTER TABLE ONLY homing.secrets
    ADD CONSTRAINT secrets_pkey PRIMARY KEY (purpose);


--
-- Name: settings settings_pkey; Type: CONSTRAINT; Schema: homing; Owner: -
--

ALTER TABLE ONLY homing.settings
    ADD CONSTRAINT settings_pkey PRIMARY KEY (name);


--
-- Name: shadows shadows_pkey; Type: CONSTRAINT; Schema: homing; Owner: -
--

ALTER TABLE ONLY homing.shadows
    ADD CONSTRAINT shadows_pkey PRIMARY KEY (champion, challenger);


--
-- Name: surveys surveys_pkey; Type: CONSTRAINT; Schema: homing; Owner: -
--

ALTER TABLE ONLY homing.surveys
    ADD CONSTRAINT surveys_pkey PRIMARY KEY (day);


--
-- Name: audit_by_customer; Type: INDEX; Schema: homing; Owner: -
--

CREATE INDEX audit_by_customer ON homing.audit USING btree (customer_id) WHERE (customer_id IS NOT NULL);


--
-- Name: audit_by_erased; Type: INDEX; Schema: homing; Owner: -
--

CREATE INDEX audit_by_erased ON homing.audit USING btree (erased_hash) WHERE (erased_hash IS NOT NULL);


--
-- Name: changes_by_customer; Type: INDEX; Schema: homing; Owner: -
--

CREATE INDEX changes_by_customer ON homing.changes USING btree (customer_id);


--
-- Name: changes_to_high; Type: INDEX; Schema: homing; Owner: -
--

CREATE INDEX changes_to_high ON homing.changes USING btree (customer_id, as_of) WHERE (POSITION(('"churn.level":"high"'::text) IN (tags)) > 0);


--
-- Name: changes_to_high_by_time; Type: INDEX; Schema: homing; Owner: -
--

CREATE INDEX changes_to_high_by_time ON homing.changes USING btree (as_of) WHERE (POSITION(('"churn.level":"high"'::text) IN (tags)) > 0);


--
-- Name: contacts_by_campaign; Type: INDEX; Schema: homing; Owner: -
--

CREATE INDEX contacts_by_campaign ON homing.contacts USING btree (campaign, customer_id);


--
-- Name: dead_letters_by_customer; Type: INDEX; Schema: homing; Owner: -
--

CREATE INDEX dead_letters_by_customer ON homing.dead_letters USING btree (customer_id);


--
-- Name: event_ids_by_customer; Type: INDEX; Schema: homing; Owner: -
--

CREATE INDEX event_ids_by_customer ON homing.event_ids USING btree (customer_id);


--
-- Name: profiles_by_churn_risk; Type: INDEX; Schema: homing; Owner: -
--

CREATE INDEX profiles_by_churn_risk ON homing.profiles USING btree (churn_risk DESC, customer_id);


--
-- Name: profiles_by_clv; Type: INDEX; Schema: homing; Owner: -
--

CREATE INDEX profiles_by_clv ON homing.profiles USING btree (clv DESC, customer_id);


--
-- Name: profiles_by_tag; Type: INDEX; Schema: homing; Owner: -
--

CREATE INDEX profiles_by_tag ON homing.profiles USING gin (tags jsonb_path_ops);


--
-- Name: profiles_by_value_at_risk; Type: INDEX; Schema: homing; Owner: -
--

CREATE INDEX profiles_by_value_at_risk ON homing.profiles USING btree (value_at_risk DESC, customer_id);


--
-- PostgreSQL database dump complete
--



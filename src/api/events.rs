//! One event as JSON: the only place where its fields are read, for every route that takes events.
//!
//! A fault in an event never stops the reading of the text around it: it is found when the event is made,
//! so one bad event does not hide its neighbours.

use std::borrow::Cow;
use std::fmt;

use homing_datasets::event::Invalid;
use homing_datasets::{Event, Kind, Micros, Zone};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::service::limits::{MAX_ID_BYTES, MAX_TEXT_BYTES};
use crate::service::problem::clip;

/// A field of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    EventId,
    CustomerId,
    OccurredAt,
    RecordedAt,
    Kind,
    Amount,
    Quantity,
    OrderId,
    ProductId,
    Category,
    Channel,
    Promotion,
}

impl Field {
    /// Every field; the two ids come first.
    pub(super) const ALL: [Field; 12] = [
        Field::EventId,
        Field::CustomerId,
        Field::OccurredAt,
        Field::RecordedAt,
        Field::Kind,
        Field::Amount,
        Field::Quantity,
        Field::OrderId,
        Field::ProductId,
        Field::Category,
        Field::Channel,
        Field::Promotion,
    ];

    /// The fields of an event inside a customer's history, which needs no ids.
    pub(super) const OF_HISTORY: &'static [Field] = Field::ALL.split_at(2).1;

    pub(super) fn name(self) -> &'static str {
        match self {
            Field::EventId => "event_id",
            Field::CustomerId => "customer_id",
            Field::OccurredAt => "occurred_at",
            Field::RecordedAt => "recorded_at",
            Field::Kind => "kind",
            Field::Amount => "amount",
            Field::Quantity => "quantity",
            Field::OrderId => "order_id",
            Field::ProductId => "product_id",
            Field::Category => "category",
            Field::Channel => "channel",
            Field::Promotion => "promotion",
        }
    }
}

/// Why an event is rejected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// A stable code.
    pub code: &'static str,
    /// The invalid field; empty when the event is not an object.
    pub field: Cow<'static, str>,
    /// What is wrong and what to write instead.
    pub detail: String,
}

/// The code of a fault by a field that is not known.
pub(super) const UNKNOWN_FIELD: &str = "unknown_field";

/// Every code that a [`Fault`] can have.
pub(super) const FAULT_CODES: [&str; 15] = [
    "not_an_object",
    UNKNOWN_FIELD,
    "duplicate_field",
    "missing_field",
    "wrong_type",
    "bad_id",
    "bad_text",
    "bad_instant",
    "unknown_kind",
    "negative_purchase",
    "missing_amount",
    "nps_out_of_range",
    "not_finite",
    "out_of_time",
    "recorded_before_occurred",
];

impl Fault {
    fn new(code: &'static str, field: Field, detail: impl Into<String>) -> Self {
        Fault { code, field: field.name().into(), detail: detail.into() }
    }

    fn invalid(cause: Invalid) -> Self {
        let (field, detail) = match cause {
            Invalid::NegativePurchase => (
                Field::Amount,
                "a purchase must not have a negative amount; set `kind` to `return`, or correct the amount",
            ),
            Invalid::MissingAmount => (Field::Amount, "a purchase needs an `amount`"),
            Invalid::NotFinite => (Field::Amount, "`amount` and `quantity` must be finite and at most 1e12"),
            Invalid::OutOfTime => {
                (Field::OccurredAt, "`occurred_at` and `recorded_at` must be in the years 1900 to 2200")
            }
            Invalid::RecordedBeforeOccurred => {
                (Field::RecordedAt, "`recorded_at` must not be before `occurred_at`")
            }
        };
        Fault::new(cause.code(), field, detail)
    }
}

/// The raw values of an event, before they are parsed.
#[derive(Debug, Default)]
pub(super) struct EventText<'a> {
    values: [Option<&'a RawValue>; Field::ALL.len()],
    fault: Option<Fault>,
}

impl<'a> EventText<'a> {
    /// The event, if everything in it is right. Fields that are not among `known` are refused.
    pub(super) fn event(&self, known: &[Field], zone: Zone) -> Result<Event, Fault> {
        if let Some(fault) = &self.fault {
            return Err(fault.clone());
        }
        let stray = Field::ALL
            .into_iter()
            .find(|field| self.values[*field as usize].is_some() && !known.contains(field));
        if let Some(field) = stray {
            return Err(unknown(field.name()));
        }
        let Some(occurred_at) = self.instant(Field::OccurredAt, zone)? else {
            return Err(Fault::new("missing_field", Field::OccurredAt, "`occurred_at` is missing"));
        };
        let recorded_at = self.instant(Field::RecordedAt, zone)?.unwrap_or(occurred_at);
        let amount = self.number(Field::Amount)?;
        let kind = match self.text(Field::Kind)?.filter(|name| !name.is_empty()) {
            Some(name) => kind(&name)?,
            None if amount.is_some_and(|amount| amount < 0.0) => Kind::Return,
            None => Kind::Purchase,
        };
        let amount = match amount {
            Some(amount) => amount,
            None if kind == Kind::Purchase => return Err(Fault::invalid(Invalid::MissingAmount)),
            None if kind == Kind::Nps => {
                return Err(Fault::new(
                    "missing_amount",
                    Field::Amount,
                    "an `nps` event needs an `amount` from 0 to 10",
                ));
            }
            None => 0.0,
        };
        if kind == Kind::Nps && !(0.0..=10.0).contains(&amount) {
            let detail = format!("the `amount` of an `nps` event is the answer from 0 to 10, not {amount}");
            return Err(Fault::new("nps_out_of_range", Field::Amount, detail));
        }
        let event = Event {
            recorded_at,
            quantity: self.number(Field::Quantity)?.unwrap_or(1.0) as f32,
            order: self.word(Field::OrderId)?,
            product: self.word(Field::ProductId)?,
            category: self.word(Field::Category)?,
            channel: self.word(Field::Channel)?,
            promotion: self.word(Field::Promotion)?,
            ..Event::new(kind, occurred_at, amount)
        };
        event.checked().map_err(Fault::invalid)
    }

    /// An id: a text of 1 to [`MAX_ID_BYTES`] bytes.
    pub(super) fn id(&self, field: Field) -> Result<String, Fault> {
        if let Some(fault) = &self.fault {
            return Err(fault.clone());
        }
        let name = field.name();
        let Some(id) = self.text_or_number(field)? else {
            return Err(Fault::new("missing_field", field, format!("`{name}` is missing")));
        };
        match id_fault(name, &id) {
            None => Ok(id.into_owned()),
            Some(detail) => Err(Fault::new("bad_id", field, detail)),
        }
    }

    fn text(&self, field: Field) -> Result<Option<Cow<'a, str>>, Fault> {
        let Some(raw) = self.values[field as usize] else { return Ok(None) };
        text(raw).map_err(|detail| Fault::new("wrong_type", field, format!("`{}` {detail}", field.name())))
    }

    fn text_or_number(&self, field: Field) -> Result<Option<Cow<'a, str>>, Fault> {
        let Some(raw) = self.values[field as usize] else { return Ok(None) };
        text_or_number(raw)
            .map_err(|detail| Fault::new("wrong_type", field, format!("`{}` {detail}", field.name())))
    }

    /// An optional text; an empty one counts as absent.
    fn word(&self, field: Field) -> Result<Option<String>, Fault> {
        let Some(word) = self.text_or_number(field)?.filter(|word| !word.is_empty()) else { return Ok(None) };
        if word.len() > MAX_TEXT_BYTES || word.contains('\0') {
            let detail =
                format!("`{}` must be a string of at most {MAX_TEXT_BYTES} bytes without NUL", field.name());
            return Err(Fault::new("bad_text", field, detail));
        }
        Ok(Some(word.into_owned()))
    }

    fn instant(&self, field: Field, zone: Zone) -> Result<Option<Micros>, Fault> {
        let Some(text) = self.text(field)? else { return Ok(None) };
        let bad = || {
            let detail = format!(
                "`{}` is `{}`, which is not a date or time; write 2011-09-09 or 2011-09-09T10:30:00Z",
                field.name(),
                clip(&text)
            );
            Fault::new("bad_instant", field, detail)
        };
        zone.instant(&text).map(Some).map_err(|_| bad())
    }

    /// A number, or a text that holds one, as files have it. What is too large for one (`1e999`) reads as infinite, which the
    /// check of the event refuses.
    fn number(&self, field: Field) -> Result<Option<f64>, Fault> {
        let Some(raw) = self.values[field as usize] else { return Ok(None) };
        if !raw.get().starts_with('"') {
            return match raw.get() {
                "null" => Ok(None),
                number => number.parse().map(Some).map_err(|_| {
                    let detail = format!("`{}` must be a number, not {}", field.name(), type_of(raw));
                    Fault::new("wrong_type", field, detail)
                }),
            };
        }
        let text = self.text(field)?.unwrap_or_default();
        match text.trim() {
            "" => Ok(None),
            number => number.parse().map(Some).map_err(|_| {
                let (name, text) = (field.name(), clip(&text));
                let detail = format!(
                    "`{name}` is `{text}`, which is not a number; write 1234.50, without currency or thousands \
                     separators"
                );
                Fault::new("wrong_type", field, detail)
            }),
        }
    }
}

/// What is wrong with an id, if anything.
pub(super) fn id_fault(name: &str, id: &str) -> Option<String> {
    let right = (1..=MAX_ID_BYTES).contains(&id.len()) && !id.contains('\0');
    (!right).then(|| format!("`{name}` must be a string of 1 to {MAX_ID_BYTES} bytes without NUL"))
}

/// A JSON text, or `None` for `null`.
///
/// # Errors
/// What the value must be, to stand behind the name of its field.
pub(super) fn text(raw: &RawValue) -> Result<Option<Cow<'_, str>>, String> {
    let json = raw.get();
    if json == "null" {
        return Ok(None);
    }
    let Some(inner) = json.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return Err(format!("must be a string, not {}", type_of(raw)));
    };
    if !inner.as_bytes().contains(&b'\\') {
        return Ok(Some(Cow::Borrowed(inner)));
    }
    let unescaped =
        serde_json::from_str(json).map_err(|_| "contains an invalid escape sequence".to_owned())?;
    Ok(Some(Cow::Owned(unescaped)))
}

/// Whole numbers up to here are exact as floats.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// A JSON text without the blanks around it, or a number as the text that it would be in a file; `None` for `null`.
///
/// # Errors
/// What the value must be, to stand behind the name of its field.
pub(super) fn text_or_number(raw: &RawValue) -> Result<Option<Cow<'_, str>>, String> {
    let json = raw.get();
    if !json.starts_with(['-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9']) {
        let trimmed = |text| match text {
            Cow::Borrowed(text) => Cow::Borrowed(str::trim(text)),
            Cow::Owned(text) => Cow::Owned(str::trim(&text).to_owned()),
        };
        return text(raw)
            .map(|text| text.map(trimmed))
            .map_err(|detail| detail.replace("a string", "a string or an integer"));
    }
    if json.parse::<i64>().is_ok() || json.parse::<u64>().is_ok() {
        return Ok(Some(Cow::Borrowed(if json == "-0" { "0" } else { json })));
    }
    match json.parse::<f64>() {
        // Programs that know no whole numbers write 12345.0.
        Ok(number) if number.fract() == 0.0 && number.abs() < EXACT => {
            Ok(Some((number as i64).to_string().into()))
        }
        _ => Err(format!("is the number {}; send it as a string or an integer", clip(json))),
    }
}

fn type_of(raw: &RawValue) -> &'static str {
    match raw.get().as_bytes().first() {
        Some(b'"') => "a string",
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b't' | b'f') => "a boolean",
        _ => "a number",
    }
}

fn kind(name: &str) -> Result<Kind, Fault> {
    Kind::from_name(name).or_else(|| Kind::from_name(&name.to_ascii_lowercase())).ok_or_else(|| {
        let names: Vec<&str> = Kind::ALL.iter().map(|kind| kind.name()).collect();
        let detail = format!("`{}` is not an event kind; use one of {}", clip(name), names.join(", "));
        Fault::new("unknown_kind", Field::Kind, detail)
    })
}

fn unknown(name: &str) -> Fault {
    let name = clip(name);
    let detail = format!("`{name}` is not an event field here; remove it or correct its name");
    Fault { code: UNKNOWN_FIELD, field: name.to_owned().into(), detail }
}

impl<'de: 'a, 'a> Deserialize<'de> for EventText<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(EventVisitor)
    }
}

struct EventVisitor;

/// The value in the place of an event is not an object: a fault of this event, not of the request.
fn not_an_object<'a, E>() -> Result<EventText<'a>, E> {
    let detail = "an event must be a JSON object".to_owned();
    let fault = Fault { code: "not_an_object", field: "".into(), detail };
    Ok(EventText { fault: Some(fault), ..EventText::default() })
}

impl<'de> Visitor<'de> for EventVisitor {
    type Value = EventText<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an event")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut event = EventText::default();
        while let Some(Name(field)) = map.next_key()? {
            match field {
                Ok(field) => {
                    let value = map.next_value()?;
                    if event.values[field as usize].replace(value).is_some() {
                        let detail = format!("duplicate field `{}`", field.name());
                        event.fault.get_or_insert(Fault::new("duplicate_field", field, detail));
                    }
                }
                Err(fault) => {
                    map.next_value::<IgnoredAny>()?;
                    event.fault.get_or_insert(fault);
                }
            }
        }
        Ok(event)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        not_an_object()
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        not_an_object()
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        not_an_object()
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        not_an_object()
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        not_an_object()
    }

    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        not_an_object()
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        not_an_object()
    }
}

/// The name of a field.
struct Name(Result<Field, Fault>);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameVisitor;
        impl Visitor<'_> for NameVisitor {
            type Value = Name;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a field name")
            }

            fn visit_str<E>(self, name: &str) -> Result<Name, E> {
                let field = Field::ALL.into_iter().find(|field| field.name() == name);
                Ok(Name(field.ok_or_else(|| unknown(name))))
            }
        }
        deserializer.deserialize_identifier(NameVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Event, Fault> {
        serde_json::from_str::<EventText<'_>>(json).unwrap().event(Field::OF_HISTORY, Zone::default())
    }

    fn code(json: &str) -> (&'static str, String) {
        let fault = read(json).unwrap_err();
        assert!(FAULT_CODES.contains(&fault.code), "{} is not in the list", fault.code);
        (fault.code, fault.field.into_owned())
    }

    #[test]
    fn a_full_event_is_read_whole() {
        let event = read(
            r#"{"occurred_at": "2011-08-01T10:00:00+08:00", "recorded_at": "2011-08-02", "kind": "promotion_used",
                "amount": 12.5, "quantity": 2, "order_id": "o\"1", "product_id": "茶", "category": "\u8336",
                "channel": "", "promotion": null}"#,
        );
        let zone = Zone::default();
        let expected = Event {
            recorded_at: zone.instant("2011-08-02").unwrap(),
            quantity: 2.0,
            order: Some("o\"1".into()),
            product: Some("茶".into()),
            category: Some("茶".into()),
            ..Event::new(Kind::PromotionUsed, zone.instant("2011-08-01T02:00:00Z").unwrap(), 12.5)
        };
        assert_eq!(event, Ok(expected));
    }

    #[test]
    fn numbers_and_ids_are_taken_as_files_have_them() {
        let event = |json: &str| {
            serde_json::from_str::<EventText<'_>>(json).unwrap().event(&Field::ALL, Zone::default())
        };
        let read = event(
            r#"{"event_id": 7, "customer_id": 12345, "occurred_at": "2011-08-01", "amount": " 29.90 ", "quantity": "2",
                "order_id": 1001, "product_id": 55.0, "channel": " web "}"#,
        )
        .unwrap();
        assert_eq!((read.amount, read.quantity, read.order.as_deref()), (29.9, 2.0, Some("1001")));
        assert_eq!((read.product.as_deref(), read.channel.as_deref()), (Some("55"), Some("web")));
        let id = |json: &str| {
            serde_json::from_str::<EventText<'_>>(&format!(r#"{{"customer_id": {json}}}"#))
                .unwrap()
                .id(Field::CustomerId)
        };
        for (json, expected) in [
            ("12345", "12345"),
            ("12345.0", "12345"),
            ("\" ana \"", "ana"),
            ("18446744073709551615", "18446744073709551615"),
        ] {
            assert_eq!(id(json).as_deref(), Ok(expected), "{json}");
        }
        for json in ["true", "1.5", "1e300", "[1]"] {
            let fault = id(json).unwrap_err();
            assert!(
                fault.code == "wrong_type" && fault.detail.contains("an integer"),
                "{json}: {}",
                fault.detail
            );
        }
        assert_eq!(id("\"  \"").unwrap_err().code, "bad_id");
    }

    #[test]
    fn without_a_kind_the_sign_of_the_amount_decides() {
        let kind = |json: &str| read(json).map(|event| (event.kind, event.amount));
        assert_eq!(kind(r#"{"occurred_at": "2011-08-01", "amount": -3}"#), Ok((Kind::Return, -3.0)));
        assert_eq!(kind(r#"{"occurred_at": "2011-08-01", "amount": 3}"#), Ok((Kind::Purchase, 3.0)));
        assert_eq!(
            kind(r#"{"occurred_at": "2011-08-01", "amount": 3, "kind": "Return"}"#),
            Ok((Kind::Return, -3.0))
        );
        assert_eq!(kind(r#"{"occurred_at": "2011-08-01", "kind": "visit"}"#), Ok((Kind::Visit, 0.0)));
        assert_eq!(
            kind(r#"{"occurred_at": "2011-08-01", "kind": null, "amount": 0}"#),
            Ok((Kind::Purchase, 0.0))
        );
    }

    #[test]
    fn every_fault_names_its_field() {
        let with = |rest: &str| code(&format!(r#"{{"occurred_at": "2011-08-01", {rest}}}"#));
        let field = |code: &'static str, field: &str| (code, field.to_owned());
        assert_eq!(code("[1, 2]"), field("not_an_object", ""));
        assert_eq!(code("null"), field("not_an_object", ""));
        assert_eq!(code("-1"), field("not_an_object", ""));
        assert_eq!(code("{}"), field("missing_field", "occurred_at"));
        assert_eq!(code(r#"{"occurred_at": 1312156800, "amount": 1}"#), field("wrong_type", "occurred_at"));
        assert_eq!(code(r#"{"occurred_at": "yesterday", "amount": 1}"#), field("bad_instant", "occurred_at"));
        assert_eq!(
            code(r#"{"occurred_at": "1811-01-01", "amount": 1}"#),
            field("out_of_time", "occurred_at")
        );
        assert_eq!(with(r#""amount": 1, "amonut": 1"#), field("unknown_field", "amonut"));
        assert_eq!(with(r#""amount": 1, "event_id": "e""#), field("unknown_field", "event_id"));
        assert_eq!(with(r#""amount": 1, "amount": 1"#), field("duplicate_field", "amount"));
        assert_eq!(with(r#""kind": "purchase""#), field("missing_amount", "amount"));
        assert_eq!(with(r#""kind": "nps""#), field("missing_amount", "amount"));
        for wrong in ["11", "-1", "10.5"] {
            let nps = format!(r#""kind": "nps", "amount": {wrong}"#);
            assert_eq!(with(&nps), field("nps_out_of_range", "amount"), "{wrong}");
        }
        assert_eq!(with(r#""kind": "sale", "amount": 1"#), field("unknown_kind", "kind"));
        assert_eq!(with(r#""kind": "purchase", "amount": -1"#), field("negative_purchase", "amount"));
        assert_eq!(with(r#""amount": "12 EUR""#), field("wrong_type", "amount"));
        assert_eq!(with(r#""amount": "NaN""#), field("not_finite", "amount"));
        assert_eq!(with(r#""amount": 1, "order_id": true"#), field("wrong_type", "order_id"));
        assert_eq!(with(r#""amount": 1, "order_id": 0.5"#), field("wrong_type", "order_id"));
        assert_eq!(with(r#""amount": true"#), field("wrong_type", "amount"));
        assert_eq!(with(r#""amount": 1e999"#), field("not_finite", "amount"));
        assert_eq!(with(r#""amount": -1e999"#), field("not_finite", "amount"));
        assert_eq!(with(r#""amount": 1, "quantity": 1e39"#), field("not_finite", "amount"));
        assert_eq!(with(r#""amount": 1, "category": "a\u0000b""#), field("bad_text", "category"));
        assert_eq!(with(r#""amount": 1, "category": "\ud800""#), field("wrong_type", "category"));
        assert_eq!(
            with(&format!(r#""amount": 1, "channel": "{}""#, "x".repeat(513))),
            field("bad_text", "channel")
        );
        let before = with(r#""amount": 1, "recorded_at": "2011-07-31""#);
        assert_eq!(before, field("recorded_before_occurred", "recorded_at"));
    }

    #[test]
    fn what_is_no_json_stops_the_reading() {
        for json in
            [r#"{"amount": NaN}"#, r#"{"amount": 01}"#, r#"{"amount": 1,}"#, r#"{"amount": Infinity}"#, "{"]
        {
            assert!(serde_json::from_str::<EventText<'_>>(json).is_err(), "{json}");
        }
    }
}

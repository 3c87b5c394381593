//! Reading request bodies: from bytes to validated values in one pass, without an intermediate tree.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::fmt;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use homing_datasets::Zone;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::service::problem::clip;
use crate::service::{Code, Limits, Problem};

/// The bytes of a body, which the guard has checked.
pub(super) struct JsonBody(pub Bytes);

impl<S: Send + Sync> FromRequest<S> for JsonBody {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        // The guard has read it, within the limit, and checked its type.
        Bytes::from_request(request, state).await.map(JsonBody).map_err(|_| {
            Problem::new(Code::MalformedJson, "the connection closed before the full request body arrived")
        })
    }
}

/// Reads a body that is one plain object.
pub(super) fn plain<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(body).map_err(|error| {
        let unknown = error.to_string().starts_with("unknown field");
        let (code, what) = match error.classify() {
            serde_json::error::Category::Data if unknown => (Code::UnknownField, "the body"),
            serde_json::error::Category::Data => (Code::InvalidRequest, "the body"),
            _ => (Code::MalformedJson, "the body is not JSON"),
        };
        Problem::new(code, format!("{what}: {error}"))
    })
}

/// A position in a request.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Place {
    /// Position in the list of customers.
    pub customer: Option<usize>,
    /// Position in the list of events.
    pub event: Option<usize>,
}

impl Place {
    /// The JSON Pointer (RFC 6901) of a field here, or of the place itself when the name is empty.
    fn pointer(self, field: &str) -> String {
        let mut pointer = String::new();
        for (name, index) in [("customers", self.customer), ("events", self.event)] {
            if let Some(index) = index {
                pointer += &format!("/{name}/{index}");
            }
        }
        if !field.is_empty() {
            pointer += &format!("/{}", field.replace('~', "~0").replace('/', "~1"));
        }
        pointer
    }

    /// A problem with a field here; it says where in words, as a pointer and as indexes.
    pub(super) fn problem(self, code: Code, field: &str, detail: &str) -> Problem {
        let owner = self.customer.map(|index| format!("customer {index}"));
        let place = self.event.map(|index| format!("event {index}"));
        let words: Vec<String> = owner.into_iter().chain(place).collect();
        let detail =
            if words.is_empty() { detail.to_owned() } else { format!("{}: {detail}", words.join(", ")) };
        let mut problem = Problem::new(code, detail).with("pointer", self.pointer(field));
        if let Some(index) = self.customer {
            problem = problem.with("customer_index", index);
        }
        if let Some(index) = self.event {
            problem = problem.with("event_index", index);
        }
        if !field.is_empty() {
            problem = problem.with("field", field);
        }
        problem
    }
}

/// What the reading of one body shares: zone and limits, and the first problem that was found.
pub(super) struct Reader<'r> {
    /// The zone of instants without an offset.
    pub zone: Zone,
    /// The limits of the service.
    pub limits: &'r Limits,
    here: Cell<(Place, &'static str)>,
    problem: RefCell<Option<Problem>>,
}

impl<'r> Reader<'r> {
    pub(super) fn new(zone: Zone, limits: &'r Limits) -> Self {
        Reader { zone, limits, here: Cell::default(), problem: RefCell::default() }
    }

    /// Reads a whole body, which is one object.
    pub(super) fn read<'de, T: Fields<'de>>(&self, body: &'de [u8], mut into: T) -> Result<T, Problem> {
        let text = std::str::from_utf8(body).map_err(|error| {
            Problem::new(
                Code::MalformedJson,
                format!("the body is not valid UTF-8 at byte {}", error.valid_up_to()),
            )
        })?;
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let object = Object { reader: self, place: Place::default(), fields: &mut into };
        let end = object.deserialize(&mut deserializer).and_then(|()| deserializer.end());
        match (self.problem.take(), end) {
            (Some(problem), _) => Err(problem),
            (None, Ok(())) => Ok(into),
            (None, Err(error)) if error.is_data() => {
                let (place, name) = self.here.get();
                Err(place.problem(Code::InvalidRequest, name, &error.to_string()))
            }
            (None, Err(error)) => {
                Err(Problem::new(Code::MalformedJson, format!("the body is not JSON: {error}")))
            }
        }
    }

    /// Keeps a problem and stops the reading.
    pub(super) fn stop<T, E: Error>(&self, problem: Problem) -> Result<T, E> {
        self.problem.borrow_mut().get_or_insert(problem);
        Err(E::custom("stopped"))
    }

    /// Stops the reading for a value that is of the wrong form.
    pub(super) fn refuse<T, E: Error>(&self, place: Place, field: &str, detail: &str) -> Result<T, E> {
        self.stop(place.problem(Code::InvalidRequest, field, detail))
    }
}

/// An object with known fields, each at most once. A field that is not known stops the reading.
pub(super) trait Fields<'de> {
    /// Their names; every one of them that is not in `OPTIONAL` must be there.
    const NAMES: &'static [&'static str];
    /// Those that may be missing.
    const OPTIONAL: &'static [&'static str] = &[];

    /// Reads the value of one of them.
    fn value<A: MapAccess<'de>>(
        &mut self,
        name: &'static str,
        place: Place,
        reader: &Reader<'_>,
        map: &mut A,
    ) -> Result<(), A::Error>;
}

/// Reads an object into `fields`.
pub(super) struct Object<'r, 'l, T> {
    pub reader: &'r Reader<'l>,
    pub place: Place,
    pub fields: &'r mut T,
}

impl<'de, T: Fields<'de>> DeserializeSeed<'de> for Object<'_, '_, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, T: Fields<'de>> Visitor<'de> for Object<'_, '_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object with {}", T::NAMES.join(", "))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let (reader, place) = (self.reader, self.place);
        let mut seen = [false; 8];
        while let Some(key) = map.next_key::<Cow<'_, str>>()? {
            let Some(at) = T::NAMES.iter().position(|name| *name == key) else {
                let key = clip(&key);
                let detail = format!("unknown field `{key}`; supported: {}", T::NAMES.join(", "));
                return reader.stop(place.problem(Code::UnknownField, key, &detail));
            };
            let name = T::NAMES[at];
            if std::mem::replace(&mut seen[at], true) {
                return reader.refuse(place, name, &format!("duplicate field `{name}`"));
            }
            reader.here.set((place, name));
            self.fields.value(name, place, reader, &mut map)?;
        }
        let missing = T::NAMES.iter().zip(seen).find(|(name, seen)| !seen && !T::OPTIONAL.contains(name));
        match missing {
            Some((name, _)) => reader.refuse(place, name, &format!("`{name}` is missing")),
            None => Ok(()),
        }
    }
}

/// A list of items.
pub(super) trait Items<'de> {
    /// What it is a list of.
    const WHAT: &'static str;

    /// Reads the item at `index`; `false` when there is none.
    fn item<A: SeqAccess<'de>>(
        &mut self,
        index: usize,
        place: Place,
        reader: &Reader<'_>,
        seq: &mut A,
    ) -> Result<bool, A::Error>;
}

/// Reads a list into `items`.
pub(super) struct List<'r, 'l, T> {
    pub reader: &'r Reader<'l>,
    pub place: Place,
    pub items: &'r mut T,
}

impl<'de, T: Items<'de>> DeserializeSeed<'de> for List<'_, '_, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, T: Items<'de>> Visitor<'de> for List<'_, '_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an array of {}", T::WHAT)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let mut index = 0;
        while self.items.item(index, self.place, self.reader, &mut seq)? {
            index += 1;
        }
        Ok(())
    }
}

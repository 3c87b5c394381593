//! Errors of the crates as Python exceptions, which `homing/_errors.py` defines.

use std::fmt::{Debug, Display};

use homing_models::{boosting, lifetimes};
use pyo3::prelude::*;

/// The exceptions: `homing.DataError` and its like.
#[derive(Clone, Copy)]
pub enum Kind {
    Data,
    Argument,
    Model,
    Internal,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Data => "DataError",
            Kind::Argument => "ArgumentError",
            Kind::Model => "ModelError",
            Kind::Internal => "InternalError",
        }
    }
}

/// An exception of a kind, with a stable code and a text that says what is wrong and how to fix it.
pub fn raise(kind: Kind, code: &str, text: &str) -> PyErr {
    Python::attach(|py| {
        let made = py
            .import("homing._errors")
            .and_then(|module| module.getattr("make"))
            .and_then(|make| make.call1((kind.name(), code, text)));
        match made {
            Ok(exception) => PyErr::from_value(exception),
            Err(error) => error,
        }
    })
}

/// The name of the variant of an error, in snake case.
fn code(error: &impl Debug) -> String {
    let shown = format!("{error:?}");
    let name = shown.chars().take_while(|c| c.is_ascii_alphanumeric());
    let mut code = String::new();
    for letter in name {
        if letter.is_ascii_uppercase() && !code.is_empty() {
            code.push('_');
        }
        code.push(letter.to_ascii_lowercase());
    }
    code
}

fn raised(kind: Kind, error: &(impl Debug + Display)) -> PyErr {
    raise(kind, &code(error), &error.to_string())
}

/// What becomes an exception.
pub trait Raise {
    /// The exception.
    fn raise(self) -> PyErr;
}

impl Raise for homing_datasets::Error {
    fn raise(self) -> PyErr {
        let argument = self.wrong_use() || matches!(self, homing_datasets::Error::BadLimit { .. });
        raised(if argument { Kind::Argument } else { Kind::Data }, &self)
    }
}

impl Raise for homing_models::Error {
    fn raise(self) -> PyErr {
        use homing_models::Error as E;
        let argument = matches!(self, E::Horizon { .. } | E::DiscountRate { .. } | E::BadName(_));
        raised(if argument { Kind::Argument } else { Kind::Model }, &self)
    }
}

impl Raise for lifetimes::Error {
    fn raise(self) -> PyErr {
        use lifetimes::Error as E;
        let argument = matches!(self, E::Hyperparameter { .. } | E::Parameter { .. });
        let fit = matches!(self, E::FitFailed { .. });
        let kind = if argument {
            Kind::Argument
        } else if fit {
            Kind::Model
        } else {
            Kind::Data
        };
        raised(kind, &self)
    }
}

impl Raise for boosting::Error {
    fn raise(self) -> PyErr {
        raised(Kind::Argument, &self)
    }
}

impl Raise for homing_training::Error {
    fn raise(self) -> PyErr {
        use homing_training::Error as E;
        match self {
            E::Bundle(error) => error.raise(),
            E::Lifetime(error) => error.raise(),
            E::Booster(error) => error.raise(),
            E::InvalidArgument(text) => raise(Kind::Argument, "invalid_argument", &text),
            error @ E::Refused { .. } => raised(Kind::Data, &error),
            error => raised(Kind::Model, &error),
        }
    }
}

/// An invalid argument.
pub fn invalid(text: impl Display) -> PyErr {
    raise(Kind::Argument, "invalid_argument", &text.to_string())
}

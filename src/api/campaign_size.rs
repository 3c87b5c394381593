//! `GET /v1/campaigns/size`: how many customers are worth contacting.

use std::sync::Arc;

use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;

use super::listing::tag;
use super::query::parameters;
use super::reply::json;
use crate::campaign;
use crate::campaign::size::{Question, size};
use crate::service::{App, Code, Problem};
use homing_profiles::Listing;

/// Profiles that are looked at, those with the highest value at risk.
const MOST: usize = 20_000;

/// The parameters by name, with what they mean.
pub(super) const PARAMETERS: [(&str, &str); 5] = [
    ("cost", "Cost of one contact, in the currency of the purchases. Required."),
    ("margin", "Gross margin as a share of the spend, above 0 and at most 1. Required."),
    ("window_days", "Days within which purchases count, 1 to 366; 30 if absent."),
    (
        "effect",
        "Assumed effect: share of the customers who would not buy otherwise and do because of the contact. If absent, what past \
         campaigns proved or measured.",
    ),
    ("tag", "Filter by tag, as `name:value`; repeat to combine."),
];

/// Answers `GET /v1/campaigns/size`.
pub(super) async fn answer(State(app): State<Arc<App>>, uri: Uri) -> Result<Response, Problem> {
    let mut question = Question {
        who: Listing::default(),
        margin: f64::NAN,
        cost_per_contact: f64::NAN,
        window_days: 30,
        assumed: None,
        rank: None,
        most: MOST,
    };
    for parameter in parameters(&uri, &["tag"])? {
        let number = || {
            let number = parameter.value.parse::<f64>().ok().filter(|number| number.is_finite());
            number.ok_or_else(|| parameter.bad("use a number, such as 0.35"))
        };
        match parameter.name.as_str() {
            "cost" => question.cost_per_contact = number()?,
            "margin" => question.margin = number()?,
            "effect" => question.assumed = Some(number()?),
            "window_days" => {
                let days = parameter.value.parse().ok();
                question.window_days = days.ok_or_else(|| parameter.bad("use an integer from 1 to 366"))?;
            }
            "tag" => {
                let tag = tag(&parameter.value);
                question
                    .who
                    .tags
                    .push(tag.ok_or_else(|| parameter.bad("use name:value, such as churn.level:high"))?);
            }
            _ => return Err(parameter.unknown(&PARAMETERS.map(|(name, _)| name))),
        }
    }
    let found = app.work(move |app| {
        size(app.store().as_ref(), &question).map_err(|error| match error {
            campaign::Error::InvalidArgument(text) | campaign::Error::Refused(text) => {
                Problem::new(Code::BadParameter, text)
            }
            campaign::Error::Store(error) => error.into(),
        })
    });
    json(&found.await?)
}

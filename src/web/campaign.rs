//! `GET /call/export`: the filtered list as a CSV file for a campaign, a part of it held out.
//!
//! Who is held out follows from customer and campaign alone (a keyed hash under a secret of the store): the same in every
//! export of one campaign, independent from campaign to campaign, and not to be guessed from outside.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Uri, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::asked::{Asked, encoded};
use super::labels::{CHURN_LEVEL, Labels, STAGE, TIER};
use super::scores::Scores;
use super::{Web, call, message};
use crate::api::{Caller, Code, Problem, Role};
use crate::profiles::access::AuditEntry;
use crate::profiles::privacy::keyed_hash;
use crate::profiles::{Listing, Profile};

/// Most customers of an export.
pub(super) const MOST: usize = 50_000;

/// The purpose of the secret behind the hold-out.
const PURPOSE: &str = "campaigns";

/// What was asked for: name and share of the hold-out.
fn wish(asked: &Asked) -> Option<(String, f64)> {
    let name = asked.get("campaign").filter(|name| name.chars().count() <= 80)?;
    let percent: f64 = asked.get("holdout").unwrap_or("10").parse().ok()?;
    (0.0..=50.0).contains(&percent).then(|| (name.to_owned(), percent / 100.0))
}

/// Answers `GET /call/export`.
pub(super) async fn download(
    State(web): State<Arc<Web>>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let asked = Asked::of(&uri, &headers);
    if !caller.may(Role::Operator) {
        return message::forbidden(&asked, Role::Operator);
    }
    let Some((name, share)) = wish(&asked) else { return message::no_campaign(&asked) };
    let made = make(&web, &asked, &caller, &name, share).await;
    let bytes = match made {
        Ok(bytes) => bytes,
        Err(code) => return message::problem(&web, &asked, code),
    };
    let disposition = format!("attachment; filename*=UTF-8''{}.csv", encoded(&name));
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8; header=present")),
        (
            header::CONTENT_DISPOSITION,
            HeaderValue::try_from(disposition).unwrap_or(HeaderValue::from_static("attachment")),
        ),
    ];
    (headers, bytes).into_response()
}

async fn make(
    web: &Arc<Web>,
    asked: &Asked,
    caller: &Caller,
    name: &str,
    share: f64,
) -> Result<Vec<u8>, Code> {
    let secret = web.secret(PURPOSE).await?;
    let listing = Listing { limit: 1000, cursor: None, ..call::listing(web, asked) };
    let (web_, asked, caller, name) = (web.clone(), asked.clone(), caller.clone(), name.to_owned());
    web.work(move |app| {
        let labels = Labels { catalogue: &web_.catalogue, lang: asked.lang };
        let mut sheet = Sheet::new(labels)?;
        let mut listing = listing;
        while sheet.customers < MOST {
            let page = app.store().list(&listing)?;
            let profiles = &page.profiles[..page.profiles.len().min(MOST - sheet.customers)];
            // What is shown is in the audit log first.
            let entry = |profile: &Profile| AuditEntry {
                at: app.now(),
                key_id: caller.key_id(),
                action: "campaign.export".to_owned(),
                customer_id: Some(profile.customer_id.clone()),
                detail: name.clone(),
            };
            if app.demands_keys() {
                app.store().audit(&profiles.iter().map(entry).collect::<Vec<_>>())?;
            }
            for profile in profiles {
                sheet.add(labels, profile, held_out(&secret, &name, &profile.customer_id, share))?;
            }
            listing.cursor = page.next;
            if listing.cursor.is_none() {
                break;
            }
        }
        sheet.finish()
    })
    .await
}

/// Whether a customer belongs to the hold-out of a campaign.
fn held_out(secret: &[u8; 32], campaign: &str, customer_id: &str, share: f64) -> bool {
    let message =
        [&(campaign.len() as u64).to_le_bytes(), campaign.as_bytes(), customer_id.as_bytes()].concat();
    let hash = keyed_hash(secret, &message);
    let first = hash.first_chunk::<8>().map_or(0, |bytes| u64::from_le_bytes(*bytes));
    // 53 bits are what a double holds exactly.
    ((first >> 11) as f64) < share * 9_007_199_254_740_992.0
}

/// The file in the making.
struct Sheet {
    writer: csv::Writer<Vec<u8>>,
    customers: usize,
}

impl Sheet {
    fn new(labels: Labels<'_>) -> Result<Self, Problem> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        let tags = [CHURN_LEVEL, STAGE, TIER].map(|tag| plain(&labels.name(tag)));
        let [level, stage, tier] = &tags;
        let head = [
            "customer_id",
            "group",
            "churn_risk",
            "value_at_risk",
            "clv",
            "next_order_at",
            level,
            stage,
            tier,
            "reason",
        ];
        writer.write_record(head).map_err(|error| Problem::internal(&error))?;
        Ok(Sheet { writer, customers: 0 })
    }

    fn add(&mut self, labels: Labels<'_>, profile: &Profile, held_out: bool) -> Result<(), Problem> {
        let number = |name: &str| profile.prediction.get(name).and_then(Value::as_f64);
        let number = |name: &str| number(name).map_or_else(String::new, |number| format!("{number:.4}"));
        let tag =
            |name: &str| profile.tags.get(name).map(|tag| labels.value(name, &tag.value)).unwrap_or_default();
        let reason = Scores::read(&profile.prediction)
            .and_then(|scores| scores.reasons.first().map(|reason| labels.lang.of(&reason.text).to_owned()));
        let next = profile.prediction.get("next_order_at").and_then(Value::as_str).unwrap_or_default();
        let record = [
            plain(&profile.customer_id),
            if held_out { "holdout" } else { "contact" }.to_owned(),
            number("churn_risk"),
            number("value_at_risk"),
            number("clv"),
            next.to_owned(),
            plain(&tag(CHURN_LEVEL)),
            plain(&tag(STAGE)),
            plain(&tag(TIER)),
            plain(&reason.unwrap_or_default()),
        ];
        self.customers += 1;
        self.writer.write_record(record).map_err(|error| Problem::internal(&error))
    }

    /// With a mark by which spreadsheets know UTF-8.
    fn finish(self) -> Result<Vec<u8>, Problem> {
        let text = self.writer.into_inner().map_err(|error| Problem::internal(&error.into_error()))?;
        Ok([&"\u{feff}".as_bytes()[..], &text].concat())
    }
}

/// A text that no spreadsheet takes for a formula: one that begins like one gets an apostrophe in front.
fn plain(text: &str) -> String {
    match text.chars().next() {
        Some('=' | '+' | '-' | '@' | '\t' | '\r' | '\n' | '＝' | '＋' | '－' | '＠') => {
            format!("'{text}")
        }
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_begins_like_a_formula_is_made_harmless() {
        for text in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1"] {
            assert_eq!(plain(text), format!("'{text}"));
        }
        for text in ["", "a=1", "c-1", "客户", "1"] {
            assert_eq!(plain(text), text);
        }
    }

    #[test]
    fn a_hold_out_is_a_fixed_share_that_differs_from_campaign_to_campaign() {
        let held = |campaign: &str, share: f64| -> Vec<u32> {
            (0..20_000).filter(|n| held_out(&[7; 32], campaign, &format!("c{n:05}"), share)).collect()
        };
        let spring = held("spring", 0.1);
        assert_eq!(spring, held("spring", 0.1));
        // Four standard deviations of a tenth of 20,000.
        assert!((1_830..=2_170).contains(&spring.len()), "{}", spring.len());
        // A greater share holds out the same and more.
        let more = held("spring", 0.2);
        assert!(spring.iter().all(|n| more.contains(n)));
        let both = held("autumn", 0.1).into_iter().filter(|n| spring.contains(n)).count();
        assert!((140..=260).contains(&both), "{both} of about 200 are held out by chance in both");
        assert_eq!((held("spring", 0.0).len(), held_out(&[8; 32], "", "", 1.0)), (0, true));
    }
}

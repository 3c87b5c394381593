//! `POST /call/export`: a campaign for the customers of the filtered list, as a CSV file.
//!
//! Whom to contact and who is held out is the matter of [`crate::campaign`]; here it becomes a file that no spreadsheet takes
//! for a program.

use std::sync::Arc;

use axum::extract::State;
use axum::extract::rejection::FormRejection;
use axum::http::{HeaderMap, HeaderValue, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Form};
use serde::Deserialize;

use super::asked::{Asked, encoded};
use super::filters::listing;
use super::forms::Token;
use super::message;
use super::state::Web;
use super::words::Lang;
use crate::campaign::{self, Campaign, Member, Plan, Rank};
use crate::service::access::Caller;
use crate::service::{App, Code, Problem, Role};
use homing_profiles::Listing;
use homing_profiles::access::AuditEntry;
use homing_tags::playbook::Playbook;

/// Most customers of a list, those held out included.
pub(super) const MOST: u64 = 50_000;

#[derive(Deserialize)]
pub(super) struct ListForm {
    #[serde(flatten)]
    token: Token,
    #[serde(default)]
    campaign: String,
    #[serde(default)]
    holdout: String,
    /// Whether the contacts are taken down: a box that is ticked or not there.
    record: Option<String>,
}

impl ListForm {
    /// What is asked for, if it makes a campaign.
    fn plan(&self, who: Listing) -> Option<Plan> {
        let name = self.campaign.trim();
        let percent: f64 = self.holdout.trim().parse().ok()?;
        let fits = (1..=80).contains(&name.chars().count()) && (0.0..=50.0).contains(&percent);
        fits.then(|| Plan {
            name: name.to_owned(),
            who,
            actions: Vec::new(),
            hold_out: percent / 100.0,
            seed: 0,
            rank: Rank::ValueAtRisk,
            learn_variants: false,
            most: Some(MOST),
            record: self.record.is_some(),
            window_days: 30,
            detect: 0.02,
        })
    }
}

/// Answers `POST /call/export`; the filters stand in the address.
pub(super) async fn download(
    State(web): State<Arc<Web>>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
    headers: HeaderMap,
    form: Result<Form<ListForm>, FormRejection>,
) -> Response {
    let asked = Asked::of(&uri, &headers);
    let run = async {
        let Form(form) = form.map_err(|_| Box::new(message::stale_form(&asked)))?;
        web.admit(&asked, &headers, &caller, (Role::Operator, &form.token.token)).await?;
        let listing = Listing { cursor: None, ..listing(&web, &asked) };
        let plan = form.plan(listing).ok_or_else(|| Box::new(message::no_campaign(&asked)))?;
        let Some(playbook) = web.catalogue.playbook().cloned() else {
            return Err(Box::new(message::no_campaign(&asked)));
        };
        let (name, lang) = (plan.name.clone(), asked.lang);
        let made = web.work(move |app| {
            let list =
                campaign::run(app.store().as_ref(), &playbook, &plan, app.now()).map_err(
                    |error| match error {
                        campaign::Error::InvalidArgument(text) | campaign::Error::Refused(text) => {
                            Problem::new(Code::BadParameter, text)
                        }
                        campaign::Error::Store(error) => error.into(),
                    },
                )?;
            audit(app, &caller, &plan.name, &list)?;
            sheet(&list, &playbook, &plan.name, lang)
        });
        let bytes = made.await.map_err(|code| Box::new(message::problem(&web, &asked, code)))?;
        let disposition = format!("attachment; filename*=UTF-8''{}.csv", encoded(&name));
        let headers = [
            (header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8; header=present")),
            (
                header::CONTENT_DISPOSITION,
                HeaderValue::try_from(disposition).unwrap_or(HeaderValue::from_static("attachment")),
            ),
        ];
        Ok((headers, bytes).into_response())
    };
    run.await.unwrap_or_else(|page: Box<Response>| *page)
}

/// Takes everybody down who is on the list. Without keys there is nobody to tell of.
fn audit(app: &App, caller: &Caller, campaign: &str, list: &Campaign) -> Result<(), Problem> {
    if !app.demands_keys() {
        return Ok(());
    }
    let entry = |member: &Member| AuditEntry {
        at: app.now(),
        key_id: caller.key_id(),
        action: "campaign.export".to_owned(),
        customer_id: Some(member.customer_id.clone()),
        detail: campaign.to_owned(),
    };
    let entries: Vec<AuditEntry> = list.contacts.iter().chain(&list.held_out).map(entry).collect();
    Ok(app.store().audit(&entries)?)
}

const HEAD: [&str; 14] = [
    "customer_id",
    "campaign",
    "group",
    "action",
    "title",
    "text",
    "channel",
    "hour",
    "value_at_risk",
    "churn_risk",
    "stage",
    "tier",
    "cause",
    "reason",
];

/// The file: those to contact, then those held out, with a mark in front by which spreadsheets know UTF-8.
fn sheet(list: &Campaign, playbook: &Playbook, campaign: &str, lang: Lang) -> Result<Vec<u8>, Problem> {
    let internal = |error: csv::Error| Problem::internal(&error);
    let mut writer = csv::Writer::from_writer("\u{feff}".as_bytes().to_vec());
    writer.write_record(HEAD).map_err(internal)?;
    for member in list.contacts.iter().chain(&list.held_out) {
        let entry = playbook.entries.iter().find(|entry| entry.action == member.action);
        let of = |text: Option<&homing_locales::Text>| {
            text.map(|text| text.within(lang).to_owned()).unwrap_or_default()
        };
        let [stage, tier, cause] = &member.because;
        let record = [
            member.customer_id.clone(),
            campaign.to_owned(),
            if member.held_out { "held_out" } else { "contact" }.to_owned(),
            member.action.clone(),
            of(entry.map(|entry| &entry.title)),
            of(entry.map(|entry| &entry.text)),
            member.channel.clone().unwrap_or_default(),
            member.hour.map(|hour| hour.to_string()).unwrap_or_default(),
            format!("{:.2}", member.value_at_risk),
            member.churn_risk.map(|risk| format!("{risk:.4}")).unwrap_or_default(),
            stage.clone(),
            tier.clone(),
            cause.clone(),
            member.reason.within(lang).to_owned(),
        ];
        writer.write_record(record.map(|text| plain(&text))).map_err(internal)?;
    }
    writer.into_inner().map_err(|error| Problem::internal(&error.into_error()))
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
    fn a_list_of_odd_customers_is_a_file_of_plain_texts() {
        let catalogue = homing_tags::Catalogue::shipped().unwrap();
        let playbook = Playbook::shipped(catalogue.tags()).unwrap();
        let member = |id: &str, held_out| Member {
            customer_id: id.to_owned(),
            action: playbook.entries[0].action.clone(),
            channel: Some("@shop".to_owned()),
            hour: Some(10),
            value_at_risk: 12.345,
            churn_risk: None,
            reason: homing_locales::Text::new("阶段：衰退期", "-1"),
            because: ["decline".to_owned(), "super".to_owned(), String::new()],
            attributes: serde_json::Map::new(),
            held_out,
            scores: serde_json::Value::Null,
            uplift: None,
            uplift_group: None,
            variant: None,
        };
        let list = Campaign {
            contacts: vec![member("=1+1", false)],
            held_out: vec![member("a,\"b\"\n<c>", true)],
            summary: campaign::Summary::default(),
        };
        let bytes = sheet(&list, &playbook, "+spring", Lang::ENGLISH).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let mut reader = csv::Reader::from_reader(text.strip_prefix('\u{feff}').unwrap().as_bytes());
        let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        let cells = |row: usize| [0, 1, 2, 6, 7, 8, 13].map(|at| rows[row][at].to_owned());
        assert_eq!(cells(0), ["'=1+1", "'+spring", "contact", "'@shop", "10", "12.35", "'-1"]);
        assert_eq!((&rows[1][0], &rows[1][2]), ("a,\"b\"\n<c>", "held_out"));
        assert!(!rows[0][4].is_empty() && !rows[0][5].is_empty());
    }

    #[test]
    fn an_order_needs_a_name_and_a_share_that_can_be_held_out() {
        let order = |campaign: &str, holdout: &str| ListForm {
            token: Token { token: String::new() },
            campaign: campaign.to_owned(),
            holdout: holdout.to_owned(),
            record: None,
        };
        let plan = order(" Spring ", " 12.5 ").plan(Listing::default()).unwrap();
        assert_eq!(
            (plan.name.as_str(), plan.hold_out, plan.record, plan.most),
            ("Spring", 0.125, false, Some(MOST))
        );
        for (name, share) in [
            ("", "10"),
            ("  ", "10"),
            (&"x".repeat(81), "10"),
            ("x", "51"),
            ("x", "-1"),
            ("x", "NaN"),
            ("x", ""),
        ] {
            assert_eq!(order(name, share).plan(Listing::default()), None, "{name} {share}");
        }
    }
}

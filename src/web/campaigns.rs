//! The page "Campaigns": what each campaign changed, as it was last evaluated.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;

use super::asked::Asked;
use super::format::{Dates, NOTHING};
use super::frame::{Frame, Place};
use super::message;
use super::parts::{Cell, Head, Table};
use super::state::{Web, written};
use super::words::{Lang, t};
use crate::campaign::effects::Effect;
use crate::campaign::evaluate::Evaluation;
use homing_profiles::kept::CampaignRecord;

/// Campaigns that are shown, the latest first.
const SHOWN: usize = 100;

/// Answers `GET /campaigns`.
pub(super) async fn page(State(web): State<Arc<Web>>, uri: Uri, headers: HeaderMap) -> Response {
    let asked = Asked::of(&uri, &headers);
    match web.ask(|store| store.campaigns()).await {
        Ok(campaigns) => written(StatusCode::OK, &view(&web, &asked, &campaigns)),
        Err(code) => message::problem(&web, &asked, code),
    }
}

#[derive(Template)]
#[template(path = "campaigns.html", config = "src/web/askama.toml")]
struct View {
    frame: Frame,
    table: Option<Table>,
}

fn view(web: &Web, asked: &Asked, campaigns: &[CampaignRecord]) -> View {
    let lang = asked.lang;
    let dates = Dates { lang, zone: web.model().map(|model| model.timezone) };
    let head = vec![
        Head::text(t!(lang, "campaign-one")),
        Head::text(t!(lang, "campaign-verdict")),
        Head::number(t!(lang, "campaign-contacted")),
        Head::number(t!(lang, "campaign-held-out")),
        Head::number(t!(lang, "campaign-buyers")).help(t!(lang, "campaign-buyers-help")),
        Head::number(t!(lang, "campaign-effect")).help(t!(lang, "campaign-effect-help")),
        Head::number(t!(lang, "campaign-revenue")).help(t!(lang, "campaign-revenue-help")),
        Head::number(t!(lang, "campaign-return")).help(t!(lang, "campaign-return-help")),
    ];
    let rows: Vec<Vec<Cell>> = campaigns.iter().take(SHOWN).map(|one| row(lang, dates, one)).collect();
    View {
        frame: Frame::new(asked, Some(Place::Campaigns), t!(lang, "campaigns")),
        table: (!rows.is_empty()).then_some(Table { named_by: "results", head, rows }),
    }
}

fn row(lang: Lang, dates: Dates, one: &CampaignRecord) -> Vec<Cell> {
    let found: Option<Evaluation> =
        one.evaluation.as_deref().and_then(|text| serde_json::from_str(text).ok());
    let of = |name: &str| found.as_ref()?.outcomes.iter().find(|effect| effect.outcome == name);
    let (purchase, spend) = (of("purchase"), of("spend"));
    let mut cells = vec![
        Cell::text(one.campaign.clone()).note(dates.of(one.first_at)),
        verdict(lang, one, found.as_ref(), purchase, spend),
        Cell::number(lang.count(one.contacts)),
        Cell::number(lang.count(one.held_out)),
    ];
    cells.push(match purchase {
        Some(found) => {
            Cell::number(format!("{} / {}", lang.percent1(found.treated), lang.percent1(found.held_out)))
        }
        None => Cell::number(NOTHING),
    });
    cells.push(match purchase.and_then(|found| Some((found.effect?, found.low?, found.high?))) {
        Some((effect, low, high)) => {
            let points = |share: f64| lang.decimal(share * 100.0, 1);
            Cell::number(t!(lang, "points", n = &points(effect))).note(t!(
                lang,
                "from-to",
                low = &points(low),
                high = &points(high)
            ))
        }
        None => Cell::number(NOTHING),
    });
    let found = found.as_ref();
    let revenue = found.and_then(|found| {
        let (low, high) = (found.incremental_revenue_low?, found.incremental_revenue_high?);
        Some((found.incremental_revenue?, low, high))
    });
    cells.push(match revenue {
        Some((value, low, high)) => Cell::number(lang.money(value)).note(t!(
            lang,
            "from-to",
            low = &lang.money(low),
            high = &lang.money(high)
        )),
        None => Cell::number(NOTHING),
    });
    cells.push(match found.and_then(|found| found.return_on_cost) {
        Some(back) => Cell::number(lang.signed_percent(back)),
        None => Cell::number(NOTHING),
    });
    cells
}

/// What the figures say, in a word.
fn verdict(
    lang: Lang,
    one: &CampaignRecord,
    found: Option<&Evaluation>,
    purchase: Option<&Effect>,
    spend: Option<&Effect>,
) -> Cell {
    if one.held_out == 0 {
        return Cell::text(t!(lang, "campaign-no-hold-out"));
    }
    let Some(found) = found else { return Cell::text(t!(lang, "campaign-not-evaluated")) };
    let above = |effect: Option<&Effect>| effect.and_then(|effect| effect.low).is_some_and(|low| low > 0.0);
    let below =
        |effect: Option<&Effect>| effect.and_then(|effect| effect.high).is_some_and(|high| high < 0.0);
    let (word, sense) = match () {
        () if below(purchase) || below(spend) => (t!(lang, "campaign-harmful"), Some("down")),
        () if above(purchase) || above(spend) => (t!(lang, "campaign-effective"), Some("up")),
        () => (t!(lang, "campaign-unproven"), None),
    };
    let cell = Cell { sense, ..Cell::text(word) };
    let mistrust = found.sample_ratio_p.is_some_and(|p| p < 0.001);
    match (mistrust, found.complete) {
        (true, _) => cell.note(t!(lang, "campaign-mismatch")),
        (false, false) => cell.note(t!(lang, "campaign-so-far")),
        (false, true) => cell,
    }
}

//! The part "How many to contact" of the page "Who to call".

use homing_charts::{Axis, Ink, Line, Plot, Point, Rule, Svg};

use super::asked::Asked;
use super::filters::{CURSOR, SIZE_COST, SIZE_EFFECT, SIZE_MARGIN, SIZES, filters};
use super::state::Web;
use super::words::{Lang, t};
use crate::campaign;
use crate::campaign::size::{Question, Sized, size};
use crate::service::Code;
use homing_profiles::Listing;

/// Profiles that are looked at, those with the highest value at risk.
const MOST: usize = 20_000;

/// What the page shows.
pub(super) struct Size {
    /// Where the form leads.
    pub action: &'static str,
    /// The filters of the list, which the form keeps.
    pub kept: Vec<(String, String)>,
    pub cost: String,
    pub margin: String,
    pub effect: String,
    /// The answer, or what is wrong with the question; nothing before it is asked.
    pub answer: Option<Result<Answer, String>>,
}

/// The answer in words and as a curve.
pub(super) struct Answer {
    pub basis: String,
    pub best: String,
    pub positives: Option<String>,
    pub curve: Svg,
}

/// The question in the address; `None` where none is asked.
fn question(asked: &Asked, who: &Listing) -> Option<Option<Question>> {
    SIZES.iter().find_map(|name| asked.get(name))?;
    let number = |name: &str| asked.get(name).map(|text| text.parse::<f64>().ok()).unwrap_or(Some(f64::NAN));
    let build = || {
        let (cost, margin, effect) = (number(SIZE_COST)?, number(SIZE_MARGIN)?, number(SIZE_EFFECT)?);
        Some(Question {
            who: Listing { cursor: None, ..who.clone() },
            margin: margin / 100.0,
            cost_per_contact: cost,
            window_days: 30,
            assumed: (!effect.is_nan()).then_some(effect / 100.0),
            rank: None,
            most: MOST,
        })
    };
    Some(build())
}

/// The part for a page.
///
/// # Errors
/// [`Code`] of the store.
pub(super) async fn part(
    web: &Web,
    asked: &Asked,
    who: &Listing,
    action: &'static str,
) -> Result<Size, Code> {
    let lang = asked.lang;
    let text = |name: &str| asked.get(name).unwrap_or_default().to_owned();
    let answer = match question(asked, who) {
        None => None,
        Some(None) => Some(Err(t!(lang, "size-bad").to_owned())),
        Some(Some(question)) => {
            let (bad, assumed) = (question.fault(), question.assumed);
            let found = match bad {
                true => Err(campaign::Error::InvalidArgument(String::new())),
                false => web.ask(move |store| Ok(size(store, &question))).await?,
            };
            Some(match found {
                Ok(found) => Ok(answer(lang, &found)),
                Err(campaign::Error::Store(_)) => return Err(Code::StoreFailed),
                Err(campaign::Error::Refused(_)) => Err(t!(lang, "nobody").to_owned()),
                Err(campaign::Error::InvalidArgument(_)) if bad || assumed.is_some() => {
                    Err(t!(lang, "size-bad").to_owned())
                }
                Err(campaign::Error::InvalidArgument(_)) => Err(t!(lang, "size-no-basis").to_owned()),
            })
        }
    };
    let kept = filters(web, asked).filter(|(name, _)| name != CURSOR).collect();
    Ok(Size {
        action,
        kept,
        cost: text(SIZE_COST),
        margin: text(SIZE_MARGIN),
        effect: text(SIZE_EFFECT),
        answer,
    })
}

fn answer(lang: Lang, found: &Sized) -> Answer {
    let best = &found.best;
    let count = |value: f64| lang.count(value.round().max(0.0) as u64);
    let share = found.basis.share.map(|share| lang.percent1(share)).unwrap_or_default();
    Answer {
        basis: match found.basis.kind {
            "uplift" => t!(lang, "size-basis-uplift").to_owned(),
            "campaigns" => t!(lang, "size-basis-campaigns", share = &share),
            _ => t!(lang, "size-basis-assumption", share = &share),
        },
        best: match best.contacts {
            0 => t!(lang, "size-none-pays").to_owned(),
            contacts => t!(
                lang,
                "size-best",
                n = contacts,
                profit = &lang.money(best.profit),
                buyers = &count(best.added_buyers),
                cost = &lang.money(best.cost)
            ),
        },
        positives: (best.contacts > 0).then(|| {
            t!(
                lang,
                "size-positives",
                would_not = &count(best.true_positives),
                would = &count(best.false_positives)
            )
        }),
        curve: curve(lang, found),
    }
}

fn curve(lang: Lang, found: &Sized) -> Svg {
    let most = found.curve.last().map_or(1, |point| point.contacts) as f64;
    let points = found.curve.iter().map(|point| Point {
        x: point.contacts as f64,
        y: point.profit,
        title: Some(format!("{}: {}", lang.count(point.contacts as u64), lang.money(point.profit))),
        interval: None,
    });
    let profits = found.curve.iter().map(|point| point.profit).chain([0.0, found.best.profit]);
    homing_charts::plot(&Plot {
        label: t!(lang, "size"),
        x: Axis::up_to(most, t!(lang, "size-contacts"), &|x| lang.count(x as u64)),
        y: Axis::around(profits, (f64::MIN, f64::MAX), t!(lang, "size-profit"), &|x| lang.money_on_axis(x)),
        lines: vec![Line { ink: Ink::Actual, points: points.collect(), dots: false, joined: true }],
        rules: (found.best.contacts > 0)
            .then(|| Rule { x: found.best.contacts as f64, label: lang.count(found.best.contacts as u64) })
            .into_iter()
            .collect(),
    })
}

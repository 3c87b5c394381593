use std::collections::BTreeSet;
use std::sync::Arc;

use homing_datasets::labels::label;
use homing_datasets::simulate::Chain;
use homing_datasets::simulate::Contacted;
use homing_datasets::{Event, History, Kind, Zone};
use homing_models::features::{COUNT, Scratch, compute};
use homing_models::{AtHorizon, NotScored, Outcome, Prediction, Provenance};
use serde_json::json;

use super::*;
use homing_profiles::privacy::Consent;
use homing_profiles::{BatchRow, Flows, Scored};
use homing_tags::Catalogue;

use super::effects::{Observed, effects, pool};
use super::evaluate::{EvaluateError, Rules, before, evaluate};

const CHAIN: Chain = Chain { customers: 1_200, seed: 3, until_day: 20_269, days: 1_096 };
const NOW: Micros = 20_270 * DAY;

fn catalogue() -> Catalogue {
    let catalogue = Catalogue::shipped().unwrap();
    let playbook = Playbook::shipped(catalogue.tags()).unwrap();
    catalogue.with_playbook(playbook)
}

/// A store with customers of the chain: real histories and tags, and a score that grows with spend and recency.
fn filled(place: &str) -> (Arc<dyn Store>, Catalogue) {
    let store = homing_profiles::open(place, Zone::default()).unwrap();
    let catalogue = catalogue();
    let bound = catalogue.bind(&[30]);
    let score = |_: &str, history: &History, as_of: Micros| {
        let view = history.as_of(as_of);
        let mut features = vec![f64::NAN; COUNT];
        let bought = compute(&view, Zone::default(), &mut Scratch::default(), &mut features);
        let provenance = Provenance { model: "m@1".into(), as_of, scored_at: NOW, zone: Zone::default() };
        let of = |name: &str| features[homing_models::features::index_of(name).unwrap()];
        let outcome = if bought {
            let churn_risk = of("recency_days") / (of("recency_days") + 60.0);
            let at = AtHorizon {
                days: 30,
                p_purchase: 1.0 - churn_risk,
                expected_orders: 1.0,
                expected_spend: 1.0,
                expected_spend_low: 0.0,
                expected_spend_high: 2.0,
            };
            Outcome::Scored(Box::new(Prediction {
                at: vec![at],
                churn_risk,
                churn_percentile: 50,
                p_alive: 0.5,
                next_order_at: None,
                next_order_quartiles: [None; 2],
                clv: of("spend_total"),
                clv_interval: [0.0; 2],
                value_at_risk: churn_risk * of("spend_total"),
                cluster: None,
                reasons: Vec::new(),
            }))
        } else {
            Outcome::NotScored(NotScored::NoPurchase)
        };
        Scored { tags: bound.evaluate_view(&view, &features, &outcome), outcome, provenance }
    };
    let histories = CHAIN.histories().unwrap();
    let mut rows = histories.into_iter().map(|(customer_id, history)| BatchRow { customer_id, history });
    store.write_batch(&mut rows, NOW, &score, &|_| ()).unwrap();
    (store, catalogue)
}

fn plan(name: &str) -> Plan {
    Plan {
        name: name.to_owned(),
        who: Listing::default(),
        actions: Vec::new(),
        hold_out: 0.2,
        seed: 7,
        rank: Rank::ValueAtRisk,
        learn_variants: false,
        most: None,
        record: true,
        window_days: 30,
        detect: 0.02,
    }
}

fn ids(members: &[Member]) -> BTreeSet<&str> {
    members.iter().map(|member| member.customer_id.as_str()).collect()
}

#[test]
fn the_same_campaign_makes_the_same_list_and_others_keep_the_cap() {
    let folder = tempfile::tempdir().unwrap();
    let (store, catalogue) = filled(&format!("sqlite:{}", folder.path().join("p.db").display()));
    let book = catalogue.playbook().unwrap();
    let dry = run(store.as_ref(), book, &Plan { record: false, ..plan("spring") }, NOW).unwrap();
    assert_eq!(store.campaign("spring").unwrap(), [], "a dry run takes nothing down");
    let first = run(store.as_ref(), book, &plan("spring"), NOW).unwrap();
    assert_eq!((&first.contacts, &first.held_out), (&dry.contacts, &dry.held_out));
    let all = first.contacts.len() + first.held_out.len();
    assert!(all > 300, "{all}");
    let share = first.held_out.len() as f64 / all as f64;
    assert!((share - 0.2).abs() < 0.06, "{share}");
    assert!(ids(&first.contacts).is_disjoint(&ids(&first.held_out)));
    assert!(first.contacts.windows(2).all(|pair| pair[0].value_at_risk >= pair[1].value_at_risk));
    assert!(first.contacts.iter().all(|m| m.channel.is_some() && (9..=20).contains(&m.hour.unwrap())));
    let summary = &first.summary;
    assert_eq!(summary.contacts + summary.held_out + summary.left_out.values().sum::<u64>(), summary.matched);
    assert_eq!(summary.matched, store.totals().unwrap().profiles, "nobody is lost");
    assert_eq!(summary.by_action.values().sum::<u64>(), summary.contacts);
    assert_eq!(store.campaign("spring").unwrap().len(), all);

    // Again, an hour later and with another seed: the groups of then stand.
    let again = run(store.as_ref(), book, &Plan { seed: 8, ..plan("spring") }, NOW + DAY / 24).unwrap();
    assert_eq!((&again.contacts, &again.held_out), (&first.contacts, &first.held_out));
    assert_eq!(again.summary.before, all as u64);

    // Another campaign three days later: whoever was contacted is left out, whoever was held out is not.
    let second = run(store.as_ref(), book, &plan("summer"), NOW + 3 * DAY).unwrap();
    assert_eq!(second.summary.left_out["contacted_lately"], first.contacts.len() as u64);
    let (before, now) = (ids(&first.held_out), ids(&second.contacts));
    assert!(now.is_subset(&before) && !now.is_empty());
    // After a week they may be contacted again, but not those of the second campaign.
    let third = run(store.as_ref(), book, &plan("autumn"), NOW + 8 * DAY).unwrap();
    assert_eq!(third.summary.left_out["contacted_lately"], second.contacts.len() as u64);
    assert_eq!(store.contacts_of(&first.contacts[0].customer_id).unwrap()[0].campaign, "spring");
}

#[test]
fn filters_limits_and_opt_outs_are_respected() {
    let folder = tempfile::tempdir().unwrap();
    let (store, catalogue) = filled(&format!("sqlite:{}", folder.path().join("p.db").display()));
    let book = catalogue.playbook().unwrap();
    let who = Listing { tags: vec![("lifecycle.stage".to_owned(), json!("lost"))], ..Listing::default() };
    let lost =
        run(store.as_ref(), book, &Plan { who: who.clone(), record: false, ..plan("lost") }, NOW).unwrap();
    assert!(lost.contacts.len() > 20 && lost.contacts.iter().all(|member| member.because[0] == "lost"));
    let few = Plan { who: who.clone(), most: Some(10), hold_out: 0.0, record: false, ..plan("lost") };
    let few = run(store.as_ref(), book, &few, NOW).unwrap();
    let all = run(
        store.as_ref(),
        book,
        &Plan { who: who.clone(), hold_out: 0.0, record: false, ..plan("lost") },
        NOW,
    );
    assert_eq!(few.contacts, all.unwrap().contacts[..10]);
    let action = Plan { actions: vec!["farewell".to_owned()], record: false, ..plan("x") };
    let farewell = run(store.as_ref(), book, &action, NOW).unwrap();
    assert!(
        !farewell.contacts.is_empty() && farewell.contacts.iter().all(|member| member.action == "farewell")
    );
    assert!(farewell.summary.left_out["other_action"] > 0);

    let (out, alone) = (&few.contacts[0].customer_id, &few.contacts[1].customer_id);
    store.set_consent(out, Consent { opted_out: true, at: NOW }).unwrap();
    let attributes = json!({"no_contact": true, "phone": "1"});
    store.set_attributes(alone, attributes.as_object().unwrap()).unwrap();
    let campaign = run(store.as_ref(), book, &Plan { hold_out: 0.0, ..plan("y") }, NOW).unwrap();
    let ids = ids(&campaign.contacts);
    assert!(!ids.contains(out.as_str()) && !ids.contains(alone.as_str()));
    assert_eq!(campaign.summary.left_out["opted_out"], 2);
    // An opt-out between reading and recording holds too.
    let contact = campaign.contacts[0].contact(&plan("z"), NOW);
    let late = Contact { customer_id: out.clone(), ..contact };
    let cap = Cap { most: 9, since: 0 };
    assert_eq!(store.reserve_contacts(&[late], &cap, true).unwrap(), [Grant::Withheld]);
}

#[test]
fn a_list_is_harmless_in_a_spreadsheet_and_says_all_that_is_needed() {
    let folder = tempfile::tempdir().unwrap();
    let (store, catalogue) = filled(&format!("sqlite:{}", folder.path().join("p.db").display()));
    let book = catalogue.playbook().unwrap();
    let one = Plan { most: Some(1), hold_out: 0.0, ..plan("=1+1") };
    let id = run(store.as_ref(), book, &one, NOW).unwrap().contacts.remove(0).customer_id;
    let attributes = json!({"name": "=HYPERLINK(\"http://x\")", "phone": 13800138000_u64});
    store.set_attributes(&id, attributes.as_object().unwrap()).unwrap();
    let campaign = run(store.as_ref(), book, &one, NOW).unwrap();
    let path = folder.path().join("list.csv");
    let columns = ["name".to_owned(), "phone".to_owned(), "missing".to_owned()];
    let list = table(&campaign.contacts, book, &one.name, &columns, homing_locales::Lang::ENGLISH);
    list.write(&path, Zone::default()).unwrap();
    let text = std::fs::read_to_string(path).unwrap();
    let (head, row) = text.split_once('\n').unwrap();
    assert_eq!(
        head.trim(),
        "customer_id,name,phone,missing,campaign,group,action,effort,title,text,channel,hour,value_at_risk,churn_risk,\
         stage,tier,cause,reason"
    );
    assert!(
        row.starts_with(&format!("{id},\"'=HYPERLINK(\"\"http://x\"\")\",13800138000,,'=1+1,contact,")),
        "{row}"
    );
    assert!(row.contains("Lifecycle stage: "), "{row}");
    let empty = table(&[], book, "x", &[], homing_locales::Lang::from_code("zh").unwrap());
    assert_eq!(empty.rows(), 0);
}

#[test]
fn invalid_arguments_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store =
        homing_profiles::open(&format!("sqlite:{}", folder.path().join("p.db").display()), Zone::default())
            .unwrap();
    let catalogue = catalogue();
    let book = catalogue.playbook().unwrap();
    let refused = |plan: Plan| run(store.as_ref(), book, &plan, NOW).unwrap_err().to_string();
    assert!(refused(plan(" ")).contains("the campaign name must have"));
    assert!(refused(Plan { hold_out: 1.0, ..plan("a") }).contains("must be at least 0 and below 1"));
    assert!(refused(Plan { hold_out: f64::NAN, ..plan("a") }).contains("must be at least 0 and below 1"));
    assert!(refused(Plan { actions: vec!["sing".to_owned()], ..plan("a") }).contains("no action `sing`"));
    let nobody = run(store.as_ref(), book, &plan("a"), NOW).unwrap();
    assert_eq!((nobody.summary.matched, nobody.contacts.len()), (0, 0));
}

#[test]
fn the_hold_out_depends_on_id_name_and_seed_alone() {
    let held = |name: &str, seed: u64, share: f64| -> Vec<bool> {
        let hold_out = HoldOut::new(name, seed, share);
        (0..10_000).map(|n| hold_out.holds(&format!("c{n}"))).collect()
    };
    let share = |held: &[bool]| held.iter().filter(|held| **held).count() as f64 / held.len() as f64;
    let spring = held("spring", 1, 0.1);
    // Three standard errors of a share of .1 of 10,000.
    assert!((share(&spring) - 0.1).abs() < 0.009, "{}", share(&spring));
    assert_eq!(spring, held("spring", 1, 0.1));
    // Others are held out by another name or seed; whoever is held out at a tenth is at a fifth.
    for other in [held("summer", 1, 0.1), held("spring", 2, 0.1)] {
        let both = spring.iter().zip(&other).filter(|(a, b)| **a && **b).count();
        assert!((50..160).contains(&both), "{both}");
    }
    assert!(spring.iter().zip(held("spring", 1, 0.2)).all(|(tenth, fifth)| !tenth || fifth));
    assert_eq!(share(&held("spring", 1, 0.0)), 0.0);
}

/// A store whose customers of the campaign `spring` bought after it as the closure says, by id and group.
fn after(store: &dyn Store, name: &str, buys: &dyn Fn(&str, bool) -> bool) {
    let members = store.campaign(name).unwrap();
    let score = |_: &str, _: &History, as_of: Micros| Scored {
        tags: Vec::new(),
        outcome: Outcome::NotScored(NotScored::NoPurchase),
        provenance: Provenance { model: "m@1".into(), as_of, scored_at: as_of, zone: Zone::default() },
    };
    // Someone of tomorrow moves the data clock beyond the window.
    let mut rows: Vec<BatchRow> = members
        .iter()
        .filter(|one| buys(&one.customer_id, one.held_out))
        .map(|one| {
            let bought = Event::new(Kind::Purchase, one.at + 5 * DAY, 20.0);
            BatchRow { customer_id: one.customer_id.clone(), history: History::from_events(vec![bought]) }
        })
        .collect();
    let late = History::from_events(vec![Event::new(Kind::Purchase, NOW + 40 * DAY, 1.0)]);
    rows.push(BatchRow { customer_id: "~late".to_owned(), history: late });
    store.write_batch(&mut rows.into_iter(), NOW + 40 * DAY, &score, &|_| ()).unwrap();
}

/// A share of customers by id.
fn one_in(id: &str, n: u64) -> bool {
    homing_models::sampling::mix_text(id).is_multiple_of(n)
}

#[test]
fn a_campaign_is_evaluated_by_intent_to_treat_once_its_window_is_over() {
    let folder = tempfile::tempdir().unwrap();
    let (store, catalogue) = filled(&format!("sqlite:{}", folder.path().join("p.db").display()));
    let store = store.as_ref();
    let book = catalogue.playbook().unwrap();
    let made = run(store, book, &Plan { hold_out: 0.4, ..plan("spring") }, NOW).unwrap();
    assert!(
        made.summary.detectable_difference.unwrap() > 0.02
            && made.summary.purchase_probability.unwrap() > 0.1
    );
    let kept = store.kept_scores("spring", Micros::MIN, Micros::MAX).unwrap();
    assert_eq!(kept.len(), made.contacts.len() + made.held_out.len());
    assert!(kept[0].scores.contains("p_purchase_30d"), "{}", kept[0].scores);
    let refused = |rules: &Rules| evaluate(store, "spring", rules).unwrap_err().to_string();
    assert!(refused(&Rules::default()).contains("reach"), "{}", refused(&Rules::default()));
    run(store, book, &Plan { hold_out: 0.0, ..plan("all") }, NOW + 8 * DAY).unwrap();
    after(store, "spring", &|id, held_out| one_in(id, if held_out { 5 } else { 2 }));
    let rules = Rules { margin: Some(0.5), cost_per_contact: Some(2.0), ..Rules::default() };
    let found = evaluate(store, "spring", &rules).unwrap();
    let purchase = &found.outcomes[0];
    assert_eq!((found.treated, found.held_out), (made.contacts.len(), made.held_out.len()));
    assert!(found.complete && found.scores_known == 1.0 && found.sample_ratio_p.unwrap() > 0.001);
    assert!(purchase.low.unwrap() > 0.1 && purchase.high.unwrap() < 0.5, "{purchase:?}");
    assert!((found.incremental_revenue_per_contact.unwrap() - 6.0).abs() < 2.5, "{found:?}");
    assert_eq!(found.return_basis.as_deref(), Some("margin"));
    assert!(
        found.contaminated_held_out > 0
            && found.warnings.iter().any(|text| text.contains("another campaign"))
    );
    let without = evaluate(store, "spring", &Rules { exclude_contaminated: true, ..rules });
    assert!(matches!(without, Err(EvaluateError::Refused(_))) || without.unwrap().held_out < found.held_out);
    let wrong = evaluate(store, "winter", &rules).unwrap_err().to_string();
    assert!(wrong.contains("no campaign `winter`") && wrong.contains("`spring`"), "{wrong}");
    assert!(evaluate(store, "all", &rules).unwrap_err().to_string().contains("has no hold-out"));
    let mismatched = evaluate(store, "spring", &Rules { share: Some(0.1), ..rules }).unwrap();
    assert!(mismatched.warnings.iter().any(|text| text.contains("planned share")));
    let both = pool(&[&found.outcomes, &found.outcomes]);
    assert!(
        (both[0].effect - purchase.effect.unwrap()).abs() < 1e-9 && both[0].high < purchase.high.unwrap()
    );
    let wrong = evaluate(store, "spring", &Rules { margin: Some(35.0), ..rules }).unwrap_err().to_string();
    assert!(wrong.contains("share above 0 and at most 1"), "{wrong}");
}

#[test]
fn everybody_who_bought_leaves_no_effect_to_estimate() {
    let members: Vec<Observed> = (0..100)
        .map(|n| Observed { held_out: n % 3 == 0, orders: 1.0, spend: f64::from(n), before: vec![f64::NAN] })
        .collect();
    let found = effects(&members, None);
    assert_eq!((found[0].effect, found[0].treated), (None, 1.0));
    assert!(found[0].note.as_ref().unwrap().contains("same value"));
    assert!(found[2].effect.is_some() && !found[2].cuped);
}

/// A small version of `benches/campaigns.rs`: the adjustment knows the history alone.
#[test]
fn intervals_cover_known_effects_and_nothing_is_seldom_taken_for_something() {
    let chain = Chain { customers: 4_000, seed: 6, ..Chain::default() };
    let at = Micros::from(chain.until_day - 40) * DAY;
    let contact = Contacted { at, strength: 1.0, even: false, seed: 3 };
    let zone = Zone::default();
    let customers: Vec<(f64, f64, Vec<f64>)> = (0..chain.customers)
        .filter_map(|number| {
            let simulated = chain.customer(number);
            let history = History::from_events(simulated.events.clone());
            history.as_of(at).purchases().next()?;
            let contacted = History::from_events(contact.events(&simulated, number));
            let bought = |history: &History| f64::from(u8::from(label(history, at, 30, zone).bought));
            Some((bought(&history), bought(&contacted), before(&history, at, 30, None, zone)))
        })
        .collect();
    let truth = customers.iter().map(|one| one.1 - one.0).sum::<f64>() / customers.len() as f64;
    assert!(truth > 0.02, "{truth}");
    let mut random = homing_models::sampling::Picker::new(17);
    let (mut covered, mut called, mut saved) = (0, 0, 0.0);
    for round in 0..400 {
        let effective = round % 2 == 0;
        let members: Vec<Observed> = (0..800)
            .map(|_| {
                let (untouched, contacted, before) = &customers[random.below(customers.len())];
                let held_out = random.below(10) < 4;
                let orders = if held_out || !effective { *untouched } else { *contacted };
                Observed { held_out, orders, spend: orders, before: before.clone() }
            })
            .collect();
        let found = &effects(&members, None)[0];
        saved += found.variance_saved / 400.0;
        let (low, high) = (found.low.unwrap(), found.high.unwrap());
        if effective {
            covered += u32::from((low..=high).contains(&truth));
        } else {
            called += u32::from(found.p_value.unwrap() < 0.05);
        }
    }
    // Of 200 each: 95 % within three standard errors, 5 % likewise.
    assert!((181..=199).contains(&covered) && called <= 19, "covered {covered}, called {called}");
    assert!(saved > 0.1, "{saved}");
}

/// Scores that are the same for all, with the tags of the catalogue and the uplift in force.
#[cfg(feature = "training")]
fn uplifted(
    bound: &homing_tags::Bound,
    uplift: &homing_models::uplift::Uplift,
    history: &History,
    as_of: Micros,
) -> Scored {
    let mut features = vec![f64::NAN; COUNT];
    compute(&history.as_of(as_of), Zone::default(), &mut Scratch::default(), &mut features);
    let provenance = Provenance { model: "m@2".into(), as_of, scored_at: as_of, zone: Zone::default() };
    let outcome = Outcome::Scored(Box::new(Prediction {
        at: vec![AtHorizon {
            days: 30,
            p_purchase: 0.2,
            expected_orders: 0.2,
            expected_spend: 10.0,
            expected_spend_low: 0.0,
            expected_spend_high: 20.0,
        }],
        churn_risk: 0.8,
        churn_percentile: 80,
        p_alive: 0.5,
        next_order_at: None,
        next_order_quartiles: [None; 2],
        clv: 100.0,
        clv_interval: [0.0; 2],
        value_at_risk: 80.0,
        cluster: None,
        reasons: Vec::new(),
    }));
    let tags = bound.evaluate_uplifted(&history.as_of(as_of), &features, &outcome, uplift.of(&features));
    Scored { tags, outcome, provenance }
}

/// A campaign whose contact moves customers of a short history, and nobody else.
#[cfg(feature = "training")]
#[test]
fn uplift_of_past_campaigns_is_put_in_force_where_it_is_proven_and_ranks_the_next_list() {
    use super::learn::{Lesson, learn};
    use crate::uplift::{UpliftSlot, learned};
    let folder = tempfile::tempdir().unwrap();
    let (store, catalogue) = filled(&format!("sqlite:{}", folder.path().join("p.db").display()));
    let store = store.as_ref();
    let book = catalogue.playbook().unwrap();
    run(store, book, &Plan { hold_out: 0.5, ..plan("spring") }, NOW).unwrap();
    run(store, book, &Plan { hold_out: 0.0, ..plan("all") }, NOW + 8 * DAY).unwrap();
    let lesson = Lesson { campaigns: Vec::new(), window_days: 30, seed: 1, record: true };
    let early = learn(store, &lesson).unwrap_err().to_string();
    assert!(early.contains("no hold-out") && early.contains("window of 30 days ends"), "{early}");
    let by_uplift = Plan { rank: Rank::Uplift, record: false, ..plan("next") };
    let unknown = run(store, book, &by_uplift, NOW).unwrap_err().to_string();
    assert!(unknown.contains("homing campaign learn"), "{unknown}");
    // A tenth buys anyway; contact moves nearly all who joined within a year.
    let young = |id: &str| {
        let history = store.history(id).unwrap().unwrap();
        history.first_purchase().unwrap() > NOW - 365 * DAY
    };
    let youth: BTreeSet<String> = store
        .campaign("spring")
        .unwrap()
        .into_iter()
        .map(|one| one.customer_id)
        .filter(|id| young(id))
        .collect();
    after(store, "spring", &|id, held_out| one_in(id, 10) || (!held_out && youth.contains(id)));
    let named = Lesson { campaigns: vec!["all".to_owned()], ..lesson.clone() };
    assert!(learn(store, &named).unwrap_err().to_string().contains("campaign `all` cannot teach uplift"));
    let dry = learn(store, &Lesson { record: false, ..lesson.clone() }).unwrap();
    assert!(dry.uplift.claimed && learned(store).unwrap().is_none(), "{:?}", dry.uplift);
    let found = learn(store, &lesson).unwrap();
    assert_eq!(
        (found.uplift.campaigns.as_slice(), found.left_out.len()),
        (["spring".to_owned()].as_slice(), 1)
    );
    let slot = UpliftSlot::default();
    slot.load(store).unwrap();
    let uplift = slot.get().unwrap();
    let of = |id: &str| {
        let history = store.history(id).unwrap().unwrap();
        let mut features = vec![f64::NAN; COUNT];
        compute(&history.as_of(NOW), Zone::default(), &mut Scratch::default(), &mut features);
        uplift.of(&features).unwrap()
    };
    let members = store.campaign("spring").unwrap();
    let mean = |wanted: bool| {
        let own = members.iter().filter(|one| youth.contains(&one.customer_id) == wanted);
        let (sum, n) = own.fold((0.0, 0.0), |(sum, n), one| (sum + of(&one.customer_id).0.uplift, n + 1.0));
        sum / n
    };
    assert!(mean(true) > 0.5 && mean(false).abs() < 0.2, "{} {}", mean(true), mean(false));
    // Tagged by the catalogue, the next list begins with them.
    let bound = catalogue.bind(&[30]);
    let score = |_: &str, history: &History, as_of: Micros| uplifted(&bound, &uplift, history, as_of);
    let mut rows = members.iter().map(|one| BatchRow {
        customer_id: one.customer_id.clone(),
        history: store.history(&one.customer_id).unwrap().unwrap(),
    });
    store.write_batch(&mut rows, NOW + 41 * DAY, &score, &|_| ()).unwrap();
    let next =
        run(store, book, &Plan { most: Some(30), hold_out: 0.0, ..by_uplift }, NOW + 41 * DAY).unwrap();
    let uplifts: Vec<f64> = next.contacts.iter().map(|one| one.uplift.unwrap()).collect();
    assert!(uplifts.len() == 30 && uplifts.is_sorted_by(|a, b| a >= b), "{uplifts:?}");
    assert!(next.contacts.iter().all(|one| one.uplift_group.as_deref() == Some("persuadable")));

    // With proven uplift the best list ends where it no longer pays.
    let question = super::size::Question {
        who: Listing::default(),
        margin: 0.5,
        cost_per_contact: 1.0,
        window_days: 30,
        assumed: None,
        rank: None,
        most: 10_000,
    };
    let sized = super::size::size(store, &question).unwrap();
    assert_eq!((sized.basis.kind, sized.rank), ("uplift", "uplift"));
    assert!(sized.best.contacts > 10 && sized.best.contacts < sized.customers, "{:?}", sized.best);
    unproven(store, book, &slot, &uplift);
}

#[cfg(feature = "training")]
fn by_uplift_of(name: &str) -> Plan {
    Plan { rank: Rank::Uplift, record: false, ..plan(name) }
}

/// What is no longer proven is no longer used.
#[cfg(feature = "training")]
fn unproven(
    store: &dyn Store,
    book: &Playbook,
    slot: &crate::uplift::UpliftSlot,
    uplift: &homing_models::uplift::Uplift,
) {
    let nothing = homing_models::uplift::Uplift { claimed: false, ..uplift.clone() };
    store.store_document(crate::uplift::DOCUMENT, NOW, &serde_json::to_string(&nothing).unwrap()).unwrap();
    slot.load(store).unwrap();
    assert!(slot.get().is_none());
    assert!(
        run(store, book, &by_uplift_of("x"), NOW).unwrap_err().to_string().contains("uplift is not proven")
    );
}

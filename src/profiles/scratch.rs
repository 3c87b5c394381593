use crate::profiles::*;
use homing_datasets::*;
use homing_models::prediction::Importance;
use homing_models::*;
use std::time::Instant;
fn id(n: u64) -> String {
    format!("C{:010}", n.wrapping_mul(0x9E3779B97F4A7C15) % 10_000_000_000)
}
fn rnd(x: u64) -> f64 {
    let mut z = x.wrapping_add(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D049BB133111EB);
    ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
}
fn score(id: &str, h: &History, as_of: Micros) -> Scored {
    let seed = id[1..].parse::<u64>().unwrap() ^ (as_of as u64) ^ h.len() as u64;
    let r = |k: u64| rnd(seed.wrapping_mul(31).wrapping_add(k));
    let at = [30u32, 90, 365]
        .iter()
        .map(|&d| AtHorizon {
            days: d,
            p_return: r(d as u64),
            expected_orders: r(1),
            expected_spend: 100.0 * r(2),
            expected_spend_low: r(3),
            expected_spend_high: 300.0 * r(4),
        })
        .collect();
    let reasons = (0..5)
        .map(|k| Reason {
            code: "rhythm_broken".into(),
            text: Text {
                zh: "距上次购买的时间已超过该顾客平时的购买间隔".into(),
                en: "Silent for longer than usual between purchases".into(),
            },
            value: Some(r(10 + k)),
            contribution: r(20 + k),
            importance: Importance::High,
        })
        .collect();
    let risk = r(7);
    let p = Prediction {
        at,
        churn_risk: risk,
        churn_percentile: 1 + (risk * 99.0) as u8,
        p_alive: r(8),
        next_order_at: Some(as_of + DAY),
        clv: 500.0 * r(9),
        value_at_risk: 500.0 * r(9) * risk,
        reasons,
    };
    let prov =
        Provenance { model: "shop@1a2b3c4d5e6f".into(), as_of, scored_at: as_of + 5, zone: Zone::default() };
    let s = id[1..].parse::<u64>().unwrap();
    let names = [
        "churn.level",
        "lifecycle.stage",
        "value.tier",
        "rfm.recency",
        "rfm.frequency",
        "rfm.money",
        "tier.member",
        "signal.basket_down",
        "preference.channel",
        "activity.level",
    ];
    // about a tenth of the tags changes from day to day
    let tags = names
        .iter()
        .enumerate()
        .map(|(k, n)| {
            let c = if rnd(s ^ k as u64 ^ as_of as u64) < 0.1 { as_of as u64 } else { 0 };
            Tag {
                name: (*n).into(),
                layer: if k < 3 { Layer::Predictive } else { Layer::Dynamic },
                value: ["low", "medium", "high", "super"][(rnd(s ^ (k as u64) << 8 ^ c) * 4.0) as usize]
                    .into(),
                confidence: (k == 0).then_some(risk),
                expires_at: Some(as_of + 30 * DAY),
            }
        })
        .collect();
    Scored { outcome: Outcome::Scored(Box::new(p)), tags, provenance: prov }
}
fn cpu() -> f64 {
    let s = std::fs::read_to_string("/proc/self/stat").unwrap();
    let f: Vec<&str> = s.rsplit(") ").next().unwrap().split(" ").collect();
    (f[11].parse::<f64>().unwrap() + f[12].parse::<f64>().unwrap()) / 100.0
}
#[test]
fn measure() {
    let Ok(arg) = std::env::var("MEASURE_N") else { return };
    let n: u64 = arg.parse().unwrap();
    let dir = tempfile::tempdir_in(std::env::var("MEASURE_IN").unwrap_or("/tmp".into())).unwrap();
    let place = format!("sqlite:{}", dir.path().join("p.db").display());
    let mut ids: Vec<u64> = (0..n).collect();
    ids.sort_by_key(|&x| id(x));
    let rows = |extra: bool| {
        ids.clone().into_iter().map(move |i| {
            let mut ev: Vec<Event> = (0..10)
                .map(|k| Event {
                    product: Some(format!("P{}", (i + k) % 500)),
                    order: Some(format!("O{}", i * 10 + k)),
                    channel: Some("till".into()),
                    ..Event::new(
                        Kind::Purchase,
                        (15000 + (i % 100) as i64 + 7 * k as i64) * DAY,
                        10.0 + k as f64,
                    )
                })
                .collect();
            if extra && i % 20 == 0 {
                ev.push(Event::new(Kind::Purchase, 15300 * DAY, 5.0));
            }
            BatchRow { customer_id: id(i), history: History::from_events(ev) }
        })
    };
    let t = Instant::now();
    let k = rows(false).map(|r| r.history.len()).sum::<usize>();
    println!("making rows {k} {:?} {}", t.elapsed(), cpu());
    let store = open(&place, Zone::default()).unwrap();
    for (what, day, extra) in [
        ("insert", 15200, false),
        ("again", 15200, false),
        ("next day", 15201, false),
        ("next day+5% purchases", 15202, true),
    ] {
        let t = Instant::now();
        let c = cpu();
        let s = store.write_batch(&mut rows(extra), day * DAY, &score, &|_| ()).unwrap();
        println!("{what} {:?} cpu {:.2} {s:?}", t.elapsed(), cpu() - c);
    }
    if let Ok(to) = std::env::var("KEEP") {
        std::fs::copy(dir.path().join("p.db"), to).unwrap();
    }
    println!("file {} MB", std::fs::metadata(dir.path().join("p.db")).unwrap().len() / 1_000_000);
    let mut us: Vec<f64> = (0..20_000u64)
        .map(|k| {
            let i = id((rnd(k) * n as f64) as u64);
            let t = Instant::now();
            assert!(store.profile(&i).unwrap().is_some());
            t.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    us.sort_by(f64::total_cmp);
    println!("point read p50 {:.1} p99 {:.1} us", us[us.len() / 2], us[us.len() * 99 / 100]);
    for (w, l) in [
        ("top 100", Listing { limit: 100, ..Default::default() }),
        (
            "tag common",
            Listing { limit: 100, tags: vec![("churn.level".into(), "high".into())], ..Default::default() },
        ),
    ] {
        let t = Instant::now();
        let p = store.list(&l).unwrap();
        println!("{w} {} {:?}", p.profiles.len(), t.elapsed());
    }
    let t = Instant::now();
    println!("{:?} {:?}", store.totals().unwrap(), t.elapsed());
    let mut us: Vec<f64> = (0..2000u64)
        .map(|k| {
            let e = [Incoming {
                event_id: format!("e{k}"),
                customer_id: id((rnd(k) * n as f64) as u64),
                event: Event::new(Kind::Purchase, 15300 * DAY, 5.0),
            }];
            let t = Instant::now();
            store.take_in(&e, 0, &score).unwrap();
            t.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    us.sort_by(f64::total_cmp);
    println!("take_in 1 p50 {:.1} p99 {:.1} us", us[us.len() / 2], us[us.len() * 99 / 100]);
    let e: Vec<Incoming> = (0..1000u64)
        .map(|k| Incoming {
            event_id: format!("f{k}"),
            customer_id: id((rnd(k * 7) * n as f64) as u64),
            event: Event::new(Kind::Purchase, 15300 * DAY, 6.0),
        })
        .collect();
    let t = Instant::now();
    store.take_in(&e, 0, &score).unwrap();
    println!("take_in 1000 {:?}", t.elapsed());
}
#[test]
fn measure_tags() {
    if std::env::var("MEASURE_TAGS").is_err() {
        return;
    }
    use homing_models::features::*;
    let t = Instant::now();
    let cat = crate::tags::Catalogue::shipped().unwrap();
    println!("parse {:?}", t.elapsed());
    let b = cat.bind(&[30, 90, 365]);
    let ev = (0..12)
        .map(|k| Event {
            product: Some(format!("P{}", k % 5)),
            ..Event::new(Kind::Purchase, (15226 - 30 * k) * DAY + 1, 100.0)
        })
        .collect();
    let mut f = vec![0.0; COUNT];
    compute(&History::from_events(ev).as_of(15226 * DAY), Zone::default(), &mut Scratch::default(), &mut f);
    let at = [30, 90, 365]
        .map(|days| AtHorizon {
            days,
            p_return: 0.3,
            expected_orders: 1.0,
            expected_spend: 1.0,
            expected_spend_low: 1.0,
            expected_spend_high: 1.0,
        })
        .to_vec();
    let o = Outcome::Scored(Box::new(Prediction {
        at,
        churn_risk: 0.7,
        churn_percentile: 80,
        p_alive: 0.5,
        next_order_at: None,
        clv: 3000.0,
        value_at_risk: 2000.0,
        reasons: vec![],
    }));
    for _ in 0..3 {
        let t = cpu();
        let mut n = 0;
        for _ in 0..100_000 {
            n += b.evaluate(&f, &o, 15226 * DAY).len();
        }
        println!("{:.1} us a customer, {} tags of {}", (cpu() - t) * 10.0, n / 100_000, cat.tags().len());
    }
}

//! The page "Today".

use super::*;

#[tokio::test]
async fn the_base_is_told_in_both_languages() {
    let site = Site::new();
    let en = site.get("/").await.ok();
    has(
        &en,
        &[
            "<h1>Today</h1>",
            "Total value at risk",
            "shop@1a2b3c4d5e6f",
            "trained on data through 9 Sep 2011",
            "Updated 10 Sep 2011, 11:59",
            "Newly at high risk",
        ],
    );
    assert_eq!(href(&en, "High"), "/call?churn.level=high");
    assert_eq!(href(&en, "Decline"), "/call?lifecycle.stage=decline");
    assert_eq!(href(&en, "Dormant"), "/call?tier.member=dormant");
    let zh = site.get("/?lang=zh").await.ok();
    has(&zh, &["<h1>今日概览</h1>", "生命周期阶段分布", "新增高风险会员", "衰退期", "近一周变化"]);
    assert_eq!(href(&zh, "今日概览"), "/?lang=zh");
}

#[tokio::test]
async fn links_of_the_list_that_stood_here_lead_to_it() {
    let site = Site::new();
    for (old, new) in [
        ("/?churn.level=high&lang=zh", "/call?lang=zh&churn.level=high"),
        ("/?id=M", "/call?id=M"),
        ("/?sort=clv&cursor=5", "/call?sort=clv&cursor=5"),
    ] {
        let reply = site.get(old).await;
        assert_eq!((reply.status, reply.header("location")), (StatusCode::SEE_OTHER, new));
    }
}

#[tokio::test]
async fn before_anything_is_counted_each_page_says_so() {
    for uri in ["/", "/segments", "/kpi"] {
        let page = Site::uncounted(sample_base(), Some(engine())).get(uri).await.ok();
        has(&page, &["Figures are being computed"]);
        assert_eq!(href(&page, "Reload"), uri);
        let page = Site::uncounted(sample_base(), None).get(&format!("{uri}?lang=zh")).await.ok();
        has(&page, &["正在统计"]);
        let page = Site::uncounted(Base::default(), None).get(uri).await.ok();
        has(&page, &["No customers yet", "homing-train fit"]);
    }
    // The list needs no counting.
    has(&Site::uncounted(sample_base(), None).get("/call").await.ok(), &["50 customers on this page"]);
}

#[tokio::test]
async fn a_store_that_fails_is_a_page_that_says_what_to_do() {
    for uri in ["/", "/segments", "/kpi"] {
        let site = Site::new();
        *site.store.failing.lock().unwrap() = Some(|| Error::Locked("p".into()));
        has(&site.get(uri).await.page(StatusCode::SERVICE_UNAVAILABLE), &["The profile store is busy"]);
    }
}

#[tokio::test]
async fn after_the_first_scores_nobody_is_newly_at_high_risk_and_after_the_next_those_who_are() {
    let site = Site::new();
    let first = site.get("/").await.ok();
    has(
        &first,
        &["These are the first scores.", "<section class=\"card folded\" aria-labelledby=\"turned\">"],
    );
    assert!(!first.contains("Main risk factor"));
    let mut next = sample_base();
    for (id, (scored, _)) in &mut next.0 {
        scored.provenance.as_of += DAY;
        let level = scored.tags.iter_mut().find(|tag| tag.name == "churn.level" && id == "VIP-10000");
        if let Some(level) = level {
            assert_ne!(level.value, "high");
            level.value = "high".into();
        }
    }
    let row = |(id, (_, history)): (&String, &(Scored, History))| BatchRow {
        customer_id: id.clone(),
        history: history.clone(),
    };
    let score = |id: &str, _: &History, _: Micros| next.0[id].0.clone();
    site.store.write_batch(&mut next.0.iter().map(row), as_of() + DAY, &score, &|_| ()).unwrap();
    crate::aggregates::compute(site.store.as_ref(), &catalogue(), zone(), as_of() + 2 * DAY).unwrap();
    let page = Site::over(site.store.clone(), None).get("/").await.ok();
    has(&page, &["Since 9 Sep 2011: 1 customer, shown below.", "VIP-10000", "no purchase for 76 days"]);
    has(&page, &["<section class=\"card\" aria-labelledby=\"turned\">"]);
}

#[tokio::test]
async fn sample_data_are_called_so_and_the_demo_says_what_to_look_at_first() {
    let old = Site::new().get("/").await.ok();
    assert!(old.contains("today") && !old.contains("sample data"));
    let site = Site::new();
    let page = Site::over(site.store.clone(), Some(crate::web::Sample::Cdnow)).get("/").await.ok();
    has(&page, &["sample data (CDNOW, 1997–1998)", "What to look at first", "homing demo --dataset chain"]);
    assert!(!page.contains("days ago"));
    let page = Site::over(site.store.clone(), Some(crate::web::Sample::Chain)).get("/?lang=zh").await.ok();
    has(&page, &["示例数据（模拟连锁门店）", "从这里开始"]);
    assert!(!page.contains("homing demo"));
}

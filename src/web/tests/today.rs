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
            "Value at risk, all customers",
            "shop@1a2b3c4d5e6f",
            "trained on data until 2011-09-09",
            "Counted 2011-09-10 11:59",
            "Turned to high risk since yesterday",
            "After 2011-09-09.",
            "these have the most at stake",
            "&#60;script&#62;",
        ],
    );
    assert_eq!(href(&en, "High"), "/call?churn.level=high");
    assert_eq!(href(&en, "Decline"), "/call?lifecycle.stage=decline");
    assert_eq!(href(&en, "Dormant"), "/call?tier.member=dormant");
    let zh = site.get("/?lang=zh").await.ok();
    has(&zh, &["<h1>今日概览</h1>", "各生命周期阶段的顾客", "昨日以来转为高风险", "衰退期", "一周变化"]);
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
        has(&page, &["The customers are being counted"]);
        assert_eq!(href(&page, "Load again"), uri);
        let page = Site::uncounted(sample_base(), None).get(&format!("{uri}?lang=zh")).await.ok();
        has(&page, &["正在统计"]);
        let page = Site::uncounted(Base::default(), None).get(uri).await.ok();
        has(&page, &["There are no customers yet", "homing-train fit"]);
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

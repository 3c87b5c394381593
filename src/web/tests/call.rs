//! The page "Who to call".

use super::*;

#[tokio::test]
async fn the_base_and_its_customers_are_told_in_both_languages() {
    let site = Site::new();
    let en = site.get("/call").await.ok();
    has(&en, &["<html lang=\"en\">", "<h1>Who to call</h1>", "Buys in 30\u{a0}d", "Buys in 90\u{a0}d"]);
    has(&en, &["no purchase for 76 days", "Churn risk", "Decline", "Super"]);
    has(&en, &["50 customers on this page of 120 at the last count", "lang=\"zh-CN\" hreflang=\"zh-CN\""]);
    let zh = site.get("/call?lang=zh").await.ok();
    has(
        &zh,
        &["<html lang=\"zh-CN\">", "<h1>回访名单</h1>", "30 天复购概率", "76 天未购买", "衰退期", "超级会员"],
    );
    for page in [en, zh] {
        // The customer with the most at stake comes first: 0.87 × 20,000.
        let first = page.split("<tr role=\"row\">").nth(2).unwrap();
        has(first, &["17,400", "20,000", "87%", EVIL_IN_LINK]);
        assert!(page.len() < 150_000, "{} bytes", page.len());
    }
}

#[tokio::test]
async fn an_id_that_is_markup_stays_text_and_its_link_leads_to_it() {
    let site = Site::new();
    let page = site.get("/call").await.ok();
    let escaped = "&#60;script&#62;alert(&#34;1/2&#34;)&#60;/script&#62;";
    has(&page, &[escaped]);
    assert_eq!(href(&page, escaped), format!("/customers/{EVIL_IN_LINK}"));
    let quote = site.get("/call?id=%22%3E%3Cscript%3E&tier.member=%22%3E%3Cscript%3E").await.ok();
    has(&quote, &["value=\"&#34;&#62;&#60;script&#62;\""]);
}

#[tokio::test]
async fn filters_order_and_search_go_to_the_store_and_stay_in_every_link() {
    let site = Site::new();
    let query = "/call?lang=zh&churn.level=low&tier.member=regular&sort=clv&id=M&page=9";
    let page = site.get(query).await.ok();
    let expected = Listing {
        tags: vec![("churn.level".into(), "low".into()), ("tier.member".into(), "regular".into())],
        id_prefix: Some("M".into()),
        sort: Sort::Clv,
        limit: 50,
        ..Listing::default()
    };
    assert_eq!(site.store.listings.lock().unwrap().last(), Some(&expected));
    has(
        &page,
        &[
            "<option value=\"low\" selected>低风险</option>",
            "<option value=\"clv\" selected>",
            "value=\"M\"",
            "aria-sort=\"descending\"",
        ],
    );
    has(&page, &["<input type=\"hidden\" name=\"lang\" value=\"zh\">"]);
    assert_eq!(
        href(&page, "流失风险"),
        "/call?lang=zh&churn.level=low&tier.member=regular&id=M&sort=churn_risk"
    );
    assert_eq!(
        href(&page, "English"),
        "/call?lang=en&churn.level=low&tier.member=regular&sort=clv&id=M&page=9"
    );
    assert_eq!(href(&page, "清除筛选"), "/call?lang=zh");
}

#[tokio::test]
async fn pages_follow_one_another_with_the_filters_kept() {
    let site = Site::new();
    let mut uri = "/call?lang=en&sort=customer_id".to_owned();
    let mut seen = Vec::new();
    loop {
        let page = site.get(&uri).await.ok();
        seen.extend(
            page.split("role=\"rowheader\"><a href=\"")
                .skip(1)
                .map(|row| row.split('"').next().unwrap().to_owned()),
        );
        if !page.contains("Next page") {
            assert_eq!(href(&page, "First page"), "/call?lang=en&sort=customer_id");
            break;
        }
        uri = href(&page, "Next page");
        assert!(uri.starts_with("/call?lang=en&sort=customer_id&cursor="), "{uri}");
    }
    assert_eq!(seen.len(), 120);
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 120);
}

#[tokio::test]
async fn a_filter_that_matches_nobody_says_so() {
    let site = Site::new();
    let page = site.get("/call?id=nobody-has-this&lang=en").await.ok();
    has(&page, &["No customers match these filters.", "Widen the filters"]);
    assert_eq!(href(&page, "Clear filters"), "/call?lang=en");
    has(&site.get("/call?id=nobody-has-this&lang=zh").await.ok(), &["没有符合条件的会员。"]);
    // A value that the catalogue does not have is not silently dropped.
    let unknown = site.get("/call?churn.level=utter").await.ok();
    has(&unknown, &["No customers match", "<option value=\"utter\" selected>utter</option>"]);
}

#[tokio::test]
async fn a_customer_without_scores_stands_in_the_list_with_the_cause() {
    let site = Site::new();
    has(&site.get("/call?id=idle").await.ok(), &["Not scored: no purchase on record"]);
    has(&site.get("/call?id=idle&lang=zh").await.ok(), &["未评分：暂无购买记录"]);
}

#[tokio::test]
async fn an_empty_store_says_what_to_do_next() {
    let empty = || Base::default();
    let nothing = Site::with(empty(), None).get("/call").await.ok();
    has(
        &nothing,
        &[
            "No customers yet",
            "homing-train fit",
            "homing score --purchases purchases.csv --profiles",
            "homing demo",
        ],
    );
    let model = Site::with(empty(), Some(engine())).get("/call?lang=zh").await.ok();
    has(&model, &["暂无会员", "shop@1a2b3c4d5e6f", "homing score", "homing demo"]);
    assert!(!model.contains("homing-train fit"));
}

#[tokio::test]
async fn without_a_model_the_stored_scores_are_shown_with_a_note() {
    let page = Site::with(sample_base(), None).get("/call").await.ok();
    has(
        &page,
        &[
            "No model is loaded",
            "Buys in 30\u{a0}d",
            "Buys in 90\u{a0}d",
            "17,400",
            "no purchase for 76 days",
        ],
    );
}

#[tokio::test]
async fn a_cursor_of_another_list_leads_back_to_the_first_page() {
    let page =
        Site::new().get("/call?churn.level=high&cursor=invented&lang=en").await.page(StatusCode::BAD_REQUEST);
    has(&page, &["This page of the list has expired"]);
    assert_eq!(href(&page, "First page"), "/call?lang=en&churn.level=high");
}

#[tokio::test]
async fn any_tag_is_a_filter_and_one_without_a_field_can_be_taken_off() {
    let site = Site::new();
    let page = site.get("/call?lang=en&rfm.recency=3&tag=signal.rhythm_broken:true&sort=clv").await.ok();
    let tags = site.store.listings.lock().unwrap().last().unwrap().tags.clone();
    assert_eq!(tags, [("rfm.recency".into(), 3.into()), ("signal.rhythm_broken".into(), true.into())]);
    has(&page, &["<input type=\"hidden\" name=\"rfm.recency\" value=\"3\">", "RFM: recency: 3"]);
    has(
        &page,
        &["<option value=\"signal.rhythm_broken:true\" selected>Yes</option>", "50 customers on this page"],
    );
    let off = page.split("class=\"chip\" href=\"").nth(1).unwrap().split('"').next().unwrap();
    assert_eq!(off.replace("&#38;", "&"), "/call?lang=en&tag=signal.rhythm_broken%3Atrue&sort=clv");
    // What is no tag of the catalogue is no filter, and a tag without a colon is one that nobody has.
    site.get("/call?no.such=1").await.ok();
    assert!(site.store.listings.lock().unwrap().last().unwrap().tags.is_empty());
    has(&site.get("/call?tag=%3Cscript%3E&lang=en").await.ok(), &["No customers match", "&#60;script&#62;"]);
}

#[tokio::test]
async fn the_categories_that_the_base_has_are_a_field() {
    let mut base = sample_base();
    for (scored, _) in base.0.values_mut() {
        scored.tags.push(Tag {
            name: "preference.category".into(),
            layer: Layer::Dynamic,
            value: "<b>tea</b>".into(),
            confidence: None,
            expires_at: None,
        });
    }
    let site = Site::with(base, Some(engine()));
    let page = site.get("/call?lang=en&preference.category=%3Cb%3Etea%3C%2Fb%3E").await.ok();
    has(
        &page,
        &[
            "<option value=\"&#60;b&#62;tea&#60;/b&#62;\" selected>&#60;b&#62;tea&#60;/b&#62;</option>",
            "of 120 at the last count",
        ],
    );
}

#[tokio::test]
async fn the_form_for_a_campaign_keeps_the_filters() {
    let site = Site::new();
    let page = site.get("/call?lang=en&churn.level=high&sort=clv&id=M").await.ok();
    has(&page, &["action=\"/call/export?lang=en&#38;churn.level=high&#38;id=M\" method=\"post\""]);
    has(&page, &["name=\"token\"", "name=\"campaign\"", "name=\"holdout\"", "name=\"record\""]);
}

#[tokio::test]
async fn a_filter_that_is_none_is_named_with_the_nearest() {
    let site = Site::new();
    let page = site.get("/call?lang=en&churn.levle=high").await.ok();
    has(&page, &["The filter “churn.levle” is unknown and was ignored. Did you mean “churn.level”?"]);
    let page = site.get("/call?lang=zh&zzz=1").await.ok();
    has(&page, &["筛选条件“zzz”不存在，已忽略。"]);
}

//! The page of one customer.

use super::*;

#[tokio::test]
async fn a_customer_is_told_in_both_languages() {
    let site = Site::new();
    let uri = format!("/customers/{EVIL_IN_LINK}");
    let en = site.get(&uri).await.ok();
    has(&en, &["&#60;script&#62;alert(&#34;1/2&#34;)&#60;/script&#62;", "<html lang=\"en\">"]);
    // Scores with interval and provenance; the scores were computed eight hours after midnight in Shanghai.
    has(
        &en,
        &[
            "87%",
            "percentile 87 of 100",
            "17,400",
            "5,000",
            "1,000 – 12,000",
            "Scored by shop@1a2b3c4d5e6f",
            "as of 9 Sep 2011",
            "computed 10 Sep 2011, 07:59",
        ],
    );
    has(
        &en,
        &["no purchase for 76 days", "raises the risk, strong effect", "lowers the risk, medium effect"],
    );
    has(&en, &["What would change it: a purchase now"]);
    // Tags by layer with labels; text from data is escaped.
    has(
        &en,
        &[
            "Predictive: what is expected",
            "Churn risk</dt><dd>High",
            "87% confidence",
            "until 9 Oct 2011",
            "Signal: overdue</dt><dd>Yes",
            "&#60;b&#62;bold&#60;/b&#62;",
        ],
    );
    has(
        &en,
        &[
            "scored 9 Sep 2011",
            "class=\"stems\"",
            "class=\"under\"",
            "13%",
            "stage 3 formula 900 g",
            "Product viewed",
        ],
    );
    let zh = site.get(&format!("{uri}?lang=zh")).await.ok();
    has(
        &zh,
        &[
            "<html lang=\"zh-CN\">",
            "百分位 87 / 100",
            "推高风险，影响大",
            "76 天未购买",
            "如何改变：现在购买一次",
            "预测标签：预计会怎样",
            "流失风险等级</dt><dd>高风险",
            "置信度 87%",
            "浏览商品",
            "80% 区间",
        ],
    );
    assert_eq!(href(&zh, "← 回访名单"), "/call?lang=zh");
    has(
        &en,
        &[
            "Probabilities over time",
            "buys within 90 days",
            "Next best action",
            "Personal call",
            "Warning signals",
        ],
    );
    has(&en, &["Consent and data", "Automated decisions are allowed.", "Erase customer"]);
    has(&zh, &["概率变化", "下一步建议", "专人电话回访", "预警信号", "授权与数据"]);
    assert_eq!(href(&zh, "English"), format!("{uri}?lang=en"));
}

#[tokio::test]
async fn the_last_twenty_events_come_newest_first() {
    let page = Site::new().get(&format!("/customers/{EVIL_IN_LINK}")).await.ok();
    let table = page.split("<table class=\"plain events\">").nth(1).unwrap();
    let read = |row: &str| {
        let text = row.split('<').next().unwrap();
        chrono::NaiveDateTime::parse_from_str(text, "%d %b %Y, %H:%M").unwrap()
    };
    let days: Vec<_> = table.split("<tr><th scope=\"row\">").skip(1).map(read).collect();
    assert_eq!(days.len(), 20);
    assert!(days.is_sorted_by(|a, b| a >= b), "{days:?}");
}

#[tokio::test]
async fn a_customer_without_purchases_has_a_page_without_drawings() {
    let site = Site::new();
    let page = site.get("/customers/idle").await.ok();
    has(&page, &["Not scored: no purchase on record", "No purchase on record.", "Visit"]);
    assert!(!page.contains("class=\"chart plot\""));
    has(&site.get("/customers/idle?lang=zh").await.ok(), &["未评分：暂无购买记录", "到访"]);
}

#[tokio::test]
async fn many_order_days_are_drawn_as_fewer_stems() {
    let sample = Sample { id: "daily".into(), risk: 0.1, clv: 9000.0, orders: 1500, gap_days: 1 };
    let base = Base(BTreeMap::from([("daily".into(), sample.scored())]));
    let page = Site::with(base, Some(engine())).get("/customers/daily").await.ok();
    let stems = page.split("class=\"stems").nth(1).unwrap().split("</svg>").next().unwrap();
    let stems = stems.matches("<g class=\"tip").count();
    assert!((100..=401).contains(&stems), "{stems}");
    has(&page, &["Spend per", "crowded"]);
}

#[tokio::test]
async fn an_unknown_customer_is_not_found_and_the_page_says_what_to_do() {
    let site = Site::new();
    let page = site.get("/customers/M1%3Cscript%3E?lang=en").await.page(StatusCode::NOT_FOUND);
    has(&page, &["Customer not found", "“M1&#60;script&#62;”", "Check the ID", "name=\"id\""]);
    assert_eq!(href(&page, "List IDs that start with “M1&#60;sc”"), "/call?lang=en&id=M1%3Csc");
    let zh = site.get("/customers/nobody?lang=zh").await.page(StatusCode::NOT_FOUND);
    has(&zh, &["未找到该会员", "“nobody”"]);
    site.get("/customers/%FF").await.page(StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_customer_is_found_by_typing_the_id() {
    let site = Site::new();
    let form = site.get("/customers?lang=zh").await.ok();
    has(&form, &["<h1>查找会员</h1>", "action=\"/customers\"", "name=\"lang\" value=\"zh\""]);
    has(&site.get("/customers?id=+VIP-10000+").await.ok(), &["VIP-10000", "Why this risk"]);
    site.get("/customers?id=..").await.page(StatusCode::NOT_FOUND);
}

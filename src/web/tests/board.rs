//! Segments, key figures and models.

use super::*;

#[tokio::test]
async fn segments_are_told_and_lead_to_their_customers() {
    let site = Site::new();
    let en = site.get("/segments?lang=en").await.ok();
    has(&en, &["<h1>Segments</h1>", "Recency × frequency", "Moves between lifecycle stages", "class=\"band"]);
    has(&en, &["No clusters"]);
    let zh = site.get("/segments?lang=zh&by=value_at_risk").await.ok();
    has(&zh, &["<h1>会员分层</h1>", "<option value=\"value_at_risk\" selected>流失损失</option>"]);
}

#[tokio::test]
async fn the_grid_leads_to_the_customers_of_a_cell() {
    let mut base = sample_base();
    for (scored, _) in base.0.values_mut() {
        if let Some(tag) = scored.tags.iter().find(|tag| tag.name == "rfm.recency").cloned() {
            scored.tags.push(Tag { name: "rfm.frequency".into(), value: 5.into(), ..tag });
        }
    }
    let page = Site::with(base, Some(engine())).get("/segments?lang=en").await.ok();
    has(
        &page,
        &[
            "href=\"/call?lang=en&amp;rfm.recency=3&amp;rfm.frequency=5\"",
            "recency 3, frequency 5: Customers: 119",
        ],
    );
}

#[tokio::test]
async fn key_figures_are_told_for_a_period_beside_another() {
    let site = Site::new();
    let en = site.get("/kpi?lang=en").await.ok();
    has(&en, &["<h1>KPIs</h1>", "Jun 2011 – Aug 2011", "3-month retention", "12-month retention"]);
    has(
        &en,
        &[
            "Average order value",
            "30-day repurchase rate of new customers",
            "no data",
            "Tag coverage",
            "web shop",
        ],
    );
    let zh = site.get("/kpi?lang=zh&period=month&against=year").await.ok();
    has(
        &zh,
        &[
            "<h1>经营指标</h1>",
            "2011-08",
            "12 个月留存率",
            "<option value=\"year\" selected>去年同期</option>",
        ],
    );
    assert!(en.len() < 150_000 && zh.len() < 150_000);
}

#[tokio::test]
async fn without_a_registry_the_page_of_models_says_so() {
    let site = Site::new();
    has(
        &site.get("/models?lang=en").await.ok(),
        &["<h1>Models</h1>", "started without a registry", "No challenger"],
    );
    has(&site.get("/models?lang=zh").await.ok(), &["<h1>模型</h1>", "未指定模型库"]);
    let page = site.get("/models/%3Cscript%3E/report?lang=en").await.page(StatusCode::NOT_FOUND);
    has(&page, &["No report for this model"]);
}

//! What holds for every page: languages, headers, assets, failures.

use super::*;

#[tokio::test]
async fn the_language_follows_the_browser_unless_the_address_names_one() {
    let site = Site::new();
    let ask = |uri: &str| {
        Request::get(uri)
            .header(header::ACCEPT_LANGUAGE, "zh-CN,zh;q=0.9,en;q=0.8")
            .body(Body::empty())
            .unwrap()
    };
    let reply = site.send(ask("/")).await;
    assert_eq!(
        (reply.header("content-language"), reply.header("vary")),
        ("zh-CN", "accept-language, cookie")
    );
    let page = reply.ok();
    has(&page, &["<html lang=\"zh-CN\">"]);
    assert_eq!(href(&page, "查找会员"), "/customers");
    let page = site.send(ask("/?lang=en")).await.ok();
    has(&page, &["<html lang=\"en\">"]);
    assert_eq!(href(&page, "Find a customer"), "/customers?lang=en");
}

#[tokio::test]
async fn a_page_is_kept_by_no_cache_and_its_style_for_ever() {
    let site = Site::new();
    let reply = site.get("/").await;
    assert_eq!(
        (reply.header("cache-control"), reply.header("x-content-type-options")),
        ("no-store", "nosniff")
    );
    let page = reply.ok();
    for (place, media_type) in
        [("rel=\"stylesheet\" href=\"", "text/css; charset=utf-8"), ("rel=\"icon\" href=\"", "image/svg+xml")]
    {
        let uri = page.split(place).nth(1).unwrap().split('"').next().unwrap();
        let file = site.get(uri).await;
        assert_eq!((file.status, file.header("content-type")), (StatusCode::OK, media_type), "{uri}");
        assert_eq!(file.header("cache-control"), "public, max-age=31536000, immutable");
        assert!(
            !file.text.replace("http://www.w3.org/2000/svg", "").contains("://"),
            "{uri} loads from elsewhere"
        );
    }
    assert_eq!(site.get("/assets/homing-0.css").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn every_class_of_a_page_is_in_the_style_sheet() {
    let site = Site::new();
    let mut pages = String::new();
    for uri in [
        "/",
        "/call",
        "/call?id=nobody&rfm.recency=3",
        "/customers",
        "/customers/idle",
        "/customers/VIP-10000",
        "/customers/nobody",
        "/segments",
        "/kpi",
        "/models",
    ] {
        pages.push_str(&site.get(uri).await.text);
    }
    let style = site.get(&super::super::assets::style()).await.text;
    for class in
        pages.split(" class=\"").skip(1).flat_map(|rest| rest.split('"').next().unwrap().split_whitespace())
    {
        assert!(style.contains(&format!(".{class}")), "the style sheet does not know `{class}`");
    }
}

#[tokio::test]
async fn a_store_that_fails_is_a_page_that_says_what_to_do() {
    let site = Site::new();
    for (error, status, en, zh) in [
        (
            (|| Error::Locked("p".into())) as fn() -> Error,
            StatusCode::SERVICE_UNAVAILABLE,
            "The profile store is busy",
            "档案库正忙",
        ),
        (
            || Error::Database { store: "/secret/place".into(), detail: "disk full".into() },
            StatusCode::SERVICE_UNAVAILABLE,
            "The profile store cannot be read",
            "无法读取档案库",
        ),
        (
            || panic!("a bug"),
            StatusCode::INTERNAL_SERVER_ERROR,
            "The page could not be rendered",
            "页面生成失败",
        ),
    ] {
        *site.store.failing.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(error);
        for uri in ["/call", "/customers/idle", "/models"] {
            let page = site.get(uri).await.page(status);
            has(&page, &[en]);
            assert!(!page.contains("secret") && !page.contains("disk full"));
            assert_eq!(href(&page, "Who to call"), "/call");
            has(&site.get(&format!("{uri}?lang=zh")).await.page(status), &[zh]);
        }
    }
}

#[tokio::test]
async fn the_api_keeps_its_routes_and_its_answer_to_unknown_paths() {
    let site = Site::new();
    assert_eq!(site.get("/healthz").await.status, StatusCode::OK);
    let unknown = site.get("/nowhere").await;
    assert_eq!(
        (unknown.status, unknown.header("content-type")),
        (StatusCode::NOT_FOUND, "application/problem+json")
    );
    site.app.set_engine(None);
    assert_eq!(site.get("/readyz").await.status, StatusCode::SERVICE_UNAVAILABLE);
}

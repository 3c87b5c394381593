//! What the pages' buttons do, over a store of the real kind.

use std::sync::atomic::{AtomicI64, Ordering};

use super::*;
use crate::service::{Role, create_key};
use homing_profiles::sqlite::SqliteStore;

/// The pages over a SQLite store with one customer, `c/1`, and a key of each role.
pub(super) struct House {
    pub store: Arc<SqliteStore>,
    pub app: Arc<App>,
    router: Router,
    pub keys: BTreeMap<Role, String>,
    clock: Arc<AtomicI64>,
    folder: tempfile::TempDir,
}

/// A fading customer of whom the playbook has something to say.
fn score(_: &str, history: &History, as_of: Micros) -> Scored {
    let engine = FakeEngine(engine().model().clone());
    let mut scored = engine.run("", history, as_of, as_of, true, &Spent::default());
    if let Outcome::Scored(prediction) = &mut scored.outcome {
        prediction.value_at_risk = 5_000.0;
    }
    let tag = |(name, value): (&str, &str)| Tag {
        name: name.into(),
        layer: Layer::Dynamic,
        value: value.into(),
        confidence: None,
        expires_at: None,
    };
    let tags = [("lifecycle.stage", "decline"), ("tier.member", "super"), ("fading.cause_first", "price")];
    Scored { tags: tags.map(tag).into(), ..scored }
}

impl House {
    pub fn new(locked: bool) -> Self {
        House::with_app(locked, |app| app)
    }

    /// The same with another app than the plain one.
    pub fn with_app(locked: bool, change: impl FnOnce(App) -> App) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(SqliteStore::open(folder.path().join("p.db"), zone()).unwrap());
        let history = History::from_events(vec![Event::new(Kind::Purchase, as_of() - DAY, 5.0)]);
        let row = BatchRow { customer_id: "c/1".into(), history };
        store.write_batch(&mut std::iter::once(row), as_of(), &score, &|_| ()).unwrap();
        let mut keys = BTreeMap::new();
        if locked {
            for role in Role::ALL {
                keys.insert(role, create_key(store.as_ref(), role.name(), role, as_of()).unwrap().1);
            }
        }
        let clock = Arc::new(AtomicI64::new(as_of()));
        let told = clock.clone();
        let tell = Arc::new(move || told.load(Ordering::SeqCst));
        let app = Arc::new(change(App::new(store.clone(), Some(engine()), tell, Limits::default())));
        app.refresh_keys().unwrap();
        let catalogue = Arc::new(catalogue());
        let router = api::router(app.clone()).merge(router(app.clone(), catalogue, None));
        House { store, app, router, keys, clock, folder }
    }

    /// Sets the clock forward.
    pub fn later(&self, seconds: i64) {
        self.clock.fetch_add(seconds * 1_000_000, Ordering::SeqCst);
    }

    /// Whether the store's files hold a text.
    pub fn holds(&self, text: &str) -> bool {
        let files = std::fs::read_dir(self.folder.path()).unwrap();
        let bytes = files.map(|entry| std::fs::read(entry.unwrap().path()).unwrap());
        bytes.into_iter().any(|bytes| bytes.windows(text.len()).any(|window| window == text.as_bytes()))
    }

    pub async fn reply(&self, request: Request<Body>) -> Reply {
        let (parts, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        Reply { status: parts.status, headers: parts.headers, text }
    }

    async fn send(&self, role: Option<Role>, method: &str, uri: &str, form: &str) -> Reply {
        let mut request = Request::builder().method(method).uri(uri);
        if let Some(role) = role {
            request = request.header(header::AUTHORIZATION, format!("Bearer {}", self.keys[&role]));
        }
        let request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.reply(request.body(Body::from(form.to_owned())).unwrap()).await
    }

    /// The token that the page of the customer gives to a role.
    async fn token(&self, role: Option<Role>) -> String {
        let page = self.send(role, "GET", "/customers/c%2F1?lang=en", "").await.ok();
        let token = page.split("name=\"token\" value=\"").nth(1).map(|rest| rest.split('"').next().unwrap());
        token.unwrap_or_default().to_owned()
    }
}

const CONSENT: &str = "/customers/c%2F1/consent?lang=en";
const ERASE: &str = "/customers/c%2F1/erase?lang=en";

#[tokio::test]
async fn each_button_works_for_its_role_and_refuses_those_below() {
    let house = House::new(true);
    for (role, consent, erase) in [
        (Role::Reader, false, false),
        (Role::Operator, true, false),
        (Role::Scientist, true, false),
        (Role::Admin, true, true),
    ] {
        let page = house.send(Some(role), "GET", "/customers/c%2F1?lang=en", "").await.ok();
        assert_eq!(page.contains("/consent"), consent, "{role:?}");
        assert_eq!(page.contains("/erase"), erase, "{role:?}");
        let token = house.token(Some(role)).await;
        assert_eq!(token.is_empty(), !consent, "{role:?}");
        let reply = house.send(Some(role), "POST", CONSENT, &format!("token={token}&opted_out=true")).await;
        let status = if consent { StatusCode::SEE_OTHER } else { StatusCode::FORBIDDEN };
        assert_eq!(reply.status, status, "{role:?}");
        let reply = house.send(Some(role), "GET", "/customers/c%2F1/export", "").await;
        assert_eq!(reply.status, if consent { StatusCode::OK } else { StatusCode::FORBIDDEN }, "{role:?}");
        let order = format!("token={token}&campaign=x&holdout=10");
        let reply = house.send(Some(role), "POST", "/call/export?lang=en", &order).await;
        assert_eq!(reply.status, if consent { StatusCode::OK } else { StatusCode::FORBIDDEN }, "{role:?}");
        if !erase {
            let reply = house.send(Some(role), "POST", ERASE, &format!("token={token}&confirm=c/1")).await;
            has(&reply.page(StatusCode::FORBIDDEN), &["requires a key with the role admin"]);
        }
    }
    let page = house.send(Some(Role::Admin), "GET", "/customers/c%2F1?lang=en", "").await.ok();
    has(&page, &["The customer opted out of automated decisions.", "Record opt-in"]);
    assert!(!page.contains("Probabilities over time"), "who opted out is not scored for a drawing either");
    let token = house.token(Some(Role::Admin)).await;
    let reply = house.send(Some(Role::Admin), "POST", ERASE, &format!("token={token}&confirm=c%2F2")).await;
    has(&reply.page(StatusCode::UNPROCESSABLE_ENTITY), &["Nothing was erased"]);
    assert!(house.store.profile("c/1").unwrap().is_some());
    let reply = house.send(Some(Role::Admin), "POST", ERASE, &format!("token={token}&confirm=+c%2F1+")).await;
    assert_eq!(
        (reply.status, reply.header("location")),
        (StatusCode::SEE_OTHER, "/customers?lang=en&done=erased")
    );
    assert!(house.store.is_erased("c/1").unwrap());
    has(
        &house.send(Some(Role::Reader), "GET", "/customers?lang=en&done=erased", "").await.ok(),
        &["Customer erased."],
    );
}

#[tokio::test]
async fn a_form_from_elsewhere_does_nothing() {
    let house = House::new(true);
    let (admin, operator) = (house.token(Some(Role::Admin)).await, house.token(Some(Role::Operator)).await);
    assert_ne!(admin, operator, "a token is not valid for another key");
    for form in [
        "",
        "opted_out=true",
        "token=&opted_out=true",
        &format!("token={operator}&opted_out=true"),
        "%ff",
        "token=a&token=b",
    ] {
        let reply = house.send(Some(Role::Admin), "POST", CONSENT, form).await;
        has(&reply.page(StatusCode::FORBIDDEN), &["The form has expired", "Nothing was changed"]);
    }
    let request = Request::post(CONSENT)
        .header(header::AUTHORIZATION, format!("Bearer {}", house.keys[&Role::Admin]))
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header("sec-fetch-site", "cross-site")
        .body(Body::from(format!("token={admin}&opted_out=true")));
    let reply = house.router.clone().oneshot(request.unwrap()).await.unwrap();
    assert_eq!(reply.status(), StatusCode::FORBIDDEN);
    assert_eq!(house.store.consent("c/1").unwrap(), None);
    // Without keys everybody may, and a form needs its token all the same.
    let open = House::new(false);
    assert_eq!(open.send(None, "POST", CONSENT, "opted_out=true").await.status, StatusCode::FORBIDDEN);
    let token = open.token(None).await;
    let reply = open.send(None, "POST", CONSENT, &format!("token={token}&opted_out=true")).await;
    assert_eq!(
        (reply.status, reply.header("location")),
        (StatusCode::SEE_OTHER, "/customers/c%2F1?lang=en&done=consent")
    );
    assert!(open.store.consent("c/1").unwrap().unwrap().opted_out);
}

#[tokio::test]
async fn what_is_read_on_pages_is_in_the_audit_log() {
    let house = House::new(true);
    house.send(Some(Role::Reader), "GET", "/call", "").await.ok();
    house.send(Some(Role::Reader), "GET", "/customers/c%2F1", "").await.ok();
    let token = house.token(Some(Role::Operator)).await;
    let order = format!("token={token}&campaign=Spring&holdout=0&record=yes");
    let list = house.send(Some(Role::Operator), "POST", "/call/export?lang=en", &order).await;
    assert!(list.text.contains("c/1,Spring,contact,"), "{}", list.text);
    assert_eq!(list.header("content-disposition"), "attachment; filename*=UTF-8''Spring.csv");
    house.send(Some(Role::Operator), "GET", "/customers/c%2F1/export", "").await;
    house.app.write_audit().unwrap();
    let entries = house.store.audit_of("c/1").unwrap();
    let mut actions: Vec<(&str, &str)> =
        entries.iter().map(|entry| (entry.action.as_str(), entry.detail.as_str())).collect();
    actions.sort_unstable();
    assert_eq!(
        actions,
        [
            ("campaign.export", "Spring"),
            ("profile.export", ""),
            ("profile.list", ""),
            ("profile.read", ""),
            ("profile.read", "")
        ]
    );
    assert!(entries.iter().all(|entry| entry.key_id.is_some()));
}

#[tokio::test]
async fn a_campaign_that_cannot_be_made_says_why() {
    let house = House::new(false);
    let token = house.token(None).await;
    for order in ["campaign=&holdout=10", "campaign=x&holdout=51", "campaign=x"] {
        let reply = house.send(None, "POST", "/call/export?lang=zh", &format!("token={token}&{order}")).await;
        has(&reply.page(StatusCode::UNPROCESSABLE_ENTITY), &["名单未导出"]);
    }
    let reply = house.send(None, "POST", "/call/export?lang=en", "campaign=x&holdout=10").await;
    has(&reply.page(StatusCode::FORBIDDEN), &["The form has expired"]);
}

#[tokio::test]
async fn models_are_put_to_work_by_those_who_may() {
    let house = House::new(true);
    let token = house.token(Some(Role::Scientist)).await;
    for uri in ["/models/abc/promote?lang=en", "/models/rollback?lang=en"] {
        let reply = house.send(Some(Role::Operator), "POST", uri, "token=x").await;
        has(&reply.page(StatusCode::FORBIDDEN), &["requires a key with the role scientist"]);
        let reply = house.send(Some(Role::Scientist), "POST", uri, &format!("token={token}")).await;
        has(&reply.page(StatusCode::CONFLICT), &["The model was not changed"]);
    }
}

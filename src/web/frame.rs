//! What every page has around it: title, navigation, language switch.

use super::asked::{Asked, Link};
use super::assets;
use super::words::{Lang, t};

/// The pages that the navigation names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Today,
    Call,
    Find,
    Segments,
    Kpi,
    Campaigns,
    Models,
    Accuracy,
}

impl Place {
    const ALL: [Place; 8] = [
        Place::Today,
        Place::Call,
        Place::Find,
        Place::Segments,
        Place::Kpi,
        Place::Campaigns,
        Place::Models,
        Place::Accuracy,
    ];

    /// Where the page is.
    pub fn path(self) -> &'static str {
        match self {
            Place::Today => "/",
            Place::Call => "/call",
            Place::Find => "/customers",
            Place::Segments => "/segments",
            Place::Kpi => "/kpi",
            Place::Campaigns => "/campaigns",
            Place::Models => "/models",
            Place::Accuracy => "/accuracy",
        }
    }

    /// What it is called.
    pub fn name(self, lang: Lang) -> &'static str {
        match self {
            Place::Today => t!(lang, "today"),
            Place::Call => t!(lang, "who-to-call"),
            Place::Find => t!(lang, "find-customer"),
            Place::Segments => t!(lang, "segments"),
            Place::Kpi => t!(lang, "kpi"),
            Place::Campaigns => t!(lang, "campaigns"),
            Place::Models => t!(lang, "models"),
            Place::Accuracy => t!(lang, "accuracy"),
        }
    }
}

/// One link of the navigation.
pub(super) struct NavItem {
    pub name: &'static str,
    pub link: Link,
    pub current: bool,
}

/// The same page in another language.
pub(super) struct Switch {
    pub name: &'static str,
    pub tag: &'static str,
    pub link: Link,
}

/// What the base template needs.
pub(super) struct Frame {
    pub title: String,
    pub lang: Lang,
    pub nav: Vec<NavItem>,
    pub switch: Vec<Switch>,
    pub style: String,
    pub icon: String,
    /// The code of the language, where the address names it: a form has to hand it on.
    pub lang_named: Option<&'static str>,
    /// Where to sign out, for who is signed in.
    pub sign_out: Option<Link>,
}

impl Frame {
    pub fn new(asked: &Asked, current: Option<Place>, title: impl Into<String>) -> Self {
        let lang = asked.lang;
        let item = |place: Place| NavItem {
            name: place.name(lang),
            link: asked.link(place.path()),
            current: current == Some(place),
        };
        let other = |lang: Lang| Switch { name: lang.name(), tag: lang.tag(), link: asked.in_language(lang) };
        Frame {
            title: title.into(),
            lang,
            nav: Place::ALL.map(item).into(),
            switch: Lang::all().filter(|lang| *lang != asked.lang).map(other).collect(),
            style: assets::style(),
            icon: assets::icon(),
            lang_named: asked.named.then(|| asked.lang.code()),
            sign_out: asked.signed_in.then(|| asked.link("/signout")),
        }
    }
}

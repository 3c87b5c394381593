//! What every page has around it: title, navigation, language switch.

use super::asked::{Asked, Link};
use super::assets;
use super::words::{Lang, Words};

/// The pages that the navigation names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Today,
    Call,
    Find,
    Segments,
    Kpi,
    Models,
}

impl Place {
    const ALL: [Place; 6] =
        [Place::Today, Place::Call, Place::Find, Place::Segments, Place::Kpi, Place::Models];

    /// Where the page is.
    pub fn path(self) -> &'static str {
        match self {
            Place::Today => "/",
            Place::Call => "/call",
            Place::Find => "/customers",
            Place::Segments => "/segments",
            Place::Kpi => "/kpi",
            Place::Models => "/models",
        }
    }

    /// What it is called.
    pub fn name(self, words: &Words) -> &'static str {
        match self {
            Place::Today => words.today,
            Place::Call => words.who_to_call,
            Place::Find => words.find_customer,
            Place::Segments => words.segments,
            Place::Kpi => words.kpi,
            Place::Models => words.models,
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
    pub w: &'static Words,
    pub nav: Vec<NavItem>,
    pub switch: Vec<Switch>,
    pub style: String,
    pub icon: String,
    /// The code of the language, where the address names it: a form has to hand it on.
    pub lang_named: Option<&'static str>,
}

impl Frame {
    pub fn new(asked: &Asked, current: Option<Place>, title: impl Into<String>) -> Self {
        let w = asked.lang.words();
        let item = |place: Place| NavItem {
            name: place.name(w),
            link: asked.link(place.path()),
            current: current == Some(place),
        };
        let other = |lang: Lang| Switch { name: lang.name(), tag: lang.tag(), link: asked.in_language(lang) };
        Frame {
            title: title.into(),
            lang: asked.lang,
            w,
            nav: Place::ALL.map(item).into(),
            switch: Lang::ALL.into_iter().filter(|lang| *lang != asked.lang).map(other).collect(),
            style: assets::style(),
            icon: assets::icon(),
            lang_named: asked.named.then(|| asked.lang.code()),
        }
    }
}

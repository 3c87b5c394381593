//! The project speaks one language: words that users of this field do not know stay out of every text that a person reads.
//!
//! Read are the docs, the locale files, the shipped catalogue and playbook, and every string literal of the programs.

#![cfg(test)]

use std::fs;
use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};

/// What nobody writes, and what to write in its place.
const NEVER: &[(&str, &str)] = &[
    ("p_return_", "p_purchase_"),
    ("come back", "buy again"),
    ("comes back", "buys again"),
    ("coming back", "buying again"),
    ("came back", "bought again"),
    ("own clock", "purchase cycle"),
    ("own rhythm", "purchase cycle"),
    ("the silence", "recency"),
    ("days silent", "recency"),
    ("at work", "in use, champion"),
    ("put to work", "promote"),
    ("taken down", "recorded, saved"),
    ("take down", "record, save"),
    ("takes down", "records, saves"),
    ("the wish", "the request, the opt-out"),
    ("mend", "fix"),
    ("mends", "fixes"),
    ("mended", "fixed"),
    ("tell of", "contain"),
    ("tells of", "contains"),
    ("as-of day", "cutoff"),
    ("who turned", "name the change"),
    ("is no more", "is gone"),
    ("wrong use", "invalid arguments"),
    ("in the place of", "instead of"),
    ("stands in", "is in"),
    ("stand in", "are in"),
    ("it says no", "refused"),
    ("whoever", "customers who"),
    ("goes by", "uses"),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Files below a folder, without those of tests, benches and builds.
fn files(folder: &Path, ending: &str, found: &mut Vec<PathBuf>) {
    let skipped = ["target", "tests", "benches", ".git", "node_modules", "testing", "conformance"];
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        let name = entry.file_name().unwrap().to_str().unwrap().to_owned();
        if entry.is_dir() {
            if !skipped.contains(&&*name) && !name.starts_with('.') {
                files(&entry, ending, found);
            }
        } else if name.ends_with(ending) && name != "CHANGELOG.md" && !name.starts_with("tests.") {
            found.push(entry);
        }
    }
}

/// The forbidden words of a text that is not code.
fn slips(text: &str) -> impl Iterator<Item = &'static (&'static str, &'static str)> {
    let lower = text.to_lowercase();
    NEVER.iter().filter(move |(never, _)| {
        lower.match_indices(never).any(|(at, _)| {
            let before = lower[..at].chars().next_back();
            let after = lower[at + never.len()..].chars().next();
            let part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
            never.ends_with('_') || !(part(before) || part(after))
        })
    })
}

/// The string literals of a file, without those of its tests.
struct Literals(Vec<(usize, String)>);

impl<'a> Visit<'a> for Literals {
    fn visit_item_mod(&mut self, module: &'a syn::ItemMod) {
        let is_test = module
            .attrs
            .iter()
            .any(|attribute| attribute.path().is_ident("cfg") && quote(attribute).contains("test"));
        if !is_test {
            visit::visit_item_mod(self, module);
        }
    }

    fn visit_attribute(&mut self, _: &'a syn::Attribute) {}

    fn visit_lit_str(&mut self, literal: &'a syn::LitStr) {
        self.0.push((literal.span().start().line, literal.value()));
    }

    fn visit_macro(&mut self, call: &'a syn::Macro) {
        // Arguments of format!, println!, tracing and the like are tokens: read the literals among them.
        literals_of(call.tokens.clone(), &mut self.0);
    }
}

fn quote(attribute: &syn::Attribute) -> String {
    match &attribute.meta {
        syn::Meta::List(list) => list.tokens.to_string(),
        _ => String::new(),
    }
}

fn literals_of(tokens: proc_macro2::TokenStream, found: &mut Vec<(usize, String)>) {
    for token in tokens {
        match token {
            proc_macro2::TokenTree::Group(group) => literals_of(group.stream(), found),
            proc_macro2::TokenTree::Literal(literal) => {
                let line = literal.span().start().line;
                if let Ok(text) = syn::parse_str::<syn::LitStr>(&literal.to_string()) {
                    found.push((line, text.value()));
                }
            }
            _ => {}
        }
    }
}

#[test]
fn texts_use_the_words_of_the_field() {
    let (root, mut wrong) = (root(), Vec::new());
    let mut say = |path: &Path, line: usize, (never, instead): &(&str, &str)| {
        let path = path.strip_prefix(&root).unwrap_or(path).display();
        wrong.push(format!("{path}:{line}: `{never}`; write: {instead}"));
    };
    for ending in [".md", ".ftl", ".toml"] {
        let mut paths = Vec::new();
        files(&root, ending, &mut paths);
        assert!(!paths.is_empty(), "no {ending} file found");
        for path in paths {
            for (at, line) in fs::read_to_string(&path).unwrap().lines().enumerate() {
                slips(line).for_each(|slip| say(&path, at + 1, slip));
            }
        }
    }
    let mut paths = Vec::new();
    files(&root, ".rs", &mut paths);
    for path in paths {
        let source = syn::parse_file(&fs::read_to_string(&path).unwrap()).unwrap();
        let mut literals = Literals(Vec::new());
        literals.visit_file(&source);
        for (line, text) in literals.0 {
            // Migrations read the old name.
            let slips = slips(&text).filter(|(never, _)| *never != "p_return_");
            slips.for_each(|slip| say(&path, line, slip));
        }
    }
    assert!(wrong.is_empty(), "{} texts:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn a_slip_is_found_as_a_whole_word_only() {
    let found = |text: &str| slips(text).map(|(never, _)| *never).collect::<Vec<_>>();
    assert_eq!(found("Mend the file"), ["mend"]);
    assert_eq!(found("amendment, recommend"), [] as [&str; 0]);
    assert_eq!(found("p_return_30d"), ["p_return_"]);
}

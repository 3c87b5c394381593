//! Which module imports which: read from the sources, so that the picture in the docs and the test against import circles
//! cannot go stale.
//!
//! A module is a file or a folder of files. An import is a `use` or a path that starts with `crate`, `self` or `super`; test
//! modules do not count. Siblings must not import each other in a circle, at any depth; a module and its own parent may,
//! because a child that uses its parent's types is one concept in several files.

mod draw;
mod graph;
mod imports;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use toml::Table;

pub use draw::svg;
pub use graph::{Graph, circles, depths, reduced};
pub use imports::modules;

/// One crate of the workspace.
#[derive(Debug)]
pub struct Member {
    /// Package name.
    pub name: String,
    /// The workspace crates that it depends on, without development dependencies.
    pub needs: Vec<String>,
    /// Module path (`api::routes`) to the module paths that it imports.
    pub imports: BTreeMap<String, Vec<String>>,
}

impl Member {
    /// The imports between the children of a module (`""`: the crate's root), with those of their descendants counted as theirs.
    #[must_use]
    pub fn siblings(&self, parent: &str) -> Graph {
        let prefix = if parent.is_empty() { String::new() } else { format!("{parent}::") };
        let child = |path: &str| -> Option<String> {
            let rest = path.strip_prefix(&prefix)?;
            (!rest.is_empty()).then(|| rest.split("::").next().unwrap_or(rest).to_owned())
        };
        let mut graph = Graph::new();
        for (from, targets) in &self.imports {
            let Some(from) = child(from) else { continue };
            let edges = graph.entry(from.clone()).or_default();
            edges.extend(targets.iter().filter_map(|to| child(to)).filter(|to| *to != from));
        }
        graph
    }

    /// Every module that has children, the root (`""`) first.
    #[must_use]
    pub fn parents(&self) -> Vec<String> {
        let mut parents = vec![String::new()];
        for path in self.imports.keys() {
            if let Some((parent, _)) = path.rsplit_once("::")
                && !parents.iter().any(|known| known == parent)
            {
                parents.push(parent.to_owned());
            }
        }
        parents
    }
}

/// Reads every library of the workspace at `root` (the folder of its `Cargo.toml`).
///
/// # Errors
/// A manifest or a source file that cannot be read or parsed; the message names it.
pub fn read(root: &Path) -> Result<Vec<Member>> {
    let workspace = manifest(&root.join("Cargo.toml"))?;
    let members = workspace["workspace"]["members"].as_array().context("`members` is not a list")?;
    let folders = members.iter().filter_map(|member| member.as_str());
    folders.filter(|folder| !folder.starts_with("tests")).map(|folder| member(&root.join(folder))).collect()
}

fn member(folder: &Path) -> Result<Member> {
    let path = folder.join("Cargo.toml");
    let manifest = manifest(&path)?;
    let text = |table: &str, key: &str| {
        let value = manifest.get(table).and_then(|table| table.get(key)).and_then(|value| value.as_str());
        value.map(str::to_owned).with_context(|| format!("{}: no {table}.{key}", path.display()))
    };
    let needs = manifest.get("dependencies").and_then(|value| value.as_table());
    let needs = needs.into_iter().flat_map(Table::keys).filter(|name| name.starts_with("homing")).cloned();
    Ok(Member {
        name: text("package", "name")?,
        needs: needs.collect(),
        imports: modules(&folder.join(text("lib", "path")?))?,
    })
}

fn manifest(path: &Path) -> Result<Table> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    text.parse().with_context(|| format!("cannot parse {}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::process::Command;

    use super::*;

    fn workspace() -> Vec<Member> {
        read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")).unwrap()
    }

    /// A compiled text is written in a language, whose numbers are formatted by its texts: one concept in four files, still to be
    /// taken apart.
    const ONE_CONCEPT: (&str, &[&str]) = ("homing-locales", &["compile", "format", "problem", "set"]);

    #[test]
    fn no_modules_import_each_other_in_a_circle() {
        let mut found = Vec::new();
        for member in workspace() {
            for parent in member.parents() {
                let inside = if parent.is_empty() { "its root".to_owned() } else { format!("`{parent}`") };
                for circle in circles(&member.siblings(&parent)) {
                    if member.name == ONE_CONCEPT.0 && circle == ONE_CONCEPT.1 {
                        continue;
                    }
                    found.push(format!("{}, in {inside}: {}", member.name, circle.join(" <-> ")));
                }
            }
        }
        assert!(found.is_empty(), "modules that import each other:\n{}", found.join("\n"));
    }

    #[test]
    fn the_picture_in_the_docs_is_the_present_one() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/images/structure.svg");
        let drawn = fs::read_to_string(path).unwrap_or_default();
        let hint = "run `cargo run -p homing-structure -- docs/images/structure.svg`";
        assert!(drawn == svg(&workspace()), "docs/images/structure.svg is stale; {hint}");
    }

    #[test]
    fn a_serving_build_carries_no_fitting() {
        let tree = Command::new(env!("CARGO"))
            .args(["tree", "--locked", "--offline", "-p", "homing", "--no-default-features", "-e", "normal"])
            .args(["--prefix", "none", "--format", "{p}"])
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."))
            .output()
            .unwrap();
        assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
        let tree = String::from_utf8(tree.stdout).unwrap();
        let crates: BTreeSet<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
        assert!(crates.contains("homing-models"), "{tree}");
        let fitting = ["argmin", "linfa", "ndarray", "smartcore", "homing-training"];
        let found: Vec<_> =
            crates.iter().filter(|name| fitting.iter().any(|f| name.starts_with(f))).collect();
        assert!(found.is_empty(), "a serving build depends on {found:?}; put them behind the feature `fit`");
    }

    #[test]
    fn a_circle_is_found_and_named() {
        let graph = Graph::from([
            ("a".to_owned(), ["b".to_owned()].into()),
            ("b".to_owned(), ["c".to_owned()].into()),
            ("c".to_owned(), ["a".to_owned()].into()),
            ("d".to_owned(), ["a".to_owned()].into()),
        ]);
        assert_eq!(circles(&graph), [["a", "b", "c"]]);
    }
}

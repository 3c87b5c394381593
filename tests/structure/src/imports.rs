//! From source files to the imports of each module.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use syn::visit::{self, Visit};
use syn::{Attribute, Item, ItemMod, ItemUse, UseTree};

/// Reads a library from its root file: each module's path (`api::routes`; the root is `""`) with the paths that it imports.
///
/// # Errors
/// A file that cannot be read or parsed.
pub fn modules(root: &Path) -> Result<BTreeMap<String, Vec<String>>> {
    let mut files = BTreeMap::new();
    collect(root, root.parent().unwrap_or(Path::new(".")), "", &mut files)?;
    let known: BTreeSet<&String> = files.keys().collect();
    let imports = files.iter().map(|(module, paths)| {
        let targets: BTreeSet<String> =
            paths.iter().filter_map(|path| resolve(module, path, &known)).collect();
        (module.clone(), targets.into_iter().filter(|target| target != module).collect())
    });
    Ok(imports.collect())
}

/// Parses a file and, through its `mod` declarations, those below it. `folder` is where its children lie.
fn collect(
    file: &Path,
    folder: &Path,
    module: &str,
    into: &mut BTreeMap<String, Vec<Vec<String>>>,
) -> Result<()> {
    let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let parsed = syn::parse_file(&text).with_context(|| format!("cannot parse {}", file.display()))?;
    let mut paths = Paths::default();
    paths.visit_file(&parsed);
    into.insert(module.to_owned(), paths.0);
    for item in &parsed.items {
        let Item::Mod(child @ ItemMod { content: None, .. }) = item else { continue };
        if is_test(&child.attrs) {
            continue;
        }
        let name = child.ident.to_string();
        let path = if module.is_empty() { name.clone() } else { format!("{module}::{name}") };
        let (file, folder) = locate(folder, &name);
        collect(&file, &folder, &path, into)?;
    }
    Ok(())
}

fn locate(folder: &Path, name: &str) -> (PathBuf, PathBuf) {
    let below = folder.join(name);
    let flat = folder.join(format!("{name}.rs"));
    if flat.is_file() { (flat, below) } else { (below.join("mod.rs"), below) }
}

/// Whether an item exists in tests only.
fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let cfg = attribute.meta.require_list().ok().filter(|list| list.path.is_ident("cfg"));
        cfg.is_some_and(|list| list.tokens.to_string() == "test")
    })
}

/// The deepest known module on the way of a path, seen from a module.
fn resolve(module: &str, path: &[String], known: &BTreeSet<&String>) -> Option<String> {
    let mut at: Vec<&str> = match path.first()?.as_str() {
        "crate" => Vec::new(),
        "self" | "super" => module.split("::").filter(|part| !part.is_empty()).collect(),
        _ => return None,
    };
    for part in path {
        match part.as_str() {
            "crate" | "self" => {}
            "super" => drop(at.pop()),
            name => {
                at.push(name);
                if !known.contains(&at.join("::")) {
                    at.pop();
                    break;
                }
            }
        }
    }
    Some(at.join("::"))
}

/// Paths of a file, outside of tests.
#[derive(Default)]
struct Paths(Vec<Vec<String>>);

impl Paths {
    fn tree(&mut self, before: &[String], tree: &UseTree) {
        match tree {
            UseTree::Path(path) => {
                let with = [before, &[path.ident.to_string()]].concat();
                self.tree(&with, &path.tree);
            }
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.tree(before, tree)),
            UseTree::Name(name) => self.0.push([before, &[name.ident.to_string()]].concat()),
            UseTree::Rename(name) => self.0.push([before, &[name.ident.to_string()]].concat()),
            UseTree::Glob(_) => self.0.push(before.to_vec()),
        }
    }
}

impl<'ast> Visit<'ast> for Paths {
    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        if !is_test(&item.attrs) {
            self.tree(&[], &item.tree);
        }
    }

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        // An inline module of tests; other inline modules belong to their file.
        if !is_test(&item.attrs) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        if !is_test(&item.attrs) {
            visit::visit_item_fn(self, item);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.0.push(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        visit::visit_path(self, path);
    }
}

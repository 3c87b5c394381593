//! Outputs that are inputs: refused before anything is read, so that no purchase is overwritten, and so that no run reads
//! what the run before wrote.

use std::path::{Path, PathBuf};

use crate::{Error, objects};

/// The name under which rejects are listed by default. Readers know a list of rejects by its header and pass over it in folders.
pub const REJECTS: &str = "homing-rejects.csv";

/// Checks that no output is an input, is in a folder that is read, or matches a glob that is read. `outputs` are flags
/// with their files or folders; those that are not given are `None`.
///
/// # Errors
/// [`Error::OutputIsInput`] with the flag; [`Error::OneOutput`] when two flags name one file.
pub fn check(inputs: &[String], outputs: &[(&'static str, Option<&Path>)]) -> Result<(), Error> {
    let mut seen: Vec<(&str, PathBuf)> = Vec::new();
    for (flag, path) in outputs.iter().filter_map(|(flag, path)| Some((*flag, (*path)?))) {
        let own = resolved(path);
        if let Some((other, _)) = seen.iter().find(|(_, other)| same(other, &own)) {
            return Err(Error::OneOutput { flag, other: (*other).to_owned(), path: path.to_owned() });
        }
        for input in inputs.iter().filter(|input| !objects::is_address(input)) {
            if let Some(how) = clash(input, path, &own) {
                return Err(Error::OutputIsInput { flag, path: path.to_owned(), input: input.clone(), how });
            }
        }
        seen.push((flag, own));
    }
    Ok(())
}

/// How an output meets an input.
fn clash(input: &str, path: &Path, own: &Path) -> Option<&'static str> {
    let read = Path::new(input);
    let listed = path.file_name().is_some_and(|name| name == REJECTS);
    if read.is_dir() {
        let folder = resolved(read);
        return (own.starts_with(&folder) && !listed).then_some("is inside the input folder");
    }
    if read.exists() {
        // A folder of outputs that holds the input may sweep it away.
        return (same(&resolved(read), own) || resolved(read).starts_with(own)).then_some("is the input");
    }
    let options = glob::MatchOptions { require_literal_separator: true, ..glob::MatchOptions::new() };
    let pattern = glob::Pattern::new(input).ok()?;
    let whole = std::env::current_dir().ok().map(|folder| folder.join(path));
    let named = pattern.matches_path_with(path, options)
        || whole.is_some_and(|whole| pattern.matches_path_with(&whole, options))
        || glob::glob(input).ok()?.filter_map(Result::ok).any(|found| {
            let found = resolved(&found);
            same(&found, own) || (found.is_dir() && own.starts_with(&found))
        });
    (named && !listed).then_some("matches the input glob")
}

/// The path without links and dots, as far as it exists.
fn resolved(path: &Path) -> PathBuf {
    if let Ok(whole) = path.canonicalize() {
        return whole;
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = path.file_name().unwrap_or_default();
    if parent == path { path.to_owned() } else { resolved(parent).join(name) }
}

#[cfg(unix)]
fn same(a: &Path, b: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let of = |path: &Path| std::fs::metadata(path).map(|data| (data.dev(), data.ino())).ok();
    a == b || (of(a).is_some() && of(a) == of(b))
}

#[cfg(not(unix))]
fn same(a: &Path, b: &Path) -> bool {
    a == b
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_output_that_is_or_will_be_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        std::fs::create_dir_all(root.join("in/deep")).unwrap();
        std::fs::write(root.join("in/orders.csv"), "x").unwrap();
        std::fs::hard_link(root.join("in/orders.csv"), root.join("linked.csv")).unwrap();
        let refused = |input: &str, out: &str| {
            let input = root.join(input).display().to_string();
            check(&[input], &[("out", Some(&root.join(out)))]).err().map(|error| error.to_string())
        };
        for (input, out) in [
            ("in/orders.csv", "in/orders.csv"),
            ("in/orders.csv", "in/deep/../orders.csv"),
            ("in/orders.csv", "linked.csv"),
            ("in/orders.csv", "in"),
            ("in", "in/scores.csv"),
            ("in", "in/deep/new/snapshot"),
            ("in/*.csv", "in/scores.csv"),
            ("in/*.csv", "linked.csv"),
        ] {
            let text = refused(input, out).unwrap_or_else(|| panic!("{input} {out}"));
            assert!(text.contains("--out") && text.contains("input"), "{text}");
        }
        for (input, out) in [
            ("in/orders.csv", "in/scores.csv"),
            ("in", "scores.csv"),
            ("in", "in/homing-rejects.csv"),
            ("in/*.csv", "in/deep/scores.csv"),
            ("in/*.csv", "in/scores.parquet"),
        ] {
            assert_eq!(refused(input, out), None, "{input} {out}");
        }
        let twice =
            [("out", Some(&*root.join("a.csv"))), ("rejects", None), ("moves", Some(&*root.join("./a.csv")))];
        assert!(check(&[], &twice).unwrap_err().to_string().contains("--moves"));
    }
}

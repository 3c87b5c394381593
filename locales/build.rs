//! Lists the files `*.ftl` of this folder, and the keys of the English one with their placeholders: the `t!` macro is held
//! against these keys at compile time.

use std::fmt::Write;
use std::path::Path;

#[path = "placeholders.rs"]
mod placeholders;

fn main() {
    println!("cargo::rerun-if-changed=.");
    if let Err(error) = generate() {
        println!("cargo::error={error}");
    }
}

fn generate() -> Result<(), String> {
    let folder = std::env::var("CARGO_MANIFEST_DIR").map_err(|error| error.to_string())?;
    let out = std::env::var("OUT_DIR").map_err(|error| error.to_string())?;
    let mut files = Vec::new();
    for entry in std::fs::read_dir(&folder).map_err(|error| format!("{folder}: {error}"))? {
        let path = entry.map_err(|error| error.to_string())?.path();
        if path.extension().is_some_and(|ending| ending == "ftl") {
            let code = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
            files.push((code, path));
        }
    }
    // English first: it has every key, and other languages fall back to it.
    files.sort_by_key(|(code, _)| (code != "en", code.clone()));
    let mut code = String::from("pub(crate) static FILES: &[(&str, &str)] = &[\n");
    for (name, path) in &files {
        let _ = writeln!(code, "    ({name:?}, include_str!({:?})),", path.display().to_string());
    }
    code.push_str("];\n\n/// Every key of the English file with its placeholders, sorted.\npub(crate) static KEYS: &[(&str, &[&str])] = &[\n");
    let english = Path::new(&folder).join("en.ftl");
    let text =
        std::fs::read_to_string(&english).map_err(|error| format!("{}: {error}", english.display()))?;
    let resource = fluent_syntax::parser::parse(text.as_str()).map_err(|(_, errors)| {
        let at = errors.first().map_or(0, |error| error.pos.start);
        let line = text.get(..at).unwrap_or_default().lines().count().max(1);
        let what = errors.first().map(ToString::to_string).unwrap_or_default();
        format!("locales/en.ftl:{line}: {what}")
    })?;
    let mut keys = placeholders::of(&resource);
    keys.sort();
    for (key, names) in keys {
        let _ = writeln!(code, "    ({key:?}, &{names:?}),");
    }
    code.push_str("];\n");
    std::fs::write(Path::new(&out).join("files.rs"), code).map_err(|error| error.to_string())
}

//! Prints the crates with the imports between their modules, or draws them: `homing-structure [FILE.svg]`.

use std::path::Path;

use anyhow::{Context, Result};
use homing_structure::{depths, read, svg};

fn main() -> Result<()> {
    let members = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."))?;
    if let Some(file) = std::env::args().nth(1) {
        return std::fs::write(&file, svg(&members)).with_context(|| format!("cannot write {file}"));
    }
    for member in &members {
        println!("{} -> {}", member.name, member.needs.join(", "));
        let graph = member.siblings("");
        for (module, depth) in depths(&graph) {
            let targets = graph.get(&module).into_iter().flatten().map(String::as_str).collect::<Vec<_>>();
            println!("  {depth} {module} -> {}", targets.join(", "));
        }
    }
    Ok(())
}

//! Reads a file with columns of its own names, and prints what was read and what looks suspicious.
//!
//! ```text
//! cargo run --release --example read_files [-- PATH...]
//! ```

use homing_datasets::{ReadOptions, read};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let folder = tempfile::tempdir()?;
    let (paths, options) = if given.is_empty() {
        let path = folder.path().join("orders.csv");
        std::fs::write(&path, "Member No;Order Date;Total\n17;01.03.2025;29,90\n17;24.04.2025;10,00\n")?;
        // Well-known exports and common names are recognised; anything else is mapped.
        let columns = [("customer_id", "Member No"), ("occurred_at", "Order Date"), ("amount", "Total")];
        let columns = columns.map(|(known, own)| (known.to_owned(), own.to_owned())).into();
        (vec![path.display().to_string()], ReadOptions { columns, ..ReadOptions::default() })
    } else {
        (given, ReadOptions::default())
    };
    let (histories, summary) = read(&paths, &options)?;
    println!("{} customers, {} events, spend {:.2}", histories.len(), summary.events, summary.spend);
    for warning in summary.warnings.list() {
        println!("warning: {warning}");
    }
    Ok(())
}

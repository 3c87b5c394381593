//! Matches the records of a till system and a web shop to people.

use homing_datasets::identity::{Hashing, Joiner, Member, Rulings};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let records = [
        Member {
            source: "till",
            record_id: "t1",
            name: Some("王小明"),
            phone: Some("138 0013 8001"),
            ..Member::default()
        },
        Member {
            source: "web",
            record_id: "w1",
            name: Some("王小明"),
            phone: Some("+86 13800138001"),
            ..Member::default()
        },
        Member {
            source: "web",
            record_id: "w2",
            name: Some("李华"),
            email: Some("li@shop.example"),
            ..Member::default()
        },
    ];
    // Keys are compared as keyed hashes; nothing is kept in the clear.
    let mut joiner = Joiner::new(Hashing::keyed(b"a secret of at least sixteen bytes")?);
    for record in &records {
        joiner.add(record)?;
    }
    let (people, report) = joiner.finish(&Rulings::default());
    println!("{} records, {} people", report.records, report.people);
    for (record, person) in people.iter() {
        println!("{record} is {person}");
    }
    Ok(())
}

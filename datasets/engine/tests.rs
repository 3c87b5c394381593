//! The stream gives what reading into memory gives, whatever the memory, the threads and the spread of the lines.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use super::*;
use crate::read;
use crate::testing::{Dice, some_events};

/// Files of random lines, with rejects, lines without a customer, and one customer who has half of the lines.
fn files(folder: &Path, lines: usize, customers: u64, seed: u64) -> Vec<String> {
    let mut dice = Dice(seed);
    let header = "customer_id,occurred_at,recorded_at,amount,kind,quantity,order_id,product_id,channel\n";
    let mut texts = vec![header.to_owned(); 7];
    let zone = crate::Zone::default();
    for event in some_events(&mut dice, lines) {
        let customer = match dice.below(8) {
            0..4 => "heavy".to_owned(),
            4 if dice.below(20) == 0 => String::new(),
            _ => format!("c{:05}", dice.below(customers)),
        };
        let amount = if dice.below(300) == 0 { "much".to_owned() } else { event.amount.to_string() };
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let file = dice.below(7) as usize;
        writeln!(
            texts[file],
            "{customer},{},{},{amount},{},{},{},{},{}",
            zone.format(event.occurred_at),
            zone.format(event.recorded_at),
            event.kind.name(),
            event.quantity,
            text(&event.order),
            text(&event.product),
            text(&event.channel)
        )
        .unwrap();
    }
    for (nth, text) in texts.iter().enumerate() {
        fs::write(folder.join(format!("{nth}.csv")), text).unwrap();
    }
    vec![folder.display().to_string()]
}

fn options(folder: &Path) -> StreamOptions {
    let read = ReadOptions { rejects: Some(folder.join("rejects.txt")), ..ReadOptions::default() };
    StreamOptions { read, scratch: folder.to_owned(), ..StreamOptions::default() }
}

/// A stream whose shares are as small as asked for, so that little data shows what much data does.
fn small(paths: &[String], options: &StreamOptions, shares: &Shares, count: usize) -> Stream {
    let input = Input::open(paths, &options.read).unwrap();
    let ranges = Ranges::of_sample(input.sample(), count);
    let arena = Arena::new(&options.scratch, shares.room);
    let (spilled, tally) = spill(&input, &ranges, &arena, options, (700, &[])).unwrap();
    input.check(&tally, &options.read).unwrap();
    let read = input.summary(&tally);
    let summary = summary(&spilled, read, &[], None, Zone::default());
    let Spilled { buckets, .. } = spilled;
    let leaves = level(buckets, &arena, options, shares).unwrap();
    Stream {
        arena,
        leaves,
        summary,
        zone: Zone::default(),
        window: Window::until(None),
        clock: Window::until(None),
        progress: false,
    }
}

#[test]
fn the_stream_gives_what_reading_into_memory_gives() {
    let folder = tempfile::tempdir().unwrap();
    for (round, (lines, customers)) in [(40, 5), (3000, 40), (12_000, 3000)].into_iter().enumerate() {
        let data = folder.path().join(format!("{round}"));
        fs::create_dir(&data).unwrap();
        let paths = files(&data, lines, customers, round as u64);
        let options = options(folder.path());
        let (histories, summary) = read(&paths, &options.read).unwrap();
        let rejects = fs::read_to_string(folder.path().join("rejects.txt")).unwrap_or_default();
        let _ = fs::remove_file(folder.path().join("rejects.txt"));
        for (threads, leaf, count, room) in
            [(1, 1 << 30, 1, 1 << 30), (1, 5000, 3, 0), (2, 20_000, 30, 1000), (5, 3000, 9, 0)]
        {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let shares = Shares { room, filling: 0, leaf };
                let stream = small(&paths, &options, &shares, count);
                let (same, told, sampled) = stream.collect(u64::MAX, 0).unwrap();
                assert_eq!(same, histories, "{threads} threads, ranges of {leaf} bytes");
                assert_eq!(told, summary);
                assert_eq!(sampled.weight(), 1.0);
                assert_eq!(
                    fs::read_to_string(folder.path().join("rejects.txt")).unwrap_or_default(),
                    rejects
                );
                if leaf < 10_000 && lines > 1000 {
                    assert!(stream.leaves.iter().any(|leaf| leaf.giant), "the heavy customer stands alone");
                    assert!(stream.leaves.iter().all(|l| l.giant || l.bytes() <= 2 * leaf));
                    assert!(stream.on_disk() > 0);
                }
                let mut all = Vec::new();
                let customers = stream.for_each_range("", |range| {
                    all.extend(range.owned());
                    Ok::<(), Error>(())
                });
                assert_eq!(customers.unwrap() as usize, histories.len());
                assert!(all.is_sorted_by(|a, b| a.0 < b.0), "by id over all ranges");
                assert_eq!(Histories::from_vec(all), histories);
            });
        }
    }
    assert_eq!(
        fs::read_dir(folder.path()).unwrap().count(),
        3 + 1,
        "nothing but the data and the rejects is left"
    );
}

#[test]
fn the_usual_way_in_gives_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    fs::create_dir(&data).unwrap();
    let paths = files(&data, 90_000, 2000, 5);
    let options = StreamOptions { memory: LEAST_MEMORY, ..options(folder.path()) };
    let (histories, summary) = read(&paths, &options.read).unwrap();
    let stream = Stream::open(&paths, &options).unwrap();
    assert_eq!(stream.summary(), &ReadSummary { customers: 0, orders: 0, ..summary });
    assert!(stream.leaves.len() > 1);
    assert_eq!(stream.collect(u64::MAX, 0).unwrap().0, histories);
}

#[test]
fn shards_share_the_customers_and_agree_on_the_last_instant() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    fs::create_dir(&data).unwrap();
    let paths = files(&data, 4000, 500, 9);
    let whole = read(&paths, &options(folder.path()).read).unwrap();
    let mut all = Vec::new();
    for nth in 1..=3 {
        let shard = format!("{nth}/3").parse().ok();
        let stream = Stream::open(&paths, &StreamOptions { shard, ..options(folder.path()) }).unwrap();
        assert_eq!(stream.summary().last_instant, whole.1.last_instant);
        let (histories, ..) = stream.collect(u64::MAX, 0).unwrap();
        assert!(histories.len() > 100, "{nth}: {}", histories.len());
        assert_eq!(stream.summary().events, histories.events());
        all.extend(histories);
    }
    assert_eq!(all.len(), whole.0.len(), "each customer in one shard");
    assert_eq!(Histories::from_vec(all), whole.0);
    for wrong in ["", "3", "0/2", "3/2", "a/b", "1/0"] {
        assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
    }
}

#[test]
fn customers_after_an_id_alone_come_out_and_all_events_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    fs::create_dir(&data).unwrap();
    let paths = files(&data, 4000, 500, 9);
    let whole = read(&paths, &options(folder.path()).read).unwrap();
    let after = Some("c00250".to_owned());
    let stream = Stream::open(&paths, &StreamOptions { after, ..options(folder.path()) }).unwrap();
    assert_eq!(stream.summary().events, whole.1.events);
    let (rest, ..) = stream.collect(u64::MAX, 0).unwrap();
    assert!(rest.iter().eq(whole.0.iter().filter(|(id, _)| *id > "c00250")));
}

#[test]
fn too_many_customers_are_sampled_whole_and_the_same_ones_each_time() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    fs::create_dir(&data).unwrap();
    let paths = files(&data, 20_000, 2000, 3);
    let (histories, _) = read(&paths, &options(folder.path()).read).unwrap();
    let stream = Stream::open(&paths, &options(folder.path())).unwrap();
    let needed: u64 = stream.leaves.iter().map(|leaf| 41 * leaf.rows() + leaf.bytes()).sum();
    let (some, summary, sampled) = stream.collect(needed / 4, 7).unwrap();
    assert_eq!((sampled.customers, sampled.kept), (histories.len() as u64, some.len() as u64));
    assert_eq!(summary.customers, histories.len());
    assert!((3.4..4.7).contains(&sampled.weight()), "{}", sampled.weight());
    assert!(some.iter().all(|(id, history)| histories.get(id) == Some(history)));
    assert_eq!(stream.collect(needed / 4, 7).unwrap().0, some);
    assert_ne!(stream.collect(needed / 4, 8).unwrap().0, some);
}

#[test]
fn a_file_that_is_gone_when_its_turn_comes_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let paths = files(folder.path(), 3000, 40, 9);
    let options = options(folder.path());
    for nth in [0, 6] {
        let input = Input::open(&paths, &options.read).unwrap();
        let gone = folder.path().join(format!("{nth}.csv"));
        let text = fs::read(&gone).unwrap();
        fs::remove_file(&gone).unwrap();
        let arena = Arena::new(folder.path(), 1 << 20);
        let refused =
            spill(&input, &Ranges::default(), &arena, &options, (700, &[])).err().unwrap().to_string();
        assert!(refused.contains(&format!("{nth}.csv")), "{refused}");
        fs::write(&gone, text).unwrap();
    }
}

#[test]
fn lines_of_those_who_were_erased_are_left_out_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let paths = files(folder.path(), 3000, 40, 9);
    let mut options = options(folder.path());
    let (all, before) = read(&paths, &options.read).unwrap();
    let key = [9; 32];
    let hashes = ["heavy", "c00003"].map(|id| crate::erasures::keyed_hash(&key, id.as_bytes())).into();
    options.read.erased = Some(std::sync::Arc::new(crate::Erasures { key, hashes }));
    let (kept, after) = read(&paths, &options.read).unwrap();
    let gone: u64 = ["heavy", "c00003"].iter().map(|id| all.get(id).unwrap().len() as u64).sum();
    assert_eq!((after.erased, after.events + gone, after.lines), (gone, before.events, before.lines));
    assert!(kept.get("heavy").is_none() && kept.get("c00004").is_some());
    assert_eq!(after.customers + 2, before.customers);
}

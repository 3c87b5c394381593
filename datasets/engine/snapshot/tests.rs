use super::*;
use crate::engine::StreamOptions;
use crate::testing::{Dice, some_events};
use crate::{Histories, ReadOptions};

/// Writes the events as a file of Parquet-less, plain lines and opens a stream of it.
fn stream(folder: &Path, name: &str, events: &[(String, crate::Event)]) -> Stream {
    let zone = Zone::default();
    let mut text = "customer_id,occurred_at,recorded_at,amount,kind,quantity,product_id\n".to_owned();
    for (id, e) in events {
        let product = e.product.clone().unwrap_or_default();
        let (at, recorded) = (zone.format(e.occurred_at), zone.format(e.recorded_at));
        text += &format!("{id},{at},{recorded},{},{},{},{product}\n", e.amount, e.kind.name(), e.quantity);
    }
    let path = folder.join(name);
    fs::write(&path, text).unwrap();
    let options = StreamOptions { read: ReadOptions::default(), ..StreamOptions::default() };
    Stream::open(&[path.display().to_string()], &options).unwrap()
}

fn histories(folder: &SnapshotFolder) -> Histories {
    let mut all = Vec::new();
    folder
        .for_each_range(None, |range| {
            all.extend(range.owned());
            Ok::<(), Error>(())
        })
        .unwrap();
    assert!(all.is_sorted_by(|a, b| a.0 < b.0));
    Histories::from_vec(all)
}

fn some(dice: &mut Dice, count: usize, customers: u64) -> Vec<(String, crate::Event)> {
    let events = some_events(dice, count).into_iter();
    events.map(|event| (format!("c{:04}", dice.below(customers)), event)).collect()
}

#[test]
fn yesterdays_snapshot_and_todays_lines_make_what_all_lines_make() {
    let place = tempfile::tempdir().unwrap();
    let root = place.path().join("snapshot");
    let mut dice = Dice(4);
    let zone = Zone::default();
    let mut expected = Histories::default();
    for night in 0..4 {
        let lines = some(&mut dice, if night == 0 { 5000 } else { 300 }, 400);
        let today = stream(place.path(), &format!("{night}.csv"), &lines);
        let mut folder = SnapshotFolder::open(&root, zone, None).unwrap();
        let updated = folder.update(&today, None, zone, None).unwrap();
        let (todays, ..) = today.collect(u64::MAX, 0).unwrap();
        let merged = todays.iter().map(|(id, history)| {
            (id.to_owned(), expected.get(id).map_or_else(|| history.clone(), |known| known.merged(history)))
        });
        let mut all: Vec<(String, History)> = merged.collect();
        all.extend(
            expected
                .iter()
                .filter(|(id, _)| todays.get(id).is_none())
                .map(|(id, h)| (id.to_owned(), h.clone())),
        );
        assert_eq!(updated.added as usize, all.len() - expected.len());
        expected = Histories::from_vec(all);
        assert_eq!(histories(&folder), expected, "night {night}");
        let held = folder.held().unwrap();
        assert_eq!((held.customers, held.events), (expected.len() as u64, expected.events()));
        assert_eq!((held.first, held.last), (expected.first_instant(), expected.last_instant()));
        // The same file again changes nothing, not even the snapshot's name.
        let before = held.clone();
        let again = folder.update(&today, None, zone, None).unwrap();
        assert_eq!((again.added, again.changed), (0, 0));
        assert_eq!(folder.held(), Some(&before));
    }
}

#[test]
fn a_snapshot_that_is_written_anew_is_that_of_the_lines() {
    let place = tempfile::tempdir().unwrap();
    let (zone, root) = (Zone::default(), |name: &str| place.path().join(name));
    let today = stream(place.path(), "a.csv", &some(&mut Dice(9), 3000, 200));
    let mut lines = SnapshotFolder::open(&root("lines"), zone, None).unwrap();
    lines.update(&today, None, zone, None).unwrap();
    let mut anew = SnapshotFolder::open(&root("anew"), zone, None).unwrap();
    let mut rewrite = anew.rewrite().unwrap();
    for (id, history) in histories(&lines).iter() {
        rewrite.add(id, &history.to_bytes()).unwrap();
    }
    assert!(rewrite.add("c0001", &History::default().to_bytes()).is_err(), "must be in ascending order");
    assert!(rewrite.add("d", &[1, 2, 3]).is_err());
    rewrite.finish(zone, None).unwrap();
    assert_eq!(anew.held(), lines.held());
    for piece in lines.pieces() {
        let bytes = |root: PathBuf| fs::read(root.join(&piece.name)).unwrap();
        assert!(bytes(root("lines")) == bytes(root("anew")));
    }
    // One that is given up changes nothing.
    let mut given_up = anew.rewrite().unwrap();
    given_up.add("x", &History::default().to_bytes()).unwrap();
    drop(given_up);
    drop(anew);
    let anew = SnapshotFolder::open(&root("anew"), zone, None).unwrap();
    assert_eq!(anew.held(), lines.held());
}

#[test]
fn who_was_erased_goes_from_the_snapshot_and_does_not_come_back() {
    let place = tempfile::tempdir().unwrap();
    let zone = Zone::default();
    let lines = some(&mut Dice(6), 2000, 50);
    let today = stream(place.path(), "a.csv", &lines);
    let mut folder = SnapshotFolder::open(&place.path().join("snapshot"), zone, None).unwrap();
    folder.update(&today, None, zone, None).unwrap();
    let mut expected = histories(&folder);
    let key = [3; 32];
    let hash = crate::erasures::keyed_hash(&key, b"c0007");
    let erased = Erasures { key, hashes: [hash].into() };
    for (night, gone) in [(1, 1), (2, 0)] {
        // The file of the day still has the customer's lines.
        let updated = folder.update(&today, Some(&erased), zone, None).unwrap();
        assert_eq!((updated.added, updated.changed, updated.erased), (0, 0, gone), "night {night}");
        let all = expected.iter().filter(|(id, _)| *id != "c0007");
        expected = Histories::from_vec(all.map(|(id, h)| (id.to_owned(), h.clone())).collect());
        assert_eq!(histories(&folder), expected);
        assert_eq!(folder.held().unwrap().customers, expected.len() as u64);
        let files = fs::read_dir(&folder.folder).unwrap().count();
        assert_eq!(files, folder.pieces().len() + 2, "nothing is left over");
    }
    assert_eq!(expected.len(), 49);
}

#[test]
fn damage_and_other_wishes_are_refused_and_leftovers_go() {
    let place = tempfile::tempdir().unwrap();
    let root = place.path().join("snapshot");
    let zone = Zone::default();
    let today = stream(place.path(), "a.csv", &some(&mut Dice(4), 2000, 100));
    let mut folder = SnapshotFolder::open(&root, zone, None).unwrap();
    folder.update(&today, None, zone, None).unwrap();
    let twice = SnapshotFolder::open(&root, zone, None).err().unwrap().to_string();
    assert!(twice.contains("another run"), "{twice}");
    drop(folder);
    for (zone, shard) in [("Asia/Shanghai", None), ("UTC", "1/2".parse().ok())] {
        let refused = SnapshotFolder::open(&root, zone.parse().unwrap(), shard).err().unwrap();
        assert!(matches!(refused, Error::Snapshot { .. }), "{refused}");
    }
    fs::write(root.join("000009-00000.histories"), "left by a killed run").unwrap();
    let folder = SnapshotFolder::open(&root, zone, None).unwrap();
    let pieces: Vec<String> = folder.pieces().map(|piece| piece.name.clone()).collect();
    assert_eq!(pieces.len(), 1);
    assert!(!root.join("000009-00000.histories").exists());
    let path = root.join(&pieces[0]);
    let whole = fs::read(&path).unwrap();
    for at in (0..whole.len()).step_by(whole.len() / 60) {
        let mut changed = whole.clone();
        changed[at] ^= 0x10;
        fs::write(&path, &changed).unwrap();
        let read = folder.for_each_range(None, |_| Ok::<(), Error>(()));
        assert!(read.is_err(), "byte {at}");
        fs::write(&path, &whole[..at]).unwrap();
        assert!(folder.for_each_range(None, |_| Ok::<(), Error>(())).is_err(), "cut at {at}");
    }
    fs::remove_file(&path).unwrap();
    let gone = folder.for_each_range(None, |_| Ok::<(), Error>(())).unwrap_err().to_string();
    assert!(gone.contains(&pieces[0]) && gone.contains("build it again"), "{gone}");
    fs::write(root.join("snapshot.json"), "{}").unwrap();
    drop(folder);
    assert!(SnapshotFolder::open(&root, zone, None).is_err());
}

#[test]
fn histories_without_their_index_are_not_taken_for_what_a_killed_run_left() {
    let place = tempfile::tempdir().unwrap();
    let root = place.path().join("snapshot");
    // A first run that is killed leaves histories; the next one starts over.
    drop(SnapshotFolder::open(&root, Zone::default(), None).unwrap());
    fs::write(root.join("000001-00000.histories"), "left").unwrap();
    let folder = SnapshotFolder::open(&root, Zone::default(), None).unwrap();
    assert!(!root.join("000001-00000.histories").exists());
    drop(folder);
    // A whole one has no such mark.
    fs::remove_file(root.join("first-run")).unwrap();
    fs::write(root.join("000001-00000.histories"), "all there is").unwrap();
    let refused = SnapshotFolder::open(&root, Zone::default(), None).err().unwrap().to_string();
    assert!(refused.contains("1 files of histories but no snapshot.json"), "{refused}");
    assert_eq!(fs::read_to_string(root.join("000001-00000.histories")).unwrap(), "all there is");
}

#[test]
fn far_off_dates_of_an_earlier_run_are_taken_out_by_the_next_good_one() {
    let place = tempfile::tempdir().unwrap();
    let (root, clean) = (place.path().join("snapshot"), place.path().join("clean"));
    let zone = Zone::default();
    let buy = |id: &str, at: &str| {
        (id.to_owned(), crate::Event::new(crate::Kind::Purchase, zone.instant(at).unwrap(), 9.0))
    };
    let days: Vec<_> =
        (1..29).map(|day| buy(&format!("c{:02}", day % 5), &format!("2025-02-{day:02}"))).collect();
    let poison = [buy("c01", "2098-01-01"), buy("only-far", "2098-01-02")];
    let now = Some(zone.instant("2025-03-02").unwrap());
    let tonight = [buy("c02", "2025-03-01")];
    let poisoned = stream(place.path(), "bad.csv", &[&days[..], &poison].concat());
    SnapshotFolder::open(&root, zone, None).unwrap().update(&poisoned, None, zone, None).unwrap();
    let good = stream(place.path(), "good.csv", &days);
    SnapshotFolder::open(&clean, zone, None).unwrap().update(&good, None, zone, None).unwrap();

    let night = |folder: &Path| {
        let mut folder = SnapshotFolder::open(folder, zone, None).unwrap();
        stream(place.path(), "tonight.csv", &tonight);
        let path = place.path().join("tonight.csv").display().to_string();
        let options = StreamOptions {
            read: ReadOptions { now, ..ReadOptions::default() },
            held: Some(folder.days().unwrap()),
            ..StreamOptions::default()
        };
        let today = Stream::open(&[path], &options).unwrap();
        let updated = folder.update(&today, None, zone, None).unwrap();
        (
            updated.set_aside,
            histories(&folder),
            folder.held().and_then(|held| held.last),
            folder.days().unwrap(),
        )
    };
    let (set_aside, healed, last, counted) = night(&root);
    assert_eq!(set_aside, 2);
    let (none, expected, expected_last, expected_days) = night(&clean);
    assert_eq!((none, &healed, last), (0, &expected, expected_last));
    assert_eq!(counted.pairs().collect::<Vec<_>>(), expected_days.pairs().collect::<Vec<_>>());
    assert_eq!(night(&root).0, 0, "healed once");
}

#[test]
fn an_encrypted_snapshot_opens_with_its_key_and_one_in_the_clear_is_encrypted_by_the_next_update() {
    let place = tempfile::tempdir().unwrap();
    let root = place.path().join("snapshot");
    let zone = Zone::default();
    let key = || Arc::new(MasterKeys::parse(&MasterKeys::generate().unwrap()).unwrap());
    let (own, other) = (key(), key());
    let open = |keys: Option<&Arc<MasterKeys>>| SnapshotFolder::open_with(&root, zone, None, keys.cloned());
    let lines = some(&mut Dice(9), 3000, 200);
    let today = stream(place.path(), "a.csv", &lines);
    open(None).unwrap().update(&today, None, zone, None).unwrap();
    let expected = histories(&open(None).unwrap());
    let readable = |root: &Path| {
        let files = fs::read_dir(root).unwrap().map(|entry| fs::read(entry.unwrap().path()).unwrap());
        files.filter(|bytes| bytes.windows(5).any(|text| text == b"c0017")).count()
    };
    assert!(readable(&root) > 0);
    // Nothing new, but there is a key now.
    let mut folder = open(Some(&own)).unwrap();
    assert_eq!(folder.update(&today, None, zone, None).unwrap().added, 0);
    let before = folder.held().unwrap().clone();
    folder.update(&today, None, zone, None).unwrap();
    assert_eq!(folder.held(), Some(&before), "encrypted once");
    assert_eq!(readable(&root), 0);
    assert_eq!(histories(&folder), expected);
    drop(folder);
    for keys in [None, Some(&other)] {
        let refused = open(keys).err().unwrap();
        assert!(matches!(refused, Error::Encryption(_)), "{refused}");
    }
    // More lines, and the master key is replaced.
    let more = stream(place.path(), "b.csv", &some(&mut Dice(10), 500, 200));
    let mut folder = open(Some(&own)).unwrap();
    assert!(folder.update(&more, None, zone, None).unwrap().changed > 0);
    let expected = histories(&folder);
    assert!(keys::replace_master_key(&root, &own).unwrap_err().to_string().contains("a batch is using it"));
    drop(folder);
    let (old_text, new_text) = (MasterKeys::generate().unwrap(), MasterKeys::generate().unwrap());
    let parsed = |text: &str| Arc::new(MasterKeys::parse(text).unwrap());
    let both = parsed(&format!("{new_text}\n{old_text}"));
    assert!(keys::replace_master_key(&root, &both).is_err(), "neither is its key");
    assert!(!keys::replace_master_key(&root, &own).unwrap(), "it is already");
    assert_eq!(histories(&open(Some(&own)).unwrap()), expected);
}

#[test]
fn parts_of_an_encrypted_snapshot_cannot_be_exchanged() {
    let place = tempfile::tempdir().unwrap();
    let keys = Arc::new(MasterKeys::parse(&MasterKeys::generate().unwrap()).unwrap());
    let lock = Lock::new(&keys, PURPOSE).unwrap();
    let mut writer = PieceWriter::new(place.path(), 1, key_of(Some(&lock)));
    // Two parts of one size.
    let history = vec![7; 1 << 20];
    for id in ["c1", "c2"] {
        writer.put(id, &history, 1).unwrap();
    }
    let (piece, _) = writer.finish().unwrap().remove(0);
    let read = || -> Result<usize, Error> {
        let mut reader = PieceReader::open(place.path(), &piece, key_of(Some(&lock)))?;
        let mut customers = 0;
        while reader.next()?.is_some() {
            customers += 1;
        }
        Ok(customers)
    };
    assert_eq!(read().unwrap(), 2);
    let path = place.path().join(&piece.name);
    let whole = fs::read(&path).unwrap();
    let half = (whole.len() - 5) / 2;
    fs::write(&path, [&whole[..5], &whole[5 + half..], &whole[5..5 + half]].concat()).unwrap();
    assert!(read().unwrap_err().to_string().contains("damaged"));
}

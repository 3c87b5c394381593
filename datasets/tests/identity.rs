//! Identity: rules, hostile records, the simulated chain against its truth.
#![expect(clippy::unwrap_used, reason = "the helpers of a test fail loudly, as the test itself does")]

use std::collections::BTreeMap;

use homing_datasets::identity::{Hashing, Joiner, Member, People, Report, Rulings, Trouble};
use homing_datasets::members::read_members;
use homing_datasets::simulate::Chain;
use homing_datasets::{Event, Histories, History, Kind};

fn member<'a>(record_id: &'a str, name: &'a str, phone: &'a str, card: &'a str) -> Member<'a> {
    let some = |text: &'a str| (!text.is_empty()).then_some(text);
    let source = &record_id[..1];
    Member {
        source,
        record_id,
        name: some(name),
        phone: some(phone),
        member_id: some(card),
        ..Member::default()
    }
}

fn joined(members: &[Member<'_>], rulings: &Rulings) -> (People, Report) {
    let mut joiner = Joiner::new(Hashing::plain());
    members.iter().for_each(|member| joiner.add(member).unwrap());
    joiner.finish(rulings)
}

fn same(people: &People, a: &str, b: &str) -> bool {
    people.person_of(a).is_some() && people.person_of(a) == people.person_of(b)
}

const PHONE: &str = "13912345678";

#[test]
fn a_family_on_one_phone_is_two_people_and_a_nameless_record_is_left_alone() {
    let members = [
        member("T1", "王芳", PHONE, "M1"),
        member("T2", "李强", PHONE, "M2"),
        member("W1", "王 芳", PHONE, ""),
        member("T3", "李先生", PHONE, ""),
        member("G1", "", PHONE, ""),
    ];
    let (people, report) = joined(&members, &Rulings::default());
    assert!(same(&people, "T1", "W1") && same(&people, "T2", "T3"));
    assert!(!same(&people, "T1", "T2") && !same(&people, "G1", "T1") && !same(&people, "G1", "T2"));
    assert_eq!(report.conflicts, BTreeMap::from([("several_people", 1), ("ambiguous", 1)]));
    assert_eq!(report.listed[0].trouble, Trouble::SeveralPeople);
    assert_eq!(report.listed[0].records, ["G1", "T1", "T2", "T3", "W1"]);
    assert!(!format!("{:?}", report.listed).contains(PHONE), "the phone itself is not kept");
}

#[test]
fn a_second_card_is_joined_and_told() {
    let members = [member("T1", "王芳", PHONE, "M1"), member("T9", "王芳", "139 1234 5678", "M7")];
    let (people, report) = joined(&members, &Rulings::default());
    assert!(same(&people, "T1", "T9"));
    assert_eq!(report.conflicts, BTreeMap::from([("several_cards", 1)]));
    let nameless = [member("T1", "", PHONE, "M1"), member("T9", "", PHONE, "M7")];
    assert!(!same(&joined(&nameless, &Rulings::default()).0, "T1", "T9"));
}

#[test]
fn a_card_under_two_names_and_two_phones_contradicts() {
    let members = [member("T1", "王芳", PHONE, "M1"), member("W1", "李强", "13912345679", "m1")];
    let (people, report) = joined(&members, &Rulings::default());
    assert!(!same(&people, "T1", "W1"));
    assert_eq!(report.conflicts, BTreeMap::from([("contradiction", 1)]));
    let married = [member("T1", "王芳", PHONE, "M1"), member("W1", "李芳", PHONE, "m1")];
    assert!(same(&joined(&married, &Rulings::default()).0, "T1", "W1"));
}

#[test]
fn a_number_that_everybody_has_is_nobodys() {
    let ids: Vec<String> = (0..40).map(|at| format!("T{at:02}")).collect();
    let members: Vec<Member<'_>> = ids.iter().map(|id| member(id, "", "13800000000", "")).collect();
    let (people, report) = joined(&members, &Rulings::default());
    assert_eq!(people.len(), 40);
    assert_eq!(report.conflicts, BTreeMap::from([("made_up", 1)]));
}

#[test]
fn rulings_win_and_are_read_with_their_line() {
    let members =
        [member("T1", "王芳", PHONE, ""), member("W1", "王芳", PHONE, ""), member("G1", "", "", "")];
    let rulings =
        Rulings::parse("# decided by the shop\nsplit,W1\n\nmerge,T1,G1\nmerge,T1,gone\n", "r").unwrap();
    let (people, report) = joined(&members, &rulings);
    assert!(same(&people, "T1", "G1") && !same(&people, "T1", "W1"));
    assert_eq!((report.rulings_without_record, report.without_key), (1, 1));
    let wrong = Rulings::parse("merge,T1\n", "rulings.csv").unwrap_err().to_string();
    assert!(wrong.contains("rulings.csv") && wrong.contains("line 1"), "{wrong}");
}

#[test]
fn neither_order_nor_secret_changes_who_is_who() {
    let chain = Chain { customers: 3_000, seed: 2, ..Chain::default() };
    let records: Vec<_> = (0..chain.customers).flat_map(|n| chain.customer(n).records).collect();
    let run = |hashing: Hashing, backwards: bool| {
        let mut joiner = Joiner::new(hashing);
        let mut order: Vec<usize> = (0..records.len()).collect();
        if backwards {
            order.reverse();
        }
        for record in order.into_iter().map(|at| &records[at]) {
            joiner
                .add(&Member {
                    source: record.source,
                    record_id: &record.record_id,
                    name: record.name.as_deref(),
                    phone: record.phone.as_deref(),
                    member_id: record.member_id.as_deref(),
                    open_id: record.open_id.as_deref(),
                    email: record.email.as_deref(),
                })
                .unwrap();
        }
        let (people, report) = joiner.finish(&Rulings::default());
        (people, report.conflicts)
    };
    let plain = run(Hashing::plain(), false);
    assert!(plain == run(Hashing::plain(), true));
    assert!(plain == run(Hashing::keyed(b"secret").unwrap(), false));
}

#[test]
fn the_chain_is_joined_as_the_truth_has_it() {
    let dir = tempfile::tempdir().unwrap();
    let chain = Chain { customers: 20_000, seed: 3, ..Chain::default() };
    homing_datasets::simulate::write(&chain, dir.path(), &|_| {}).unwrap();
    let mut joiner = Joiner::new(Hashing::plain());
    let members = dir.path().join("members").display().to_string();
    let summary = read_members(&[members], &BTreeMap::new(), &mut joiner).unwrap();
    let (people, report) = joiner.finish(&Rulings::default());
    assert_eq!((summary.lines as usize, summary.without_record_id), (report.records, 0));
    // The record's number is that of the customer.
    let truth = People::from_pairs(people.iter().map(|(record, _)| {
        let digits: String = record.chars().filter(char::is_ascii_digit).collect();
        (record.to_owned(), digits)
    }));
    let (precision, recall) = people.pairwise(&truth);
    assert!(precision >= 0.999 && recall >= 0.99, "precision {precision}, recall {recall}, {report:?}");
    assert!(report.conflicts["several_people"] > 0 && report.conflicts["several_cards"] > 0, "{report:?}");
}

#[test]
fn people_keep_their_ids_and_moves_are_told() {
    let before =
        People::from_pairs([("a", "p1"), ("b", "p1"), ("c", "p1"), ("d", "p2"), ("e", "p3")].map(own));
    // c leaves p1; d and e become one; f is new and would be named like somebody else.
    let mut after = People::from_pairs(
        [("a", "x"), ("b", "x"), ("c", "p2"), ("d", "y"), ("e", "y"), ("f", "p1")].map(own),
    );
    let moved = after.keep_ids(&before);
    assert_eq!(after.person_of("a"), Some("p1"));
    assert_eq!((after.person_of("d"), after.person_of("e")), (Some("p2"), Some("p2")));
    assert_eq!(after.person_of("f"), Some("p1+"));
    assert_eq!(after.person_of("c"), Some("p2+"));
    let moves: Vec<&str> = moved.iter().map(|one| one.record.as_str()).collect();
    assert_eq!(moves, ["c", "e"]);
}

fn own((record, person): (&str, &str)) -> (String, String) {
    (record.to_owned(), person.to_owned())
}

#[test]
fn merges_and_splits_move_histories_whole() {
    let bought = |amount: f64| History::from_events(vec![Event::new(Kind::Purchase, 5, amount)]);
    let records =
        || -> Histories { ["a", "b", "z"].map(|id| (id.to_owned(), bought(3.0))).into_iter().collect() };
    let merged = records().of_people(&People::from_pairs([("a", "p"), ("b", "p")].map(own)));
    assert_eq!(merged.iter().map(|(id, h)| (id, h.len())).collect::<Vec<_>>(), [("p", 2), ("z", 1)]);
    let split = records().of_people(&People::from_pairs([("a", "p"), ("b", "q")].map(own)));
    assert_eq!(split.iter().map(|(id, h)| (id, h.len())).collect::<Vec<_>>(), [("p", 1), ("q", 1), ("z", 1)]);
}

#[test]
fn member_files_in_every_format_say_the_same_and_wrong_ones_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let read = |path: &str, columns: &[(&str, &str)]| {
        let mut joiner = Joiner::new(Hashing::plain());
        let columns = columns.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        read_members(&[path.to_owned()], &columns, &mut joiner).map(|summary| (summary, joiner.len()))
    };
    let csv = write("till.csv", "record_id,phone,name\nT1,13912345678,王芳\n,13800138000,x\n");
    let (summary, records) = read(&csv, &[]).unwrap();
    assert_eq!((summary.lines, summary.without_record_id, records), (2, 1, 1));
    let json = write("till.ndjson", "{\"record_id\": 7, \"phone\": 13912345678}\n");
    assert_eq!(read(&json, &[]).unwrap().1, 1);
    let own = write("own.csv", "no,mobile\nT1,13912345678\n");
    assert_eq!(read(&own, &[("record_id", "no"), ("phone", "mobile")]).unwrap().1, 1);
    let error = read(&own, &[]).unwrap_err().to_string();
    assert!(error.contains("record_id") && error.contains("no, mobile"), "{error}");
    assert!(read(&own, &[("telephone", "x")]).unwrap_err().to_string().contains("telephone"));
    let garbage = write("x.parquet", "no parquet");
    assert!(read(&garbage, &[]).is_err());
    let mut joiner = Joiner::new(Hashing::plain());
    joiner.add(&Member { source: "a", record_id: "1", ..Member::default() }).unwrap();
    let error = joiner.add(&Member { source: "b", record_id: "1", ..Member::default() }).unwrap_err();
    assert!(error.to_string().contains("is in both `a` and `b`"), "{error}");
}

#[test]
fn who_is_no_more_has_gone_to_whoever_has_most_of_their_records() {
    let pairs = |all: &[(&str, &str)]| {
        People::from_pairs(all.iter().map(|(record, person)| ((*record).to_owned(), (*person).to_owned())))
    };
    let before = pairs(&[
        ("a", "P"),
        ("b", "Q"),
        ("c", "R"),
        ("d", "R"),
        ("e", "R"),
        ("f", "S"),
        ("g", "T"),
        ("h", "T"),
    ]);
    // Q is one with P; R is divided among P and U, more to U; S went unseen; T to two equally.
    let now = pairs(&[("a", "P"), ("b", "P"), ("c", "P"), ("d", "U"), ("e", "U"), ("g", "Z"), ("h", "Y")]);
    assert_eq!(now.merged_since(&before), [("Q", "P"), ("R", "U"), ("T", "Y")]);
    assert_eq!(before.merged_since(&before), []);
}

#[test]
fn placeholders_join_nobody_and_are_listed() {
    let strangers = |key: &str, value: &str| {
        let mut joiner = Joiner::new(Hashing::plain());
        let ids: Vec<String> = (0..5).map(|nth| format!("R{nth}")).collect();
        for id in &ids {
            let mut member = Member { source: "form", record_id: id, ..Member::default() };
            match key {
                "phone" => member.phone = Some(value),
                "member_id" => member.member_id = Some(value),
                _ => member.email = Some(value),
            }
            joiner.add(&member).unwrap();
        }
        joiner.finish(&Rulings::default()).1
    };
    for (key, value) in [
        ("email", "unknown@unknown.com"),
        ("email", "test@test.com"),
        ("email", " Guest@Shop.com"),
        ("phone", "13800000000"),
        ("phone", "12345678901"),
        ("phone", "138****8000"),
        ("member_id", "NULL"),
    ] {
        let report = strangers(key, value);
        assert_eq!(report.people, 5, "{value}");
        assert_eq!(report.conflicts["made_up"], 1, "{value}");
        assert_eq!((report.listed[0].count, report.listed[0].records.len()), (5, 5), "{value}");
    }
    // The same address written in two ways is one person's.
    assert_eq!(strangers("email", "Ana@Example.com").people, 1);
}

//! Data that can be read and are odd all the same: far-off dates, exports made twice, money of another scale, days that are
//! missing. Each shop is generated; the same shop without the oddity gets no warning.

use std::fmt::Write as _;
use std::path::Path;

use homing_datasets::guards::Accept;
use homing_datasets::simulate::{Chain, write};
use homing_datasets::{DAY, Error, Histories, Micros, ReadOptions, ReadSummary, Zone, read};

const HEADER: &str = "customer_id,occurred_at,amount,order_id,product_id,quantity\n";

/// 2022-01-03, and the day after the last one.
const FIRST: i64 = 18_995;
const END: i64 = 19_724;

/// A small generator of numbers (splitmix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }
}

/// One order of the shop.
#[derive(Clone)]
struct Sale {
    customer: String,
    day: i64,
    cents: u64,
    order: usize,
}

/// 400 customers, about four orders a day over two years.
fn shop() -> Vec<Sale> {
    let mut dice = Dice(7);
    let sales = (FIRST..END).flat_map(|day| {
        let count = 2 + dice.below(5);
        (0..count).map(|_| (day, dice.below(400), 500 + dice.below(10_000))).collect::<Vec<_>>()
    });
    let sale = |(order, (day, customer, cents)): (usize, (i64, u64, u64))| Sale {
        customer: format!("c{customer:04}"),
        day,
        cents,
        order,
    };
    sales.enumerate().map(sale).collect()
}

fn line(customer: &str, day: i64, amount: &str, order: &str) -> String {
    let date = Zone::default().date(day * DAY);
    format!("{customer},{date} 10:00:00,{amount},{order},p1,1\n")
}

fn lines(sales: &[Sale]) -> String {
    let one = |sale: &Sale| {
        let amount = format!("{}.{:02}", sale.cents / 100, sale.cents % 100);
        line(&sale.customer, sale.day, &amount, &format!("o{}", sale.order))
    };
    sales.iter().map(one).collect()
}

/// The clock of the tests: 2026-01-01.
fn options() -> ReadOptions {
    ReadOptions { now: Some(20_454 * DAY), ..ReadOptions::default() }
}

fn read_with(files: &[(&str, &str)], options: &ReadOptions) -> Result<(Histories, ReadSummary), Error> {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), format!("{HEADER}{text}")).unwrap();
    }
    read(&[folder.path().display().to_string()], options)
}

fn read_all(files: &[(&str, &str)]) -> (Histories, ReadSummary) {
    read_with(files, &options()).unwrap()
}

/// The codes of the warnings with their counts.
fn codes(summary: &ReadSummary) -> Vec<(&'static str, u64)> {
    summary.warnings.list().iter().map(|warning| (warning.code.name(), warning.count)).collect()
}

fn example(summary: &ReadSummary) -> String {
    summary.warnings.list().first().map(|warning| warning.example.clone()).unwrap_or_default()
}

fn day_of(at: Option<Micros>) -> i64 {
    at.unwrap().div_euclid(DAY)
}

#[test]
fn clean_shops_get_no_warning() {
    let (_, summary) = read_all(&[("orders.csv", &lines(&shop()))]);
    assert_eq!(codes(&summary), []);
    let cents: u64 = shop().iter().map(|sale| sale.cents).sum();
    assert!((summary.spend - cents as f64 / 100.0).abs() < 1e-6, "{}", summary.spend);
    assert_eq!(summary.returned, 0.0);
    // By months, and in lines of the order's articles.
    let half = shop().len() / 2;
    let (one, two) = (lines(&shop()[..half]), lines(&shop()[half..]));
    assert_eq!(codes(&read_all(&[("a.csv", &one), ("b.csv", &two)]).1), []);
    let mut articles = String::new();
    for sale in shop() {
        for article in 0..1 + sale.order % 3 {
            let amount = format!("{}.{:02}", sale.cents / 100 + article as u64, sale.cents % 100);
            let date = Zone::default().date(sale.day * DAY);
            let _ = writeln!(articles, "{},{date},{amount},o{},p{article},1", sale.customer, sale.order);
        }
    }
    assert_eq!(codes(&read_all(&[("lines.csv", &articles)]).1), []);
}

#[test]
fn bundled_and_simulated_shops_get_no_warning() {
    let folder = tempfile::tempdir().unwrap();
    let cdnow = Path::new(env!("CARGO_MANIFEST_DIR")).join("cdnow.parquet").display().to_string();
    assert_eq!(codes(&read(&[cdnow], &options()).unwrap().1), []);
    let few = Chain { customers: 2000, ..Chain::default() };
    write(&few, folder.path(), &|_| {}).unwrap();
    let chain = folder.path().join("events").display().to_string();
    assert_eq!(codes(&read(&[chain], &options()).unwrap().1), []);
}

#[test]
fn a_date_ahead_of_the_clock_moves_nothing() {
    let clean = read_all(&[("orders.csv", &lines(&shop()))]);
    let far = line("c0007", 47_117, "12.50", "x1");
    let (histories, summary) = read_all(&[("orders.csv", &(lines(&shop()) + &far))]);
    assert_eq!((&histories, summary.last_instant), (&clean.0, clean.1.last_instant));
    assert_eq!(codes(&summary), [("far_dates", 1)]);
    assert!(example(&summary).contains("2099-01-01") && example(&summary).contains("c0007"), "{summary:?}");
    assert_eq!(summary.rejected["far_date"], 1);
    // Taken in deliberately, it counts.
    let accept = ReadOptions { accept: vec![Accept::FarDates], ..options() };
    let (_, taken) = read_with(&[("orders.csv", &(lines(&shop()) + &far))], &accept).unwrap();
    assert_eq!((day_of(taken.last_instant), codes(&taken)), (47_117, vec![("missing_days", 1)]));
}

#[test]
fn a_few_dates_far_from_all_others_move_nothing_at_either_end() {
    let clean = read_all(&[("orders.csv", &lines(&shop()))]);
    let cases: [(&str, i64, usize); 6] = [
        ("five of 2025, before the clock", 20_200, 5),
        ("one two months ahead", END + 60, 1),
        ("1900-01-01 on 20 lines", -25_567, 20),
        ("1970-01-01 on 20 lines", 0, 20),
        ("2000-01-01 on 9 lines", 10_957, 9),
        ("ten years early", FIRST - 3653, 2),
    ];
    for (what, day, count) in cases {
        let far: String = (0..count).map(|nth| line(&format!("c{nth:04}"), day, "9.50", "")).collect();
        let (histories, summary) = read_all(&[("orders.csv", &(lines(&shop()) + &far))]);
        assert_eq!(codes(&summary), [("far_dates", count as u64)], "{what}");
        assert_eq!(histories, clean.0, "{what}");
        assert_eq!(
            (summary.first_instant, summary.last_instant),
            (clean.1.first_instant, clean.1.last_instant),
            "{what}"
        );
    }
}

#[test]
fn far_dates_are_listed_with_their_lines() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("orders.csv");
    std::fs::write(&file, format!("{HEADER}{}{}", lines(&shop()), line("c0007", 20_200, "12.50", "x1")))
        .unwrap();
    let rejects = folder.path().join("rejects.csv");
    let listing = ReadOptions { rejects: Some(rejects.clone()), ..options() };
    read(&[file.display().to_string()], &listing).unwrap();
    let text = std::fs::read_to_string(rejects).unwrap();
    assert_eq!(text.lines().count(), 2, "{text}");
    assert!(
        text.contains("far_date") && text.contains("--accept far_dates") && text.contains("c0007"),
        "{text}"
    );
    assert!(text.contains(&format!(",{},", shop().len() + 2)), "the row is named: {text}");
}

#[test]
fn many_far_dates_stop_the_run_and_a_handful_in_a_small_file_does_not() {
    let far: String = (0..60).map(|nth| line(&format!("c{nth:04}"), 47_000 + nth, "9.50", "")).collect();
    let refused = read_with(&[("orders.csv", &(lines(&shop()) + &far))], &options()).unwrap_err();
    assert!(matches!(refused, Error::FarDates { far: 60, .. }) && refused.refuses_data(), "{refused}");
    assert!(refused.to_string().contains("--accept far_dates"), "{refused}");
    let small = lines(&shop()[..8]) + &line("c0001", 47_000, "9.50", "");
    assert_eq!(codes(&read_all(&[("today.csv", &small)]).1), [("far_dates", 1)]);
    let alone = read_with(&[("today.csv", &line("c0001", 47_000, "9.50", ""))], &options());
    assert!(matches!(alone, Err(Error::FarDates { .. })), "{alone:?}");
}

#[test]
fn a_clock_that_has_lost_its_time_says_nothing() {
    let lost = ReadOptions { now: Some(7_300 * DAY), ..ReadOptions::default() };
    let (_, summary) = read_with(&[("orders.csv", &lines(&shop()))], &lost).unwrap();
    assert_eq!(codes(&summary), []);
}

#[test]
fn an_export_made_twice_counts_once() {
    let (histories, once) = read_all(&[("orders.csv", &lines(&shop()))]);
    let text = lines(&shop());
    let (twice, summary) = read_all(&[("orders (1).csv", &text), ("orders.csv", &text)]);
    assert_eq!(twice, histories);
    assert_eq!(codes(&summary), [("repeated_lines", shop().len() as u64)]);
    assert!(example(&summary).contains("orders (1).csv"), "{}", example(&summary));
    assert!((summary.spend - once.spend).abs() < 1e-6 && summary.events == once.events);
    let accept = ReadOptions { accept: vec![Accept::RepeatedLines], ..options() };
    let (_, doubled) = read_with(&[("a.csv", &text), ("b.csv", &text)], &accept).unwrap();
    assert!((doubled.spend - 2.0 * once.spend).abs() < 1e-6 && codes(&doubled).is_empty());
}

#[test]
fn months_that_overlap_count_once_and_chance_does_not() {
    let all = shop();
    let (histories, _) = read_all(&[("orders.csv", &lines(&all))]);
    // Each of three exports holds a month that the one before has too.
    let parts = [&all[..1100], &all[1000..2100], &all[2000..]].map(lines);
    let files = [("a.csv", &*parts[0]), ("b.csv", &*parts[1]), ("c.csv", &*parts[2])];
    let (overlapping, summary) = read_all(&files);
    assert_eq!(overlapping, histories);
    assert_eq!(codes(&summary), [("repeated_lines", 200)]);
    // The same article twice on a receipt, in two parts of one export: both count.
    let pair = line("c0001", FIRST, "5.00", "twin");
    let (both, summary) = read_all(&[
        ("part-0.csv", &(lines(&all[..1500]) + &pair)),
        ("part-1.csv", &(lines(&all[1500..]) + &pair)),
    ]);
    assert_eq!(codes(&summary), []);
    assert_eq!(both.events(), histories.events() + 2);
}

/// Rows with receipts of one to three articles, as a till writes them.
fn receipts(sales: &[Sale]) -> String {
    let mut rows = String::new();
    for sale in sales {
        for article in 0..1 + sale.order % 3 {
            let date = Zone::default().date(sale.day * DAY);
            let _ = writeln!(
                rows,
                "{},{date} 10:{:02}:{:02},{}.5,o{},p{article},1",
                sale.customer,
                sale.order % 60,
                sale.order % 53,
                sale.cents / 100 + article as u64,
                sale.order
            );
        }
    }
    rows
}

#[test]
fn an_export_that_was_appended_to_itself_is_told() {
    let rows = receipts(&shop());
    let count = rows.lines().count() as u64;
    assert_eq!(codes(&read_all(&[("o.csv", &rows)]).1), []);
    let told = |text: &str| -> u64 {
        let (_, summary) = read_all(&[("o.csv", text)]);
        let codes = codes(&summary);
        assert_eq!(codes.len(), 1, "{codes:?}");
        assert_eq!(codes[0].0, "repeated_rows");
        assert!(example(&summary).contains("o.csv"), "{}", example(&summary));
        codes[0].1
    };
    // Twice as a whole, sorted afterwards, and a month that overlaps.
    assert!((count * 9 / 10..=count * 11 / 10).contains(&told(&format!("{rows}{rows}"))));
    let mut sorted: Vec<&str> = rows.lines().chain(rows.lines()).collect();
    sorted.sort_unstable();
    assert!(told(&(sorted.join("\n") + "\n")) > count / 2);
    let month: String = rows.lines().rev().take(count as usize / 10).map(|row| format!("{row}\n")).collect();
    assert!((count / 20..count / 5).contains(&told(&format!("{rows}{month}"))));
    // Without receipts the time to the second says it.
    let bare: String =
        rows.lines().filter_map(|row| Some(format!("{},,,\n", row.rsplitn(4, ',').nth(3)?))).collect();
    assert!(told(&format!("{bare}{bare}")) > count / 2);
}

#[test]
fn two_units_of_one_product_are_no_repeated_rows() {
    let twice: String = receipts(&shop()).lines().map(|row| format!("{row}\n{row}\n")).collect();
    let some: String = receipts(&shop())
        .lines()
        .enumerate()
        .map(|(at, row)| if at % 3 == 0 { format!("{row}\n{row}\n") } else { format!("{row}\n") })
        .collect();
    assert_eq!(codes(&read_all(&[("o.csv", &some)]).1), []);
    // Every single row twice is no chance.
    assert_eq!(codes(&read_all(&[("o.csv", &twice)]).1)[0].0, "repeated_rows");
    // Days without a time and without a receipt are alike by chance.
    let days: String =
        (0..600).map(|nth| format!("c{},2023-05-0{},5.00,,,\n", nth % 20, nth % 9 + 1)).collect();
    assert!(!codes(&read_all(&[("o.csv", &days)]).1).iter().any(|(code, _)| *code == "repeated_rows"));
}

#[test]
fn amounts_of_another_scale_are_told() {
    let all = shop();
    for (what, factor) in [("cents", 100), ("thousands", 1000)] {
        let mut later = all.clone();
        later.iter_mut().filter(|sale| sale.day >= END - 100).for_each(|sale| sale.cents *= factor);
        let (_, summary) = read_all(&[("orders.csv", &lines(&later))]);
        assert_eq!(summary.warnings.list()[0].code.name(), "scale_jump", "{what}");
        assert!(example(&summary).contains("larger"), "{}", example(&summary));
    }
    // A second till that writes cents.
    let (first, second): (Vec<Sale>, Vec<Sale>) = all.into_iter().partition(|sale| sale.order % 2 == 0);
    let cents: String = second
        .iter()
        .map(|sale| line(&sale.customer, sale.day, &sale.cents.to_string(), &format!("o{}", sale.order)))
        .collect();
    let (_, summary) = read_all(&[("till-1.csv", &lines(&first)), ("till-2.csv", &cents)]);
    assert_eq!(codes(&summary), [("scale_jump", second.len() as u64)]);
    assert!(example(&summary).contains("till-2.csv"), "{}", example(&summary));
}

#[test]
fn one_amount_beyond_all_others_is_told() {
    let (_, summary) = read_all(&[("o.csv", &(lines(&shop()) + &line("c0009", FIRST + 9, "99999999", "")))]);
    assert_eq!(codes(&summary), [("outlier_amount", 1)]);
    assert!(example(&summary).contains("c0009"), "{}", example(&summary));
}

#[test]
fn order_totals_on_each_line_are_told() {
    let mut repeated = String::new();
    let mut pieces = String::new();
    for sale in shop() {
        let (date, euros, cents) = (Zone::default().date(sale.day * DAY), sale.cents / 100, sale.cents % 100);
        for article in 0..1 + sale.order % 3 {
            let _ = writeln!(
                repeated,
                "{},{date},{euros}.{cents:02},o{},p{article},1",
                sale.customer, sale.order
            );
            // The same article, piece by piece.
            let _ = writeln!(pieces, "{},{date},{euros}.{cents:02},o{},p1,1", sale.customer, sale.order);
        }
    }
    let (_, summary) = read_all(&[("o.csv", &repeated)]);
    let extra = shop().iter().map(|sale| (sale.order % 3) as u64).sum();
    assert_eq!(codes(&summary), [("repeated_total", extra)]);
    assert_eq!(codes(&read_all(&[("o.csv", &pieces)]).1), []);
}

#[test]
fn one_customer_with_a_third_of_the_orders_is_told() {
    let mut sales = shop();
    sales.iter_mut().filter(|sale| sale.order % 3 == 0).for_each(|sale| sale.customer = "reseller".into());
    let (_, summary) = read_all(&[("o.csv", &lines(&sales))]);
    assert_eq!(summary.warnings.list()[0].code.name(), "giant_customer");
    assert!(example(&summary).contains("`reseller` has about 34 % of the lines"), "{}", example(&summary));
}

#[test]
fn margins_that_pass_for_returns_are_told() {
    let text: String = shop()
        .iter()
        .map(|sale| {
            let sign = if sale.order % 5 == 0 { "-" } else { "" };
            line(
                &sale.customer,
                sale.day,
                &format!("{sign}{}.5", sale.cents / 100),
                &format!("o{}", sale.order),
            )
        })
        .collect();
    let (_, summary) = read_all(&[("o.csv", &text)]);
    assert_eq!(summary.warnings.list()[0].code.name(), "many_negative_amounts");
}

#[test]
fn closures_and_cut_off_weeks_are_told() {
    let all = shop();
    let closed: Vec<Sale> =
        all.iter().filter(|sale| !(FIRST + 300..FIRST + 400).contains(&sale.day)).cloned().collect();
    let (_, summary) = read_all(&[("o.csv", &lines(&closed))]);
    assert_eq!(codes(&summary), [("missing_days", 1)]);
    assert!(example(&summary).contains("100 days"), "{}", example(&summary));
    let week: Vec<Sale> =
        all.iter().filter(|sale| !(FIRST + 300..FIRST + 310).contains(&sale.day)).cloned().collect();
    assert_eq!(codes(&read_all(&[("o.csv", &lines(&week))]).1), [("missing_days", 1)]);
    let cut: Vec<Sale> =
        all.iter().filter(|sale| sale.day < END - 7 || sale.order % 6 == 0).cloned().collect();
    assert_eq!(codes(&read_all(&[("o.csv", &lines(&cut))]).1), [("short_last_week", 1)]);
}

#[test]
fn data_weeks_old_and_jumps_in_volume_are_told() {
    let now = |day: i64| ReadOptions { now: Some(day * DAY), ..ReadOptions::default() };
    // Older than 2025 a clock has no say, so the shop moves to where it has.
    let late: Vec<Sale> = shop().into_iter().map(|sale| Sale { day: sale.day + 700, ..sale }).collect();
    let old = read_with(&[("o.csv", &lines(&late))], &now(END + 721)).unwrap().1;
    assert_eq!(codes(&old), [("old_data", 1)]);
    assert!(example(&old).contains("22 days ago"), "{}", example(&old));
    assert_eq!(codes(&read_with(&[("o.csv", &lines(&late))], &now(END + 702)).unwrap().1), []);
    let grown: Vec<Sale> = shop()
        .into_iter()
        .flat_map(|sale| {
            let copies = if sale.day > END - 200 { 14 } else { 1 };
            (0..copies).map(move |copy| Sale {
                order: sale.order + copy * 10_000,
                cents: sale.cents + copy as u64,
                ..sale.clone()
            })
        })
        .collect();
    let (_, summary) = read_all(&[("o.csv", &lines(&grown))]);
    assert_eq!(summary.warnings.list()[0].code.name(), "volume_jump", "{:?}", codes(&summary));
}

#[test]
fn warnings_do_not_depend_on_the_number_of_threads() {
    let text = lines(&shop());
    let parts: Vec<String> = (0..7)
        .map(|part| text.lines().skip(part * 300).take(500).map(|line| format!("{line}\n")).collect())
        .collect();
    let names: Vec<String> = (0..7).map(|part| format!("{part}.csv")).collect();
    let files: Vec<(&str, &str)> = names.iter().zip(&parts).map(|(name, text)| (&**name, &**text)).collect();
    let told = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let (histories, summary) = read_all(&files);
            let list: Vec<_> = summary.warnings.list().into_iter().map(|w| (w.code, w.count)).collect();
            (histories, list, summary.spend.to_bits())
        })
    };
    assert_eq!(told(1), told(4));
    assert!(!told(1).1.is_empty());
}

//! The joining itself: union-find over records, the surest keys first.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;

use super::keys::{Key, Name};
use super::{Conflict, Joiner, LISTED, People, Report, Rulings, Trouble};

/// A key that more records than this share joins nobody: a family is smaller, and so is a person's number of records.
const MOST: usize = 30;

/// So many records without a name are no one person either.
const MOST_NAMELESS: usize = 12;

/// Disjoint sets with path halving (Tarjan & van Leeuwen 1984); each root knows what is known of its person.
struct Sets {
    parent: Vec<u32>,
    size: Vec<u32>,
    name: Vec<Name>,
    card: Vec<u64>,
    chat: Vec<u64>,
}

impl Sets {
    fn root(&mut self, mut at: u32) -> u32 {
        while self.parent[at as usize] != at {
            let up = self.parent[self.parent[at as usize] as usize];
            self.parent[at as usize] = up;
            at = up;
        }
        at
    }

    /// Joins two; whether they were two persons with different cards before.
    fn join(&mut self, a: u32, b: u32) -> bool {
        let (a, b) = (self.root(a), self.root(b));
        if a == b {
            return false;
        }
        let (root, child) = if self.size[a as usize] >= self.size[b as usize] { (a, b) } else { (b, a) };
        self.parent[child as usize] = root;
        self.size[root as usize] += self.size[child as usize];
        let (mine, theirs) = (self.name[root as usize], self.name[child as usize]);
        if (mine.full == 0 && theirs.full != 0) || mine.family == 0 {
            self.name[root as usize] = theirs;
        }
        if self.chat[root as usize] == 0 {
            self.chat[root as usize] = self.chat[child as usize];
        }
        let (card, other) = (self.card[root as usize], self.card[child as usize]);
        if card == 0 {
            self.card[root as usize] = other;
        }
        card != 0 && other != 0 && card != other
    }

    /// Whether two have different cards or chat identifiers, so that a shared phone alone does not make them one.
    fn apart(&mut self, a: u32, b: u32) -> bool {
        let (a, b) = (self.root(a) as usize, self.root(b) as usize);
        let differ = |a: u64, b: u64| a != 0 && b != 0 && a != b;
        differ(self.card[a], self.card[b]) || differ(self.chat[a], self.chat[b])
    }
}

/// Conflicts found so far.
#[derive(Default)]
struct Found {
    counts: BTreeMap<Trouble, usize>,
    listed: Vec<Conflict>,
}

impl Joiner {
    /// Joins what was gathered. The result depends on the records alone, neither on their order nor on the secret of
    /// the hash.
    #[must_use]
    pub fn finish(mut self, rulings: &Rulings) -> (People, Report) {
        let count = self.len();
        // Records by rank of their id, so that no order of arrival can show.
        let mut order: Vec<u32> = (0..count as u32).collect();
        order.par_sort_unstable_by(|&a, &b| self.ids.get(a).cmp(self.ids.get(b)));
        let mut rank = vec![0u32; count];
        for (at, &record) in order.iter().enumerate() {
            rank[record as usize] = at as u32;
        }
        let alone: BTreeSet<u32> = rulings.alone.iter().filter_map(|id| self.rank_of(id, &order)).collect();
        let mut report = self.report(rulings, &order);
        let keys = ranked(std::mem::take(&mut self.keys), &rank, &alone);
        let [card, chat, phone] = [0, 1, 2].map(|key: usize| first_numbers(&keys[key], count));
        let mut sets = Sets {
            parent: (0..count as u32).collect(),
            size: vec![1; count],
            name: order.iter().map(|&record| self.names[record as usize]).collect(),
            card,
            chat,
        };
        let names = sets.name.clone();
        let mut found = Found::default();
        let placeholders = ranked(std::mem::take(&mut self.placeholders), &rank, &alone);
        let id = |record: u32| self.ids.get(order[record as usize]);
        for (key, all) in Key::ALL.into_iter().zip(&placeholders) {
            groups(all).into_iter().for_each(|group| found.add(Trouble::MadeUp, key, group, &id));
        }
        for key in [Key::MemberId, Key::OpenId] {
            own_key(key, &groups(&keys[key as usize]), (&names, &phone), &mut sets, &mut found, &id);
        }
        // What one shared key joins may settle what another left open, so both are gone through until nothing moves.
        let shared: Vec<(Key, Vec<Group<'_>>)> =
            [Key::Phone, Key::Email].into_iter().map(|key| (key, groups(&keys[key as usize]))).collect();
        loop {
            let mut open = Found::default();
            let mut joined = false;
            for (key, all) in &shared {
                for group in all {
                    joined |= shared_key(*key, group, &mut sets, &mut open, &id);
                }
            }
            if let Some(cards) = open.counts.remove(&Trouble::SeveralCards) {
                *found.counts.entry(Trouble::SeveralCards).or_default() += cards;
                found
                    .listed
                    .extend(open.listed.iter().filter(|c| c.trouble == Trouble::SeveralCards).cloned());
                open.listed.retain(|conflict| conflict.trouble != Trouble::SeveralCards);
            }
            if !joined {
                for (trouble, count) in open.counts {
                    *found.counts.entry(trouble).or_default() += count;
                }
                found.listed.append(&mut open.listed);
                break;
            }
        }
        for (a, b) in &rulings.merged {
            if let (Some(a), Some(b)) = (self.rank_of(a, &order), self.rank_of(b, &order)) {
                sets.join(a, b);
            }
        }
        let roots: Vec<u32> = (0..count as u32).map(|record| sets.root(record)).collect();
        let people = People::new(&roots, &id);
        let sources = order.iter().map(|&record| self.source[record as usize]);
        count_people(&mut report, &roots, sources);
        report.conflicts = found.counts.iter().map(|(trouble, count)| (trouble.code(), *count)).collect();
        report.listed = found.listed;
        (people, report)
    }

    fn rank_of(&self, id: &str, order: &[u32]) -> Option<u32> {
        order.binary_search_by(|&record| self.ids.get(record).cmp(id)).ok().map(|at| at as u32)
    }

    /// What can be said before anything is joined.
    fn report(&self, rulings: &Rulings, order: &[u32]) -> Report {
        let count = self.len();
        let mut report = Report { records: count, ..Report::default() };
        for &source in &self.source {
            *report.sources.entry(self.sources.get(u32::from(source)).to_owned()).or_default() += 1;
        }
        let mut has = vec![0u8; count];
        for (at, key) in Key::ALL.into_iter().enumerate() {
            let mut with = 0usize;
            for &(_, record) in &self.keys[at] {
                let bits = &mut has[record as usize];
                with += usize::from(*bits & (1 << at) == 0);
                *bits |= 1 << at;
            }
            report.coverage.insert(key.name(), with as f64 / count.max(1) as f64);
        }
        let only_phone = 1u8 << (Key::Phone as u8);
        let named = |at: usize| self.names[at].family != 0;
        let bare = has.iter().enumerate().filter(|&(at, &bits)| bits == only_phone && named(at)).count();
        report.name_and_phone_only = bare as f64 / count.max(1) as f64;
        report.without_key = has.iter().filter(|&&bits| bits == 0).count();
        let named = rulings.merged.iter().flat_map(|(a, b)| [a, b]).chain(&rulings.alone);
        report.rulings_without_record = named.filter(|id| self.rank_of(id, order).is_none()).count();
        report
    }
}

/// The keys with records by rank, without records that are to stay alone.
fn ranked(mut keys: [Vec<(u64, u32)>; 4], rank: &[u32], alone: &BTreeSet<u32>) -> [Vec<(u64, u32)>; 4] {
    keys.par_iter_mut().for_each(|all| {
        for (_, record) in all.iter_mut() {
            *record = rank[*record as usize];
        }
        if !alone.is_empty() {
            all.retain(|(_, record)| !alone.contains(record));
        }
        all.par_sort_unstable();
        all.dedup();
    });
    keys
}

/// Records that share one key: the key's number, and the record.
type Group<'k> = &'k [(u64, u32)];

/// Runs of one key with two records or more, in the order of their first record.
fn groups(keys: &[(u64, u32)]) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> =
        keys.chunk_by(|a, b| a.0 == b.0).filter(|group| group.len() > 1).collect();
    groups.sort_by_key(|group| (group[0].1, group[1].1));
    groups
}

/// Joins records by a key that belongs to one person. Records of one key with other names and other phones contradict it.
fn own_key<'a>(
    key: Key,
    groups: &[Group<'_>],
    (names, phone): (&[Name], &[u64]),
    sets: &mut Sets,
    found: &mut Found,
    id: &impl Fn(u32) -> &'a str,
) {
    for group in groups {
        if group.len() > MOST {
            found.add(Trouble::MadeUp, key, group, id);
            continue;
        }
        let (_, first) = group[0];
        let mut contradicted = false;
        for &(_, record) in &group[1..] {
            let (a, b) = (names[first as usize], names[record as usize]);
            let phones = (phone[first as usize], phone[record as usize]);
            let differ = a.full != 0 && b.full != 0 && a.full != b.full;
            if differ && phones.0 != 0 && phones.1 != 0 && phones.0 != phones.1 {
                contradicted = true;
            } else if sets.join(first, record) {
                found.add(Trouble::SeveralCards, key, group, id);
            }
        }
        if contradicted {
            found.add(Trouble::Contradiction, key, group, id);
        }
    }
}

/// Of each record its least number of a key; 0 where it has none.
fn first_numbers(key: &[(u64, u32)], count: usize) -> Vec<u64> {
    let mut first = vec![0; count];
    for &(number, record) in key.iter().rev() {
        first[record as usize] = number;
    }
    first
}

/// Joins those who share a phone or an address as far as their names allow; whether anything was joined.
fn shared_key<'a>(
    key: Key,
    group: &[(u64, u32)],
    sets: &mut Sets,
    found: &mut Found,
    id: &impl Fn(u32) -> &'a str,
) -> bool {
    let mut roots: Vec<u32> = Vec::with_capacity(4);
    for &(_, record) in group {
        let root = sets.root(record);
        if !roots.contains(&root) {
            roots.push(root);
        }
        if roots.len() > MOST {
            found.add(Trouble::MadeUp, key, group, id);
            return false;
        }
    }
    if roots.len() < 2 {
        return false;
    }
    let named: Vec<(u32, Name)> = roots.iter().map(|&root| (root, sets.name[root as usize])).collect();
    if named.iter().filter(|(_, name)| name.family == 0).count() > MOST_NAMELESS {
        found.add(Trouble::MadeUp, key, group, id);
        return false;
    }
    let mut people = ByName::default();
    people.full_names(&named, sets);
    people.family_names(&named, sets);
    people.nameless(&named, sets);
    if people.cards {
        found.add(Trouble::SeveralCards, key, group, id);
    }
    if people.classes.len() > 1 {
        found.add(Trouble::SeveralPeople, key, group, id);
    }
    if people.ambiguous {
        found.add(Trouble::Ambiguous, key, group, id);
    }
    people.joined
}

/// Those who share a key, by name: one class a full name; then family names join the one class that they fit; then those
/// without a name.
#[derive(Default)]
struct ByName {
    /// A name and the records that go by it.
    classes: Vec<(Name, u32)>,
    /// Whether several cards were joined.
    cards: bool,
    joined: bool,
    ambiguous: bool,
}

impl ByName {
    fn full_names(&mut self, named: &[(u32, Name)], sets: &mut Sets) {
        for &(root, name) in named.iter().filter(|(_, name)| name.full != 0) {
            match self.classes.iter().find(|(other, _)| other.full == name.full) {
                Some(&(_, class)) => {
                    self.cards |= sets.join(class, root);
                    self.joined = true;
                }
                None => self.classes.push((name, root)),
            }
        }
    }

    fn family_names(&mut self, named: &[(u32, Name)], sets: &mut Sets) {
        for &(root, name) in named.iter().filter(|(_, name)| name.full == 0 && name.family != 0) {
            let same = self.classes.iter().filter(|(other, _)| other.family == name.family);
            let fitting: Vec<u32> = same.map(|&(_, class)| class).collect();
            match fitting[..] {
                [] => self.classes.push((name, root)),
                [class] => {
                    self.cards |= sets.join(class, root);
                    self.joined = true;
                }
                _ => self.ambiguous = true,
            }
        }
    }

    fn nameless(&mut self, named: &[(u32, Name)], sets: &mut Sets) {
        let nameless: Vec<u32> =
            named.iter().filter(|(_, name)| name.family == 0).map(|&(root, _)| root).collect();
        let (person, others) = match (&self.classes[..], &nameless[..]) {
            (_, []) => return,
            ([], [first, rest @ ..]) => (*first, rest),
            ([(_, class)], all) => (*class, all),
            _ => {
                self.ambiguous = true;
                return;
            }
        };
        for &root in others {
            // Two cards and no name: nothing says that it is one person.
            if sets.apart(person, root) {
                self.ambiguous = true;
            } else {
                sets.join(person, root);
                self.joined = true;
            }
        }
    }
}

impl Found {
    fn add<'a>(&mut self, trouble: Trouble, key: Key, group: &[(u64, u32)], id: &impl Fn(u32) -> &'a str) {
        let count = self.counts.entry(trouble).or_default();
        *count += 1;
        if *count <= LISTED {
            self.listed.push(Conflict {
                trouble,
                key,
                token: format!("{:016x}", group[0].0),
                records: group.iter().take(10).map(|&(_, record)| id(record).to_owned()).collect(),
                count: group.len(),
            });
        }
    }
}

fn count_people(report: &mut Report, roots: &[u32], sources: impl Iterator<Item = u8>) {
    let mut records = vec![0u32; roots.len()];
    let mut first = vec![u8::MAX; roots.len()];
    let mut several = vec![false; roots.len()];
    for (&root, source) in roots.iter().zip(sources) {
        let at = root as usize;
        if records[at] == 0 {
            first[at] = source;
        }
        several[at] |= first[at] != source;
        records[at] += 1;
    }
    for &count in records.iter().filter(|&&count| count > 0) {
        report.people += 1;
        *report.people_by_records.entry(count as usize).or_default() += 1;
    }
    let connected = several.iter().filter(|&&one| one).count();
    report.connected = connected as f64 / report.people.max(1) as f64;
}

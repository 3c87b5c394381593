//! How the chain's systems know a customer: a record in the till, the web shop and the chat groups, with keys that
//! are missing, written in other ways, shared in the family, or made up at the till.

use super::dice::Dice;
use super::life::{CHANNELS, Person};

/// What one source knows of one customer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record {
    /// The system: `till`, `web` or `group`.
    pub source: &'static str,
    /// Its own number of the customer, unique over all sources.
    pub record_id: String,
    /// Name as written down.
    pub name: Option<String>,
    /// Phone number as written down.
    pub phone: Option<String>,
    /// Number of the loyalty card.
    pub member_id: Option<String>,
    /// Identifier in the chat platform.
    pub open_id: Option<String>,
    /// E-mail address.
    pub email: Option<String>,
    /// Day of registration, in days since 1970-01-01.
    pub registered_day: i32,
}

const SURNAMES: &str = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许韩冯邓曹彭曾萧田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔钟谭陆汪范金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严";
const GIVEN: &str = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉萍红梅鑫波宇浩凯健俊帆雪婷倩颖玲琳慧欣怡佳悦晨曦梓涵雨泽子轩思远若彤可馨一诺";

fn pick(text: &str, dice: &mut Dice) -> char {
    let count = text.chars().count() as u64;
    text.chars().nth(dice.below(count) as usize).unwrap_or('王')
}

/// Share of the customers who use the phone of the customer before them: a family.
const SHARED_PHONE: f64 = 0.005;
/// Numbers that are typed in where a customer gives none.
const MADE_UP: [&str; 3] = ["13800000000", "00000000000", "18888888888"];

fn shares_phone(seed: u64, number: u64) -> bool {
    let chance = |number: u64| Dice::of(seed ^ 0xfa31, number).chance(SHARED_PHONE);
    number > 0 && chance(number) && !chance(number - 1)
}

/// The customer's phone number: eleven digits, unique except in families.
fn phone(seed: u64, number: u64) -> u64 {
    let owner =
        if shares_phone(seed, number) && !shares_phone(seed, number - 1) { number - 1 } else { number };
    // An odd factor modulo a power of ten without common divisors is a bijection: no two owners share a number.
    let mixed = (owner % 1_000_000_000).wrapping_mul(387_420_489 + 2) % 1_000_000_000;
    13_000_000_000 + mixed * 6 + owner / 1_000_000_000
}

/// Writes a phone number as people do.
fn written_phone(digits: u64, dice: &mut Dice) -> String {
    let text = digits.to_string();
    let (a, b, c) = (&text[..3], &text[3..7], &text[7..]);
    match dice.pick(&[0.6, 0.1, 0.1, 0.1, 0.1]) {
        0 => text,
        1 => format!("+86{text}"),
        2 => format!("{a}-{b}-{c}"),
        3 => format!("{a} {b} {c}"),
        _ => format!("0086 {text}"),
    }
}

/// One digit typed wrong.
fn mistyped(digits: u64, dice: &mut Dice) -> u64 {
    let unit = 10_u64.pow(dice.below(8) as u32);
    let digit = digits / unit % 10;
    digits - digit * unit + (digit + 1 + dice.below(8)) % 10 * unit
}

/// The records of a customer. The first of a source is the one that its events carry.
pub(super) fn records(seed: u64, number: u64, person: &Person) -> Vec<Record> {
    let dice = &mut Dice::of(seed ^ 0x1d_e471, number);
    let (digits, registered) = (phone(seed, number), person.joined as i32);
    let surname = pick(SURNAMES, dice);
    let mut name = String::from(surname);
    name.push(pick(GIVEN, dice));
    if dice.chance(0.7) {
        name.push(pick(GIVEN, dice));
    }
    let titled = format!("{surname}{}", if dice.chance(0.85) { "女士" } else { "先生" });
    let open_id = format!("oX{:016x}", Dice::of(seed ^ 0x09e2, number).next());
    let email = format!("user{number}@example.{}", ["com", "cn", "net"][dice.below(3) as usize]);
    let has_card = dice.chance(0.6);
    // A few live with their keys scattered, so that nothing can join their records.
    let scattered = dice.chance(0.002);
    let mut all: Vec<Record> = Vec::new();
    for (at, source) in CHANNELS.iter().enumerate().filter(|(at, _)| person.channels[*at] > 0.0) {
        let copies = 1 + usize::from(*source == "till" && dice.chance(0.04));
        for copy in 0..copies {
            let mut record = Record {
                source,
                record_id: format!("{}{number}{}", ["T", "W", "G"][at], ["", "b"][copy]),
                registered_day: registered + (copy as i32) * 90,
                ..Record::default()
            };
            let card = match copy {
                0 => format!("M{number:09}"),
                _ => format!("M{:09}", 500_000_000 + number),
            };
            let card = match dice.below(4) {
                0 => card.to_lowercase(),
                1 => format!(" {card}"),
                _ => card,
            };
            let shown = match dice.pick(&[0.88, 0.08, 0.04]) {
                0 => name.clone(),
                1 => titled.clone(),
                _ => format!(" {name} "),
            };
            let mut told = Some(if dice.chance(0.001) { mistyped(digits, dice) } else { digits });
            match at {
                0 => {
                    record.name = Some(shown);
                    record.member_id = has_card.then_some(card);
                    if dice.chance(0.003) {
                        told = None;
                        record.phone = Some(MADE_UP[dice.below(3) as usize].to_owned());
                    }
                }
                1 => {
                    record.name = dice.chance(0.9).then_some(shown);
                    record.open_id = dice.chance(0.6).then(|| open_id.clone());
                    let loud = if dice.chance(0.2) { email.to_uppercase() } else { email.clone() };
                    record.email = dice.chance(0.5).then_some(loud);
                    record.member_id = (has_card && dice.chance(0.5)).then_some(card);
                }
                _ => {
                    // The groups know a nickname, which is no name. A chat account is bound to one phone, so the
                    // relative who shares it has an account without.
                    if shares_phone(seed, number) {
                        told = None;
                    }
                    record.open_id = Some(open_id.clone());
                    record.member_id = (has_card && dice.chance(0.3)).then_some(card);
                }
            }
            if scattered && !all.is_empty() {
                told = None;
                (record.member_id, record.email) = (None, None);
                record.open_id = (at == 2).then(|| format!("{open_id}x"));
            }
            if let Some(told) = told {
                record.phone = Some(written_phone(told, dice));
            }
            all.push(record);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phones_are_unique_but_for_families() {
        let mut all: Vec<u64> = (0..20_000).map(|number| phone(5, number)).collect();
        let families = (0..20_000).filter(|&n| shares_phone(5, n)).count();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 20_000 - families);
        assert!(families > 60 && families < 140, "{families}");
        assert!(all.iter().all(|phone| phone.to_string().len() == 11));
    }
}

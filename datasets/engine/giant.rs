//! A customer with more lines than a bucket may hold: a wholesaler, a till's collective number.
//!
//! The lines go straight into the columns of the one history and are put in order there, so that the peak is little
//! more than the history itself: about 54 bytes a line and the distinct texts.

use std::cmp::Ordering;

use super::arena::{Arena, Block};
use super::record;
use crate::event::Micros;
use crate::names::Names;
use crate::{Error, History};

/// The history of a customer to whom all lines of the blocks belong.
pub(super) fn history(blocks: &[&Block], arena: &Arena) -> Result<(String, History), Error> {
    let rows = blocks.iter().map(|block| block.rows as usize).sum();
    // Places in a history are numbered with 32 bits.
    u32::try_from(rows).map_err(|_| Error::TooManyTexts)?;
    let mut history = History::default();
    let History {
        occurred_at,
        kind,
        amount,
        quantity,
        order,
        product,
        category,
        channel,
        promotion,
        late,
        ..
    } = &mut history;
    let texts = [order, product, category, channel, promotion];
    occurred_at.reserve_exact(rows);
    kind.reserve_exact(rows);
    amount.reserve_exact(rows);
    quantity.reserve_exact(rows);
    let mut codes = texts;
    codes.iter_mut().for_each(|column| column.reserve_exact(rows));
    let mut names = Names::default();
    let mut lasts = [0; 5];
    let mut id = String::new();
    let mut buffer = Vec::new();
    for block in blocks {
        record::read(arena.get(block, &mut buffer)?, |customer, _, line| {
            if occurred_at.is_empty() {
                id = customer.to_owned();
            }
            if line.recorded_at > line.occurred_at {
                late.push((occurred_at.len() as u32, line.recorded_at));
            }
            occurred_at.push(line.occurred_at);
            kind.push(line.kind);
            amount.push(line.amount);
            quantity.push(line.quantity);
            let texts = [line.order, line.product, line.category, line.channel, line.promotion];
            for ((column, last), text) in codes.iter_mut().zip(&mut lasts).zip(texts) {
                column.push(match text {
                    None => 0,
                    Some(text) => {
                        if *last == 0 || names.get(*last - 1) != text {
                            *last = names.number(text)? + 1;
                        }
                        *last
                    }
                });
            }
            Ok(())
        })?;
    }
    sort(&mut history, &names);
    recode(&mut history, &names);
    Ok((id, history))
}

/// Brings the events into the one order of events.
fn sort(history: &mut History, names: &Names) {
    let recorded = |at: u32| match history.late.binary_search_by_key(&at, |&(at, _)| at) {
        Ok(found) => history.late[found].1,
        Err(_) => history.occurred_at[at as usize],
    };
    let text = |code: u32| code.checked_sub(1).map(|at| names.get(at));
    let compare = |&a: &u32, &b: &u32| {
        let (i, j) = (a as usize, b as usize);
        let columns =
            [&history.order, &history.product, &history.category, &history.channel, &history.promotion];
        history.occurred_at[i]
            .cmp(&history.occurred_at[j])
            .then_with(|| recorded(a).cmp(&recorded(b)))
            .then_with(|| history.kind[i].cmp(&history.kind[j]))
            .then_with(|| history.amount[i].total_cmp(&history.amount[j]))
            .then_with(|| history.quantity[i].total_cmp(&history.quantity[j]))
            .then_with(|| {
                let differ = columns.iter().map(|column| (column[i], column[j])).find(|(a, b)| a != b);
                differ.map_or(Ordering::Equal, |(a, b)| text(a).cmp(&text(b)))
            })
    };
    let mut order: Vec<u32> = (0..history.len() as u32).collect();
    order.sort_unstable_by(compare);
    if !history.late.is_empty() {
        let late: Vec<(u32, Micros)> = order
            .iter()
            .enumerate()
            .filter(|&(_, &from)| history.late.binary_search_by_key(&from, |&(at, _)| at).is_ok())
            .map(|(to, &from)| (to as u32, recorded(from)))
            .collect();
        history.late = late;
    }
    pick(&mut history.occurred_at, &order);
    pick(&mut history.kind, &order);
    pick(&mut history.amount, &order);
    pick(&mut history.quantity, &order);
    for column in columns(history) {
        pick(column, &order);
    }
}

fn columns(history: &mut History) -> [&mut Vec<u32>; 5] {
    let History { order, product, category, channel, promotion, .. } = history;
    [order, product, category, channel, promotion]
}

fn pick<T: Copy>(column: &mut Vec<T>, order: &[u32]) {
    *column = order.iter().map(|&at| column[at as usize]).collect();
}

/// Codes in the order of their first use, as every history has them.
fn recode(history: &mut History, names: &Names) {
    let mut codes = vec![0u32; names.len() + 1];
    let mut own: Vec<Box<str>> = Vec::new();
    let rows = history.len();
    let mut columns = columns(history);
    for at in 0..rows {
        for column in &mut columns {
            let code = column[at];
            if code == 0 {
                continue;
            }
            let known = &mut codes[code as usize];
            if *known == 0 {
                own.push(names.get(code - 1).into());
                *known = own.len() as u32;
            }
            column[at] = *known;
        }
    }
    history.names = own;
}

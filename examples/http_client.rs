//! Calls a running service: sends one event, then reads the customer's profile.
//!
//! ```text
//! cargo run --release -- serve
//! cargo run --release --example http_client -- http://127.0.0.1:8080 [KEY]
//! ```

use serde_json::{Value, json};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let base = arguments.next().ok_or("give the address of the service, such as http://127.0.0.1:8080")?;
    let key = arguments.next().map(|key| format!("Bearer {key}"));
    let event = json!({
        "event_id": "till-7-00042", "customer_id": "00001", "occurred_at": "1998-06-30", "kind": "purchase", "amount": 29.9
    });
    let mut request = ureq::post(format!("{base}/v1/events"));
    if let Some(key) = &key {
        request = request.header("authorization", key);
    }
    // Sending the same event_id again is safe: it counts once.
    let taken: Value = request.send_json(json!({ "events": [event] }))?.body_mut().read_json()?;
    println!("accepted {}, duplicates {}", taken["accepted"], taken["duplicates"]);
    let mut request = ureq::get(format!("{base}/v1/profiles/00001"));
    if let Some(key) = &key {
        request = request.header("authorization", key);
    }
    let profile: Value = request.call()?.body_mut().read_json()?;
    println!(
        "churn risk {}, next action {}",
        profile["prediction"]["churn_risk"], profile["next_action"]["action"]
    );
    Ok(())
}

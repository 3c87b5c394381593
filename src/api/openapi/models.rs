//! The schemas of models and of the service itself.

use serde_json::{Value, json};

use super::build::{count, instant, list, nullable, number, object, reference, string, typed};

/// Schemas by name.
pub(super) fn schemas() -> Value {
    json!({
        "Model": object("A model.", model(), &[]),
        "Models": models(),
        "Shadow": object("What was compared.", json!({"shadow": list(shadow())}), &[]),
        "Swapped": object(
            "The model that answers now.",
            json!({"model": reference("Model"), "before": nullable(string("The one that answered before."))}),
            &[],
        ),
        "Health": object("The process answers.", json!({"status": {"type": "string", "enum": ["ok"]}}), &[]),
        "Ready": object(
            "A model is loaded, and the store works.",
            json!({"status": {"type": "string", "enum": ["ready"]}, "model": string("The model, `name@version`.")}),
            &[],
        ),
    })
}

fn model() -> Value {
    json!({
        "id": string("`name@version`."),
        "name": string("Its name."),
        "version": string("Its version."),
        "as_of": instant("The instant up to which it has learned."),
        "horizons": list(count("Days.")),
        "churn_horizon": count("The horizon behind `churn_risk`, in days."),
        "timezone": string("The business's time zone, by its IANA name."),
    })
}

fn models() -> Value {
    let mut properties = model();
    properties["aliases"] = list(json!({"type": "string", "enum": ["champion", "challenger"]}));
    properties["in_use"] = typed("boolean", "Whether it answers now.");
    object("The models.", json!({"models": list(object("A model.", properties, &[]))}), &[])
}

fn shadow() -> Value {
    object(
        "A challenger beside a champion.",
        json!({
            "champion": string("The champion."),
            "challenger": string("The challenger."),
            "compared": count("Scores compared."),
            "tags_differ": count("Of which at least one tag would have another value."),
            "churn_risk_mean_difference": number("Mean of challenger minus champion."),
            "churn_risk_mean_distance": number("Mean of the differences without their sign."),
            "churn_risk_max_distance": number("Largest difference without its sign."),
            "clv_champion": number("Sum of the champion's lifetime values."),
            "clv_challenger": number("Sum of the challenger's lifetime values."),
        }),
        &[],
    )
}

//! The schemas of models and of the service itself.

use serde_json::{Value, json};

use super::build::{count, instant, list, nullable, number, object, reference, string, typed};

/// Schemas by name.
pub(super) fn schemas() -> Value {
    json!({
        "Model": object("A model.", model(), &[]),
        "Models": models(),
        "Shadow": object("Comparison of challengers with champions.", json!({"shadow": list(shadow())}), &[]),
        "Swapped": object(
            "The result of a promotion or rollback: the serving model.",
            json!({"model": reference("Model"), "before": nullable(string("The previous serving model."))}),
            &[],
        ),
        "Health": object("The process is running.", json!({"status": {"type": "string", "enum": ["ok"]}}), &[]),
        "Ready": object(
            "A model is loaded and the store can be read and written.",
            json!({"status": {"type": "string", "enum": ["ready"]}, "model": string("The model, `name@version`.")}),
            &[],
        ),
    })
}

fn model() -> Value {
    json!({
        "id": string("`name@version`."),
        "name": string("The name."),
        "version": string("The version."),
        "as_of": instant("End of the training data."),
        "horizons": list(count("Days.")),
        "churn_horizon": count("The horizon of `churn_risk`, in days."),
        "timezone": string("The business's time zone (IANA name)."),
    })
}

fn models() -> Value {
    let mut properties = model();
    properties["aliases"] = list(json!({"type": "string", "enum": ["champion", "challenger"]}));
    properties["in_use"] = typed("boolean", "Whether the model is serving.");
    object("The models.", json!({"models": list(object("A model.", properties, &[]))}), &[])
}

fn shadow() -> Value {
    object(
        "A challenger compared with a champion.",
        json!({
            "champion": string("The champion."),
            "challenger": string("The challenger."),
            "compared": count("Number of scores compared."),
            "tags_differ": count("Number of compared scores for which at least one tag differs."),
            "churn_risk_mean_difference": number("Mean of challenger minus champion."),
            "churn_risk_mean_distance": number("Mean absolute difference."),
            "churn_risk_max_distance": number("Maximum absolute difference."),
            "clv_champion": number("Sum of the champion's lifetime values."),
            "clv_challenger": number("Sum of the challenger's lifetime values."),
        }),
        &[],
    )
}

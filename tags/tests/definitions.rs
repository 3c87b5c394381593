//! Wrong catalogues, and what they are told.

use super::*;

#[test]
#[expect(clippy::too_many_lines, reason = "a table of mistakes")]
fn errors_name_the_place_and_the_remedy() {
    let good = tag_text("a.b", "orders", "");
    let cases = [
        ("a = = 3".to_owned(), "tags.toml:1:5:", "fix the TOML syntax"),
        (
            tag_text("a.b", "orders", "colour = 3"),
            "tags.toml:8:1: unknown field `colour`",
            "correct its name",
        ),
        (
            format!("{good}{good}"),
            "tags.toml:10:8: the tag `a.b` is already defined in line 2",
            "rename or remove",
        ),
        (good.replace(", en = \"Meaning\"", ""), "missing field `en`", "both languages"),
        (good.replace("\"Tag\"", "\" \""), "tags.toml:5:28: the text is empty", "in this language"),
        (
            good.replace("labels = { zh = \"标签\", en = \"Tag\" }\n", ""),
            "missing field `labels`",
            "labels = {",
        ),
        (
            good.replace("en = \"Tag\"", "en = \"Tag\", xx = \"?\""),
            "unknown field `xx`: no such language",
            "en, zh",
        ),
        (good.replace("layer = \"dynamic\"\n", ""), "missing field `layer`", "a tag needs"),
        (
            good.replace("\"dynamic\"", "\"dinamic\""),
            "tags.toml:3:9: `dinamic` is not a valid layer",
            "did you mean `dynamic`?",
        ),
        (
            good.replace("\"activity\"", "\"x\""),
            "tags.toml:4:13: `x` is not a valid dimension",
            "use one of lifecycle",
        ),
        (
            tag_text("a.b", "orders", "when_empty = \"hide\""),
            "`hide` is not a valid when_empty",
            "blank, keep",
        ),
        (tag_text("Level", "orders", ""), "tags.toml:2:8: `Level` is not a valid tag name", "joined by dots"),
        (tag_text("a.b", "orders >", ""), "tags.toml:7:", "the expression is not valid CEL"),
        (
            tag_text("a.b", "1.0 + recencydays", ""),
            "tags.toml:7:21: unknown variable `recencydays`",
            "`recency_days`?",
        ),
        (tag_text("a.b", "chrun_risk", ""), "unknown variable `chrun_risk`", "did you mean `churn_risk`?"),
        (
            tag_text("a.b", "p_purchase_30", ""),
            "unknown variable `p_purchase_30`",
            "did you mean `p_purchase_30d`?",
        ),
        (
            tag_text("a.b", "p_return_30d > 0.5", ""),
            "unknown variable `p_return_30d`",
            "it was renamed to `p_purchase_30d`",
        ),
        (tag_text("a.b", "favourite_colour_of_hat", ""), "unknown variable", "features and predictions"),
        (tag_text("a.b", "sise([1])", ""), "tags.toml:7:15: unknown function `sise`", "did you mean `size`?"),
        (tag_text("a.b", "orders + 1", ""), "tags.toml:7:15: the expression mixes", "1.0 instead of 1"),
        (tag_text("a.b", "orders > \"many\"", ""), "the expression mixes", "text only with text"),
        (tag_text("a.b", "[orders]", ""), "returns a list", "a tag must be a string"),
        (tag_text("a.b", "orders", "confidence = 'nosuch'"), "tags.toml:8:15: unknown variable", "variables"),
        (
            tag_text("a.b", "orders", "values = [{ value = [1], labels = { zh = \"一\", en = \"one\" } }]"),
            "of type array",
            "true or false",
        ),
    ];
    for (text, place, hint) in cases {
        let error = refused(&text);
        assert!(
            error.contains(place) && error.contains(hint),
            "{error}\n  lacks `{place}` or `{hint}` for\n{text}"
        );
    }
    // Inside a text of several lines the line is counted on.
    let several = good.replace("'orders'", "'''\norders > 1 &&\n  no_such > 2'''");
    assert!(
        refused(&several).starts_with("tags.toml:9:3: unknown variable `no_such`"),
        "{}",
        refused(&several)
    );
    assert!(parse("").unwrap().tags().is_empty());
}

#[test]
fn names_and_scales_stand_for_what_they_are() {
    let text = "[define]\nlimit = 90\nasleep = \"recency_days > limit\"\n[[scale]]\nname = \"grade\"\n\
                of = \"recency_days\"\nsteps = [90, 30]\n"
        .to_owned();
    let catalogue = parse(&(text + &tag_text("a.b", "asleep ? 0.0 : grade", ""))).unwrap();
    let value = |days: f64| {
        let tags = catalogue.bind(&[]).evaluate(&features(&[(F::recency_days, days)]), &scored(), AS_OF);
        tags[0].value.clone()
    };
    assert_eq!([value(91.0), value(90.0), value(31.0), value(30.0)], [0, 2, 2, 3].map(Value::from));
    assert_eq!(catalogue.scales()[0].steps, [90.0, 30.0]);
}

#[test]
fn wrong_definitions_are_named() {
    let cases = [
        (
            "[define]\na = \"b + 1.0\"\nb = \"a\"\n".to_owned(),
            "refers to itself: a -> b -> a",
            "with numbers",
        ),
        ("[define]\na = \"a\"\n".to_owned(), "tags.toml:2:5: `a` refers to itself", "with numbers"),
        ("[define]\norders = 3\n".to_owned(), "is already in use", "another name"),
        ("[define]\na = \"recency_dais\"\n".to_owned(), "tags.toml:2:6: unknown variable", "`recency_days`?"),
        ("[define]\na = [1]\n".to_owned(), "of type array", "a number, or an expression"),
        (
            "[[scale]]\nname = \"g\"\nof = \"orders\"\nsteps = [2, 6, 4]\n".to_owned(),
            "tags.toml:4:9: the steps of `g` are neither ascending nor descending",
            "ascending order (more is better)",
        ),
        (tag_text("a.b", "a.b > 1", ""), "tags.toml:7:15: the tag `a.b` refers to itself", "[define]"),
        (
            tag_text("a.c", "orders", "") + &tag_text("a.b", "a.c > 1", ""),
            "refers to the tag `a.c`",
            "[define]",
        ),
        (
            tag_text("a.b", "[1.0].exists(x, x > orders) ? date(recency_days) : null", ""),
            "date() cannot be used in this expression",
            "variables, numbers",
        ),
    ];
    for (text, place, hint) in cases {
        let error = refused(&text);
        assert!(error.contains(place) && error.contains(hint), "{error}\n  lacks `{place}` or `{hint}`");
    }
}

#[test]
fn a_check_finds_what_cannot_be_meant() {
    let checked = |text: &str| -> Vec<String> {
        let catalogue = parse(text).unwrap();
        check::check(&catalogue, text, "tags.toml").iter().map(ToString::to_string).collect()
    };
    let values = "values = [{ value = \"high\", labels = { zh = \"高\", en = \"High\" } }, \
                  { value = \"top\", labels = { zh = \"顶\", en = \"Top\" } }, \
                  { value = \"low\", labels = { zh = \"低\", en = \"Low\" } }]";
    let cases = [
        (tag_text("a.b", "orders / 0.0", ""), "tags.toml:7:22: tag `a.b`: division by zero"),
        (tag_text("a.b", "1.0 > 0.5", ""), "uses no variable"),
        (
            tag_text("a.b", "orders == null || orders >= 0 ? \"all\" : \"none\"", ""),
            "every customer has the value",
        ),
        (tag_text("a.b", "orders < 0 ? true : null", ""), "no customer can have this tag"),
        (
            tag_text("a.b", "clv > 100 ? \"high\" : clv > 1000 ? \"top\" : \"low\"", values),
            "tags.toml:7:49: tag `a.b`: no customer can have the value \"top\"; an earlier branch always applies first",
        ),
        (
            tag_text("a.b", "clv > 9 ? \"high\" : clv > 5 ? \"top\" : clv > 1 ? \"low\" : \"no\"", values),
            "has no label",
        ),
        (tag_text("a.b", "spend_365d / orders_365d", ""), "the divisor can be zero"),
    ];
    for (text, wanted) in cases {
        let found = checked(&text);
        assert!(found.iter().any(|error| error.contains(wanted)), "{found:?} lacks {wanted}");
    }
    assert_eq!(checked(&tag_text("a.b", "orders > 3", "")), [] as [String; 0]);
}

#[test]
fn a_tag_of_the_shipped_catalogue_has_its_texts_from_the_locale_files_unless_it_brings_its_own() {
    let shipped = "[[tag]]\nname = \"churn.level\"\nlayer = \"predictive\"\ndimension = \"lifecycle\"\n\
                   expression = '\"high\"'\nvalues = [{ value = \"high\" }]\n";
    let catalogue = parse(shipped).unwrap();
    let tag = &catalogue.tags()[0];
    assert_eq!((tag.labels.en.as_str(), tag.labels.zh.as_str()), ("Churn risk", "流失风险等级"));
    assert_eq!(tag.values[0].labels.en, "High");
    let own = shipped.replace(
        "[{ value = \"high\" }]",
        "[{ value = \"high\", labels = { zh = \"危\", en = \"Alarm\" } }]",
    );
    let catalogue = parse(&own).unwrap();
    let tag = &catalogue.tags()[0];
    assert_eq!((tag.labels.en.as_str(), tag.values[0].labels.en.as_str()), ("Churn risk", "Alarm"));
    // A value that is not shipped has no text anywhere.
    let error = refused(&shipped.replace("{ value = \"high\" }", "{ value = \"own\" }"));
    assert!(error.contains("tags.toml:6:21: missing field `labels`"), "{error}");
}

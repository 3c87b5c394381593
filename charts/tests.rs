//! Drawings of hostile and empty input, and their axes.

use homing_datasets::calendar::days_of;

use homing_locales::Lang;

use super::curve::monotone_path;
use super::time::date_ticks;
use super::*;

fn point(x: f64, y: f64) -> Point {
    Point { x, y, ..Point::default() }
}

fn line(points: Vec<Point>) -> Line {
    Line { ink: Ink::Actual, points, dots: true, joined: true }
}

#[test]
fn text_in_a_drawing_is_escaped_and_nothing_carries_a_style() {
    let evil = "<script>alert('1')</script>&\"\u{1}";
    let stems = [Stem { day: 15_000, value: 3.0, title: evil.into() }];
    let marks = [Mark { day: 15_010, label: evil.into(), expected: true }];
    let value = |_: f64| evil.to_owned();
    let all = [
        parts(evil, &[Part { title: evil.into(), size: 1.0, tone: Tone::High }]),
        time_line(&TimeLine {
            lang: Lang::ENGLISH,
            label: evil,
            stems: &stems,
            marks: &marks,
            value: &value,
        }),
        curve(&Curve { label: evil, points: &[(30, 0.5)], share: &value, days: &|_| evil.to_owned() }),
        plot(&Plot {
            label: evil,
            x: Axis::up_to(3.0, evil, &value),
            y: Axis::share(evil, &value),
            lines: vec![line(vec![Point { title: Some(evil.into()), ..point(1.0, 0.5) }])],
            rules: vec![Rule { x: 1.0, label: evil.into() }],
        }),
        columns(&Columns {
            label: evil,
            y: Axis::up_to(3.0, evil, &value),
            x: evil,
            groups: vec![Group {
                name: evil.into(),
                columns: vec![Column { ink: Ink::Actual, value: 1.0, title: evil.into() }],
            }],
            reference: Some(1.0),
        }),
        flow(&Flow {
            label: evil,
            columns: &[evil.to_owned(), evil.to_owned()],
            nodes: &[Node { name: evil.into(), titles: vec![evil.into(); 2], hue: 9 }],
            bands: &[vec![Band { from: 0, to: 0, size: 1.0, title: evil.into() }]],
        }),
        heat(&Heat {
            label: evil,
            rows: &[evil.to_owned()],
            columns: &[evil.to_owned()],
            row_name: evil,
            column_name: evil,
            cells: &[vec![Some(Cell {
                share: 0.5,
                text: evil.into(),
                title: evil.into(),
                link: Some(evil.into()),
            })]],
        }),
    ];
    for svg in all.map(|svg| svg.to_string()) {
        assert!(!svg.contains("<script") && !svg.contains("style=") && !svg.contains('\u{1}'), "{svg}");
        assert!(svg.contains("&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;&quot;"), "{svg}");
        assert_eq!(svg.matches("<svg").count(), svg.matches("</svg>").count());
    }
}

#[test]
fn bars_stay_inside_their_track_whatever_they_are_given() {
    assert!(meter(0.314, Tone::High).to_string().contains(r#"class="tone-high" width="31.4%""#));
    assert!(meter(7.0, Tone::High).to_string().contains(r#"tone-high" width="100%""#));
    assert!(meter(f64::NAN, Tone::High).to_string().contains(r#"tone-high" width="0%""#));
    assert!(weight(-1.0, 2.0).to_string().contains(r#"tone-low" x="25%" width="25%""#));
    assert!(weight(9.0, 2.0).to_string().contains(r#"tone-high" x="50%" width="50%""#));
    assert!(weight(0.0, 0.0).to_string().contains(r#"x="50%" width="0%""#));
    let half = |tone| Part { title: String::new(), size: 2.0, tone };
    let bar = parts("", &[half(Tone::High), half(Tone::Low)]).to_string();
    assert!(bar.contains(r#"x="0%" width="50%""#) && bar.contains(r#"x="50%" width="50%""#), "{bar}");
}

#[test]
fn the_steps_of_an_axis_are_round_few_and_high_enough() {
    assert_eq!(steps(0.0), [0.0, 1.0]);
    assert_eq!(steps(f64::NAN), [0.0, 1.0]);
    assert_eq!(steps(4.0), [0.0, 1.0, 2.0, 3.0, 4.0]);
    assert_eq!(steps(130.0), [0.0, 50.0, 100.0, 150.0]);
    for most in [1e-6, 0.3, 1.0, 7.77, 99.9, 100.0, 100.1, 12_345.6, 1e12] {
        let steps = steps(most);
        assert!((3..=6).contains(&steps.len()), "{most}: {steps:?}");
        assert!(*steps.last().unwrap() >= most * (1.0 - 1e-6), "{most}: {steps:?}");
    }
}

#[test]
fn an_axis_of_dates_names_a_few_months_or_years() {
    let day = |text: &str| days_of(text.parse().unwrap());
    let names = |from, to| {
        date_ticks(Lang::ENGLISH, day(from), day(to)).into_iter().map(|(_, name)| name).collect::<Vec<_>>()
    };
    assert_eq!(names("2011-01-15", "2011-04-20"), ["Feb 2011", "Mar 2011", "Apr 2011"]);
    assert_eq!(
        names("2010-11-20", "2012-02-01"),
        ["Jan 2011", "Apr 2011", "Jul 2011", "Oct 2011", "Jan 2012"]
    );
    assert_eq!(names("2007-03-01", "2011-02-01"), ["2008", "2009", "2010", "2011"]);
    assert_eq!(names("2011-02-03", "2011-02-20"), ["3 Feb 2011", "20 Feb 2011"]);
    assert_eq!(names("2011-02-03", "2011-02-03"), ["3 Feb 2011"]);
    assert!(names("1900-01-01", "2200-01-01").len() <= 7);
}

#[test]
fn a_curve_passes_its_points_and_never_falls() {
    let path = monotone_path(&[(0.0, 0.0), (0.25, 0.5), (1.0, 0.5)]);
    assert_eq!(path, "M0 1000C83.33 833.33 166.67 500 250 500C500 500 750 500 1000 500");
    let svg = curve(&Curve { label: "", points: &[], share: &|_| String::new(), days: &|_| String::new() });
    assert!(svg.to_string().contains("M0 1000"));
}

#[test]
fn a_time_line_of_nothing_or_of_one_day_can_be_drawn() {
    let value = |value: f64| value.to_string();
    for stems in [vec![], vec![Stem { day: 15_000, value: 0.0, title: String::new() }]] {
        let svg =
            time_line(&TimeLine { lang: Lang::ENGLISH, label: "", stems: &stems, marks: &[], value: &value })
                .to_string();
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
    }
}

#[test]
fn lines_columns_and_cells_of_nothing_or_of_no_numbers_can_be_drawn() {
    let text = |value: f64| value.to_string();
    let odd = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1e300, 1e300, 0.0];
    for most in odd {
        let drawings = [
            plot(&Plot {
                label: "",
                x: Axis::up_to(most, "", &text),
                y: Axis::around(odd.into_iter(), (f64::NEG_INFINITY, f64::INFINITY), "", &text),
                lines: vec![
                    line(odd.map(|x| Point { interval: Some((x, x)), ..point(x, 1.0) }).into()),
                    line(odd.map(|y| point(1.0, y)).into()),
                    line(vec![]),
                ],
                rules: vec![Rule { x: most, label: String::new() }],
            }),
            columns(&Columns {
                label: "",
                y: Axis::up_to(most, "", &text),
                x: "",
                groups: odd
                    .map(|value| Group {
                        name: String::new(),
                        columns: vec![Column { ink: Ink::Other, value, title: String::new() }],
                    })
                    .into(),
                reference: Some(most),
            }),
            heat(&Heat {
                label: "",
                rows: &[String::new(), String::new()],
                columns: &[String::new()],
                row_name: "",
                column_name: "",
                cells: &[
                    vec![Some(Cell { share: most, text: String::new(), title: String::new(), link: None })],
                    vec![None],
                ],
            }),
            span(most, Some((most, most)), (0.0, 1.0), Some(most), Ink::Actual),
        ];
        for svg in drawings.map(|svg| svg.to_string()) {
            let places = svg.replace(|c: char| !c.is_ascii(), "");
            assert!(!places.contains("=\"NaN") && !places.contains("=\"inf"), "{svg}");
            assert_eq!(svg.matches("<svg").count(), svg.matches("</svg>").count());
            assert_eq!(svg.matches("<g").count() - svg.matches("<grid").count(), svg.matches("</g>").count());
        }
    }
}

#[test]
fn an_axis_around_values_is_round_and_holds_them() {
    let text = |value: f64| format!("{value:.2}");
    let axis = Axis::around([0.31, 0.36, 0.44].into_iter(), (0.0, 1.0), "", &text);
    assert!(axis.from <= 0.31 && axis.to >= 0.44 && axis.from > 0.2 && axis.to < 0.6, "{axis:?}");
    assert!((3..=7).contains(&axis.ticks.len()), "{axis:?}");
    let flat = Axis::around([0.5].into_iter(), (0.0, 1.0), "", &text);
    assert!(flat.from <= 0.5 && flat.to >= 0.5 && flat.to > flat.from, "{flat:?}");
}

#[test]
fn points_stand_where_their_axes_say() {
    let text = |value: f64| value.to_string();
    let drawn = plot(&Plot {
        label: "",
        x: Axis::share("", &text),
        y: Axis::share("", &text),
        lines: vec![line(vec![point(0.0, 0.0), point(0.25, 1.0)])],
        rules: vec![],
    })
    .to_string();
    assert!(drawn.contains(r#"d="M0 1000L250 0""#), "{drawn}");
    assert!(drawn.contains(r#"<circle cx="25%" cy="26" r="4"/>"#), "{drawn}");
}

#[test]
fn bands_leave_and_reach_their_states_and_odd_ones_are_left_out() {
    let node = |name: &str| Node { name: name.into(), titles: Vec::new(), hue: 0 };
    let band = |from, to, size| Band { from, to, size, title: String::new() };
    let draw = |bands: &[Vec<Band>]| {
        let columns = ["then".to_owned(), "now".to_owned()];
        flow(&Flow { label: "", columns: &columns, nodes: &[node("a"), node("b")], bands }).to_string()
    };
    let svg = draw(&[vec![band(0, 0, 1.0), band(0, 1, 1.0), band(7, 0, 1.0), band(1, 1, f64::NAN)]]);
    assert_eq!(svg.matches("class=\"band").count(), 2, "{svg}");
    // Both halves leave the first column at the top, one below the other; 300 px less one gap make the whole.
    assert!(svg.contains("M14 0C") && svg.contains("M14 146C"), "{svg}");
    assert!(!draw(&[]).contains("class=\"band") && !draw(&[]).contains("NaN"));
}

#[test]
fn every_point_column_cell_and_band_tells_its_value_on_hover_and_focus() {
    let text = |value: f64| value.to_string();
    let value = "7 of 9";
    let all = [
        time_line(&TimeLine {
            lang: Lang::ENGLISH,
            label: "",
            stems: &[Stem { day: 15_000, value: 3.0, title: value.into() }],
            marks: &[],
            value: &text,
        }),
        plot(&Plot {
            label: "",
            x: Axis::up_to(3.0, "", &text),
            y: Axis::share("", &text),
            lines: vec![line(vec![Point { title: Some(value.into()), ..point(1.0, 0.5) }])],
            rules: vec![],
        }),
        columns(&Columns {
            label: "",
            y: Axis::up_to(3.0, "", &text),
            x: "",
            groups: vec![Group {
                name: String::new(),
                columns: vec![Column { ink: Ink::Actual, value: 1.0, title: value.into() }],
            }],
            reference: None,
        }),
        flow(&Flow {
            label: "",
            columns: &[String::new(), String::new()],
            nodes: &[Node { name: String::new(), titles: Vec::new(), hue: 0 }],
            bands: &[vec![Band { from: 0, to: 0, size: 1.0, title: value.into() }]],
        }),
        heat(&Heat {
            label: "",
            rows: &[String::new()],
            columns: &[String::new()],
            row_name: "",
            column_name: "",
            cells: &[vec![Some(Cell { share: 0.5, text: String::new(), title: value.into(), link: None })]],
        }),
        curve(&Curve {
            label: "",
            points: &[(7, 0.9)],
            share: &|_| "9".to_owned(),
            days: &|_| "7 of".to_owned(),
        }),
    ];
    for svg in all.map(|svg| svg.to_string().replace("7 of: 9", value)) {
        let tip = format!(r#"tabindex="0" role="img" aria-label="{value}"><title>{value}</title>"#);
        let told = format!(r#"<div>{value}</div></foreignObject>"#);
        assert!(svg.contains(&tip) && svg.contains(&told), "{svg}");
        // What is an image as a whole hides its parts from screen readers.
        assert!(svg.starts_with("<svg") && svg.contains(r#"role="group""#), "{svg}");
    }
}

//! Names, labels and the text of single figures; the whole page is read by a strict reader in the
//! live tests.

use super::*;

fn options(mode: GroupMode) -> MetricsOptions {
    MetricsOptions {
        prefix: "opensips".to_owned(),
        group_prefix: String::new(),
        delimiter: "_".to_owned(),
        group_label: "group".to_owned(),
        group_mode: mode,
        statistics: Vec::new(),
        relabel: Arc::new(|_, _| None),
        series: true,
    }
}

fn reading(group: &'static str, name: &str, value: u64) -> Reading {
    Reading { group, name: name.to_owned(), doc: "", counter: true, value }
}

fn page(options: &MetricsOptions, readings: Vec<Reading>) -> String {
    let mut page = Page::default();
    for metric in named(options, readings) {
        page.metric(&metric, &options.group_label);
    }
    page.text
}

#[test]
fn the_group_is_nowhere_in_the_name_or_in_a_label() {
    let of = |options: &MetricsOptions| page(options, vec![reading("core", "rcv-requests", 5)]);
    let plain = "# TYPE opensips_rcv_requests counter\nopensips_rcv_requests 5\n";
    assert_eq!(of(&options(GroupMode::None)), plain);
    let named = MetricsOptions { group_prefix: "g".to_owned(), ..options(GroupMode::Name) };
    assert!(of(&named).ends_with("\nopensips_gcore_rcv_requests 5\n"));
    let labelled = MetricsOptions { group_label: "grp".to_owned(), ..options(GroupMode::Label) };
    assert!(of(&labelled).ends_with("\nopensips_rcv_requests{grp=\"core\"} 5\n"));
    let bare = MetricsOptions {
        prefix: String::new(),
        delimiter: String::new(),
        ..options(GroupMode::None)
    };
    let page = page(&bare, vec![reading("sl", "2xx_replies", 1)]);
    assert_eq!(page, "# TYPE _2xx_replies counter\n_2xx_replies 1\n");
}

#[test]
fn what_two_groups_call_alike_carries_its_group() {
    let alike = vec![reading("sl", "x", 1), reading("tm", "x", 2), reading("tm", "x", 2)];
    let expected = "# TYPE opensips_x counter\nopensips_x{group=\"sl\"} 1\n\
                    opensips_x{group=\"tm\"} 2\n";
    assert_eq!(page(&options(GroupMode::None), alike), expected);
    let mixed = vec![reading("sl", "x", 1), Reading { counter: false, ..reading("tm", "x", 2) }];
    assert!(page(&options(GroupMode::None), mixed).starts_with("# TYPE opensips_x untyped\n"));
}

#[test]
fn rules_make_labels_of_names() {
    let relabel: Relabel = Arc::new(|group, name| {
        let (what, gateway) = name.split_once('.')?;
        (group == "calls").then(|| (what.to_owned(), gateway.to_owned()))
    });
    let options = MetricsOptions { relabel, ..options(GroupMode::Label) };
    let readings = vec![
        reading("calls", "up.gw=\"a\\\"b\\\\\"", 1),
        reading("calls", "up.gw=c", 2),
        reading("calls", "up.broken", 3),
    ];
    let expected = "# TYPE opensips_up counter\n\
                    opensips_up{gw=\"a\\\"b\\\\\",group=\"calls\"} 1\n\
                    opensips_up{gw=\"c\",group=\"calls\"} 2\n\
                    # TYPE opensips_up_broken counter\n\
                    opensips_up_broken{group=\"calls\"} 3\n";
    assert_eq!(page(&options, readings), expected);
}

#[test]
fn labels_as_people_write_them() {
    let one = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    for (text, expected) in [
        ("a=b", Some(vec![one("a", "b")])),
        (r#"a="b,c", d = e "#, Some(vec![one("a", "b,c"), one("d", "e")])),
        (r#"a-b="x\n""#, Some(vec![one("a_b", "x\n")])),
        ("", None),
        ("a", None),
        ("=b", None),
        ("a=\"b", None),
        ("a=\"b\"c=d", None),
        ("a=1,a=2", None),
    ] {
        assert_eq!(labels_of(text), expected, "{text}");
    }
}

#[test]
fn series_with_labels_and_histograms() {
    const CALLS: Family = Family { name: "calls_total", doc: "Calls \\ of\nall." };
    const UP: Family = Family { name: "up", doc: "" };
    const TIME: Family = Family { name: "time_seconds", doc: "Latency." };
    let mut page = Page::default();
    page.put(&CALLS, &[("set", "1"), ("destination", "sip:a\\b\"c\nd")], Figure::Counter(7));
    page.put(&CALLS, &[("set", "2"), ("destination", "é")], Figure::Counter(u64::MAX));
    page.put(&UP, &[], Figure::Gauge(f64::INFINITY));
    page.put(
        &TIME,
        &[("a", "b")],
        Figure::Histogram { buckets: &[(0.005, 1), (1.0, 3)], count: 4, sum: 2.5 },
    );
    // A name that comes again would be described twice.
    page.put(&UP, &[("x", "y")], Figure::Gauge(0.5));
    let expected = "# HELP calls_total Calls \\\\ of\\nall.\n# TYPE calls_total counter\n\
        calls_total{set=\"1\",destination=\"sip:a\\\\b\\\"c\\nd\"} 7\n\
        calls_total{set=\"2\",destination=\"é\"} 18446744073709551615\n\
        # TYPE up gauge\nup +Inf\n\
        # HELP time_seconds Latency.\n# TYPE time_seconds histogram\n\
        time_seconds_bucket{a=\"b\",le=\"0.005\"} 1\ntime_seconds_bucket{a=\"b\",le=\"1\"} 3\n\
        time_seconds_bucket{a=\"b\",le=\"+Inf\"} 4\ntime_seconds_sum{a=\"b\"} 2.5\n\
        time_seconds_count{a=\"b\"} 4\n";
    assert_eq!(page.text, expected);
}

//! The page of `prometheus`: read by a strict reader of the format, in all modes.

use serde_json::json;

use crate::exposition::{Exposition, read};
use crate::http::Pages;
use crate::sip::{Agent, Request, first_line};

const ALL: &str = "loadmodule \"prometheus.so\"\nloadmodule \"tm.so\"\n\
                   modparam(\"prometheus\", \"statistics\", \"all\")\n";

fn scrape(pages: &Pages) -> Exposition {
    let answer = pages.ask("GET", "/metrics", "", b"");
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(answer.head.contains("content-type: text/plain; version=0.0.4"), "{answer:?}");
    read(&answer.body).unwrap_or_else(|error| panic!("{error}\n{}", answer.body))
}

#[test]
fn every_statistic_by_the_name_of_opensips() {
    let pages = Pages::with(ALL);
    let caller = Agent::new();
    caller.send(pages.gateway.address, Request::default().text(caller.address()));
    assert_eq!(first_line(&caller.receive()), "SIP/2.0 200 OK");
    let page = scrape(&pages);
    assert_eq!(page.value("opensips_rcv_requests", &[]), Some(1.0));
    assert_eq!(page.value("opensips_sent_replies", &[]), Some(1.0));
    assert_eq!(page.kinds["opensips_rcv_requests"], "counter");
    for gauge in ["opensips_timestamp", "opensips_inuse_transactions"] {
        assert_eq!(page.kinds[gauge], "gauge", "{gauge}");
    }
    let listed = pages.gateway.call("get_statistics", &json!(["all"]))["result"].clone();
    // The load is known from the first second on, which may have begun in between.
    let names = listed.as_object().unwrap().keys().filter(|name| !name.starts_with("load:"));
    let shown = page.samples.iter().map(|(name, _, _)| name.as_str());
    let shown = shown.filter(|name| name.starts_with("opensips_") && !name.contains("_load"));
    assert_eq!(shown.count(), names.count(), "{page:?}");
    let answer = pages.ask("POST", "/metrics", "", b"{}");
    assert!(answer.status == 405 && answer.head.contains("allow: get"), "{answer:?}");
    let listed = pages.gateway.call("httpd_list_root_path", &json!([]))["result"].to_string();
    assert!(listed.contains("{\"http_root\":\"metrics\",\"module\":\"prometheus\"}"), "{listed}");
}

#[test]
fn groups_in_names_in_labels_and_only_those_asked_for() {
    for (mode, name, labels) in [
        (0, "sip_rcv_requests", &[][..]),
        (1, "sip_g_core_rcv_requests", &[]),
        (2, "sip_rcv_requests", &[("grp", "g_core")]),
    ] {
        let pages = Pages::with(&format!(
            "loadmodule \"prometheus.so\"\nmodparam(\"prometheus\", \"root\", \"metrics\")\n\
             modparam(\"prometheus\", \"prefix\", \"sip\")\n\
             modparam(\"prometheus\", \"group_prefix\", \"g_\")\n\
             modparam(\"prometheus\", \"group_label\", \"grp\")\n\
             modparam(\"prometheus\", \"group_mode\", {mode})\n\
             modparam(\"prometheus\", \"delimiter\", \"-\")\n\
             modparam(\"prometheus\", \"statistics\", \"rcv_requests sl: nonesuch\")\n\
             modparam(\"prometheus\", \"labels\", \"sl: /^(.xx)_replies$/replies:code=\\1/\")\n\
             modparam(\"prometheus\", \"series\", 0)"
        ));
        let page = scrape(&pages);
        assert_eq!(page.value(name, labels), Some(0.0), "{mode}: {page:?}");
        let codes = page.samples.iter().filter(|(_, labels, _)| labels.contains_key("code"));
        assert_eq!(codes.count(), 6, "{page:?}");
        // One of the core, and the nine of sl.
        assert_eq!(page.samples.len(), 10, "{page:?}");
        pages.gateway.running.await_error("there is no statistic nonesuch");
    }
}

#[test]
fn calls_of_destinations_carry_labels() {
    let pages = Pages::with(
        "loadmodule \"prometheus.so\"\nloadmodule \"tm\"\n\
         modparam(\"dispatcher\", \"passive_health\", 1)",
    );
    let labels = [("set", "1"), ("destination", "sip:127.0.0.1:5070")];
    let page = scrape(&pages);
    assert_eq!(page.kinds["sluice_dispatcher_first_reply_seconds"], "histogram");
    assert_eq!(page.value("sluice_dispatcher_first_reply_seconds_count", &labels), Some(0.0));
    assert_eq!(page.value("sluice_dispatcher_calls_total", &labels), Some(0.0), "{page:?}");
    assert_eq!(page.value("sluice_dispatcher_destination_active", &labels), Some(1.0));
    let set = ["i", "1", "sip:127.0.0.1:5070"];
    assert_eq!(pages.gateway.call("ds_set_state", &json!(set))["result"], "OK");
    let active = scrape(&pages).value("sluice_dispatcher_destination_active", &labels);
    assert_eq!(active, Some(0.0));
    assert!(page.samples.iter().all(|(name, _, _)| name.starts_with("sluice_")), "{page:?}");
}

#[test]
fn an_odd_destination_is_escaped() {
    let pages = Pages::with("loadmodule \"prometheus.so\"");
    let odd = "sip:a;x=\\%22\u{e9}@127.0.0.1:5071";
    pages.gateway.folder.write("dispatcher.list", &format!("7 {odd}\n"));
    assert!(pages.gateway.call("ds_reload", &json!([]))["result"]["changes"].is_object());
    let page = scrape(&pages);
    let labels = [("set", "7"), ("destination", odd)];
    assert_eq!(page.value("sluice_dispatcher_calls_total", &labels), Some(0.0), "{page:?}");
}

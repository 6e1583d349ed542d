//! What an everyday script costs the machine: the turn of an INVITE with it and with an empty one.

use criterion::{Criterion, criterion_group, criterion_main};
use sluice_bench::gateway::Gateway;

const EMPTY: &str = "route { exit; }";

/// Methods, header tests, variables, a route with a parameter, a loop: no reply, nothing sent.
const EVERYDAY: &str = r#"
loadmodule "maxfwd.so"
loadmodule "sipmsgops.so"
loadmodule "textops.so"
route {
    if (!mf_process_maxfwd_header(10)) exit;
    if (is_method("OPTIONS|REGISTER")) exit;
    if (has_totag()) exit;
    if ($rU =~ "^\\+1212" && $ua != "friendly-scanner") {
        $var(area) = $(rU{s.substr,2,3});
        $avp(route) = "north-" + $var(area);
    }
    $var(n) = 0;
    while ($var(n) < 4) {
        $var(n) = $var(n) + 1;
    }
    route(tail, $avp(route));
}
route[tail] {
    if ($param(1) == "north-212") return(1);
    return(-1);
}
"#;

fn script(c: &mut Criterion) {
    let mut group = c.benchmark_group("script");
    for (name, text) in [("empty", EMPTY), ("everyday", EVERYDAY)] {
        let mut gateway = Gateway::new(text.as_bytes(), 1);
        group.bench_function(name, |b| b.iter(|| gateway.turn()));
    }
    group.finish();
}

criterion_group!(benches, script);
criterion_main!(benches);

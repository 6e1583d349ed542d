//! The destination set: branches as functions and variables see them, and the Contact of a 3xx.

use crate::world::{INVITE, World, text_in};

fn check(cases: &[(&str, &str, &str)]) {
    for (script, expression, expected) in cases {
        assert_eq!(text_in(script, expression, INVITE), *expected, "{script} {expression}");
    }
}

const TWO: &str = "append_branch(\"sip:a@h1\", \"0.5\"); append_branch(\"<sip:b@h2;x=y>\");";

#[test]
fn extra_branches() {
    check(&[
        ("", "$branch|$br|$(branch(uri)[-1])|$ds|$ru_q", "<null>|<null>|<null>|<null>|-1"),
        (
            TWO,
            "$branch|$br|$branch(uri)|$(branch(uri)[1])",
            "sip:a@h1|sip:a@h1|sip:a@h1|sip:b@h2;x=y",
        ),
        (TWO, "$(branch(uri)[*])|$(branch(q)[*])", "sip:a@h1, sip:b@h2;x=y|500, -1"),
        (TWO, "$(branch(uri)[2])|$(branch(uri)[-3])", "<null>|<null>"),
        (
            TWO,
            "$branch(duri)|$branch(path)|$branch(flags)|$branch(socket)",
            "<null>|<null>|0|<null>",
        ),
        (TWO, "$ds", "Contact: <sip:a@h1>;q=0.5, <sip:b@h2;x=y>"),
        ("$branch = \"sip:n@h\"; $branch(q) = 1000;", "$branch|$branch(q)", "sip:n@h|1000"),
        (
            "$branch = \"sip:n@h\"; $branch(uri) = \"sip:o@h\"; $branch(duri) = \"sip:p\"; \
             $branch(path) = \"<sip:q>\"; $branch(flags) = 5; $branch(socket) = \"inner\";",
            "$branch|$branch(duri)|$branch(path)|$branch(flags)|$branch(socket)",
            "sip:o@h|sip:p|<sip:q>|5|udp:192.0.2.1:5062",
        ),
        (
            "$du = \"sip:d\"; setbflag(F); $socket_out = \"inner\"; $ru_q = 300; append_branch();",
            "$branch|$branch(duri)|$branch(q)|$branch(socket)|$branch.flag(F)",
            "sip:bob@example.com:5090;transport=udp?x=y|sip:d|300|udp:192.0.2.1:5062|true",
        ),
        ("$branch = \"junk\"; $(branch(q)[3]) = 1;", "$branch", "<null>"),
        (
            "$branch = \"sip:n@h\"; $branch(q) = 1001; $branch(uri) = NULL;",
            "$branch|$branch(q)",
            "sip:n@h|-1",
        ),
    ]);
}

#[test]
fn all_branches_by_number() {
    let own = "sip:bob@example.com:5090;transport=udp?x=y";
    check(&[
        ("", "$msg.branch|$msg.branch.last_idx", &format!("{own}|0")),
        (TWO, "$msg.branch|$msg.branch.uri|$msg.branch.last_idx", "sip:b@h2;x=y|sip:b@h2;x=y|2"),
        (TWO, "$(msg.branch.uri[0])|$(msg.branch.uri[1])", &format!("{own}|sip:a@h1")),
        (TWO, "$(msg.branch.q[*])|$(msg.branch.uri[3])", "-1, 500, -1|<null>"),
        (
            "$msg.branch = \"sip:n@h\"; $(msg.branch.uri[0]) = \"sip:r@h\";",
            "$ru|$msg.branch",
            "sip:r@h|sip:n@h",
        ),
        (
            "$(msg.branch.duri[0]) = \"sip:d\"; $msg.branch.q = 7; $msg.branch.flag(A) = 1; \
             $msg.branch.flag(B) = 1; $msg.branch.socket = \"inner\"; $msg.branch.path = \"<sip:p>\";",
            "$du|$ru_q|$bf|$msg.branch.flags|$msg.branch.flag(A)|$socket_out(tag)|$msg.branch.path",
            "sip:d|7|B A|B,A|1|inner|<sip:p>",
        ),
        (
            "setbflag(A); setbflag(B); $msg.branch.flags = \"B, B\";",
            "$bf|$msg.branch.duri",
            "B|<null>",
        ),
        ("setbflag(A); $msg.branch.flags = NULL;", "<$bf>", "<>"),
        (
            "$msg.branch.attr(n) = 5; $msg.branch = \"sip:n@h\"; $msg.branch.attr(n) = \"six\";",
            "$msg.branch.attr(n)|$(msg.branch.attr(n)[0])|$msg.branch.attr(m)",
            "six|5|<null>",
        ),
        ("$msg.branch.attr(n) = 5; $msg.branch.attr(n) = 6;", "$msg.branch.attr(n)", "6"),
        ("$msg.branch.attr(n) = 5; $msg.branch.attr(n) = NULL;", "$msg.branch.attr(n)", "<null>"),
    ]);
}

#[test]
fn functions_that_add() {
    check(&[
        ("append_msg_branch(\"sip:n@h\", \"0.25\");", "$branch|$branch(q)|$rc", "sip:n@h|250|1"),
        (
            "$du = \"sip:d\"; append_msg_branch(\"sip:n@h\", , \"inherit\");",
            "$branch(duri)",
            "sip:d",
        ),
        ("$du = \"sip:d\"; append_msg_branch(\"sip:n@h\");", "$branch(duri)", "<null>"),
        ("append_msg_branch(\"sip:n@h\", , \"all\");", "$rc|$branch", "-1|<null>"),
        ("append_branch(\"junk\");", "$rc", "-1"),
        ("append_branch(\"sip:n@h\", \"2\");", "$rc", "-1"),
    ]);
    let full = "$var(i) = 0; while ($var(i) < 12) { append_branch(\"sip:n@h\"); \
                $var(i) = $var(i) + 1; }";
    check(&[(full, "$rc|$msg.branch.last_idx", "1|11")]);
    check(&[(&format!("{full} append_branch(); $var(r) = $rc;"), "$var(r)", "-1")]);
}

#[test]
fn functions_that_move_and_remove() {
    let with = |script: &str| format!("{TWO} $(msg.branch.attr(n)[1]) = \"A\"; {script}");
    for (script, expected) in [
        ("remove_branch(0);", "sip:b@h2;x=y|bob|<null>|1"),
        ("remove_msg_branch(1);", "sip:a@h1|bob|A|1"),
        ("remove_branch(2);", "sip:a@h1, sip:b@h2;x=y|bob|A|-1"),
        ("swap_branches(0, 1);", "sip:b@h2;x=y, sip:a@h1|bob|<null>|1"),
        ("swap_msg_branches(, 1);", "sip:a@h1, sip:bob@example.com:5090;transport=udp?x=y|b|A|1"),
        ("swap_branches(0, 7);", "sip:a@h1, sip:b@h2;x=y|bob|A|-1"),
        ("move_branch(0);", "sip:b@h2;x=y|a|<null>|1"),
        ("move_msg_branch(0, 1, \"keep\");", "sip:a@h1, sip:a@h1|bob|A|1"),
        (
            "move_branch(-1, 0);",
            "sip:bob@example.com:5090;transport=udp?x=y, sip:b@h2;x=y|bob|<null>|1",
        ),
        ("move_branch(1, 1);", "sip:a@h1, sip:b@h2;x=y|bob|A|-1"),
    ] {
        let script = with(&format!("{script} $var(r) = $rc;"));
        let expression = "$(branch(uri)[*])|$rU|$(msg.branch.attr(n)[1])|$var(r)";
        assert_eq!(text_in(&script, expression, INVITE), expected, "{script}");
    }
    // What was moved took its attributes along, a copy has its own.
    let moved = with("move_branch(0); $(msg.branch.attr(n)[0]) = \"B\";");
    assert_eq!(text_in(&moved, "$(msg.branch.attr(n)[0])|$ru_q", INVITE), "B|500");
    let copied = with("move_branch(0, 1, \"keep\"); $(msg.branch.attr(n)[2]) = \"C\";");
    let seen = text_in(&copied, "$(msg.branch.attr(n)[1])|$(msg.branch.attr(n)[2])", INVITE);
    assert_eq!(seen, "A|C");
}

#[test]
fn flags_of_branches() {
    let script = format!(
        "{TWO} setbflag(F, 1); setbflag(G, 2); resetbflag(G, 2); $(branch.flag(H)[2]) = 1; \
         setbflag(I, 3); $var(r) = $rc; if (isbflagset(F) || !isbflagset(F, 1)) exit; \
         if (isbflagset(G, 2)) exit; setsflag(4); if (!issflagset(4)) exit; resetsflag(4); if (issflagset(4)) exit;"
    );
    let seen = text_in(
        &script,
        "$(branch(flags)[0])|$(branch.flag(H)[-1])|$(branch.flag(F)[7])|$bf|$var(r)",
        INVITE,
    );
    assert_eq!(seen, "1|true|<null>||-1");
    // 2.x has the branch in front.
    for (script, expected) in [
        ("setbflag(1, 3);", "|1|3"),
        (
            "setbflag(1, \"N\"); if (isbflagset(1, \"N\") && !isbflagset(\"N\")) resetflag(9);",
            "|1|N",
        ),
        ("setbflag(0, 3);", "3|0|"),
        ("setbflag(\"3\", 1);", "|1|3"),
        ("setbflag(3);", "3|0|"),
    ] {
        let script = format!("{TWO} {script}");
        let seen = text_in(&script, "$bf|$(branch(flags)[0])|$(msg.branch.flags[1])", INVITE);
        assert_eq!(seen, expected, "{script}");
    }
}

#[test]
fn serial_forking() {
    let all = |script: &str, steps: usize| {
        let step = "next_branches(); $var(r) = $rc; $var(b) = $(branch(uri)[*]); \
            $var(s) = $var(s) + $var(r) + \" \" + $ru + \"+\" + $var(b) + \";\"; \
            while ($msg.branch.last_idx > 0) { remove_branch(0); }";
        let steps = step.repeat(steps);
        let script = format!("$ru = \"sip:r@h\"; {script} $var(s) = \"\"; {steps}");
        text_in(&script, "$var(s)", INVITE)
    };
    let three = "append_branch(\"sip:a@h\", \"0.5\"); append_branch(\"sip:b@h\", \"0.9\"); \
                 append_branch(\"sip:c@h\", \"0.5\"); $ru_q = 100; serialize_branches(1);";
    assert_eq!(all(three, 4), "1 sip:b@h+;1 sip:a@h+sip:c@h;2 sip:r@h+;-1 sip:r@h+;");
    let kept = three.replace("(1)", "(1, 1)");
    assert_eq!(all(&kept, 4), "1 sip:r@h+;1 sip:a@h+;1 sip:b@h+;2 sip:c@h+;");
    // Of one q only: nothing is done.
    assert_eq!(all("append_branch(\"sip:a@h\"); serialize_branches(1);", 1), "-1 sip:r@h+sip:a@h;");
    assert_eq!(all("serialize_branches(1);", 1), "-1 sip:r@h+;");
    // An earlier set is kept below, unless it is to be cleared.
    let again = |clear: u8| {
        format!(
            "append_branch(\"sip:a@h\", \"0.5\"); serialize_branches(1); \
             append_branch(\"sip:b@h\", \"0.5\"); serialize_branches({clear});"
        )
    };
    assert_eq!(all(&again(1), 3), "1 sip:b@h+;2 sip:r@h+;-1 sip:r@h+;");
    assert_eq!(all(&again(0), 2), "1 sip:b@h+;1 sip:r@h+;");
    let whole = "$du = \"sip:d\"; $socket_out = \"inner\"; setbflag(F); $ru_q = 800; \
        append_branch(\"sip:a@h\", \"0.9\"); serialize_branches(1); next_branches();";
    check(&[
        (whole, "$ru|$du|$socket_out|$bf|$ru_q", "sip:a@h|<null>|<null>||900"),
        (
            &format!("{whole} next_branches();"),
            "$rU|$du|$socket_out(tag)|$bf|$ru_q",
            "bob|sip:d|inner|F|800",
        ),
        ("$avp(serial_branch) = \"junk\"; next_branches();", "$rc", "-1"),
    ]);
}

#[test]
fn a_redirection_lists_the_set_and_a_path_becomes_a_route() {
    let script = format!(
        "loadmodule \"sl.so\"\nroute {{ {TWO} $ru = \"sip:r@h\"; $ru_q = 1000; \
         sl_send_reply(302, \"Moved\"); }}"
    );
    let sent = World::new(&script).feed(INVITE);
    let contact = sent[0].header("Contact");
    assert_eq!(contact, Some("<sip:r@h>;q=1, <sip:a@h1>;q=0.5, <sip:b@h2;x=y>"));
    let script = "route { $(msg.branch.path[0]) = \"<sip:p1;lr>,<sip:p2;lr>\"; \
        forward(\"203.0.113.9\"); }";
    let sent = World::new(script).feed(INVITE);
    assert_eq!(sent[0].header("Route"), Some("<sip:p1;lr>,<sip:p2;lr>"));
    assert_eq!(sent[0].first_line(), INVITE.lines().next().unwrap());
    let routed = INVITE.replace("X-Empty:", "Route: <sip:own;lr>\r\nX-Empty:");
    let text = World::new(script).feed(&routed).remove(0).text;
    assert!(text.contains("Route: <sip:p1;lr>,<sip:p2;lr>\r\nRoute: <sip:own;lr>\r\n"), "{text}");
}

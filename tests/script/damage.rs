//! The damage of printed scripts: one error per cause, which names the mend.

use insta::assert_snapshot;

use crate::world::told;

#[test]
fn typographic_quotes() {
    assert_snapshot!(told("loadmodule “sl.so”\nmodparam(“sl”, “max_limit”, 1)\n"));
}

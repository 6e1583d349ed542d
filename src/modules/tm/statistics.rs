//! The module's statistics, by the names of OpenSIPS; `engine::tm::tally` counts them.

use sluice_engine::module::Statistic;
use sluice_engine::tm::tally::COUNTS;

/// The table, in the order of [`sluice_engine::tm::tally::Count`].
pub(super) static STATISTICS: [Statistic; COUNTS] = [
    statistic("received_replies", "Replies to branches that have come."),
    statistic("relayed_replies", "Of these, sent on to the caller."),
    statistic("local_replies", "Replies of ours within a transaction."),
    statistic("UAS_transactions", "Transactions of received requests."),
    statistic("UAC_transactions", "Transactions of requests of ours."),
    statistic("2xx_transactions", "Received requests that were answered by a 2xx."),
    statistic("3xx_transactions", "Received requests that were answered by a 3xx."),
    statistic("4xx_transactions", "Received requests that were answered by a 4xx."),
    statistic("5xx_transactions", "Received requests that were answered by a 5xx."),
    statistic("6xx_transactions", "Received requests that were answered by a 6xx."),
    statistic("inuse_transactions", "Transactions that there are, ended ones too."),
];

const fn statistic(name: &'static str, doc: &'static str) -> Statistic {
    Statistic { name, doc }
}

//! Which of several final replies goes upstream (spec 8.5).

/// The rank of a reply: the lowest number wins, the first branch on a tie. `cancelled`: the caller
/// has sent a CANCEL.
pub const fn rank(status: u16, cancelled: bool) -> u16 {
    match status {
        487 if cancelled => 0,
        0..300 => status,
        300..=399 => status + 100,
        401 => 500,
        407 => 501,
        415 => 502,
        420 => 503,
        484 => 504,
        408 => 800,
        503 => 801,
        600..700 => status - 300,
        _ => status.saturating_add(200),
    }
}

#[cfg(test)]
mod tests {
    use super::rank;

    /// Each beats the next.
    #[test]
    fn replies_rank_as_the_specification_says() {
        let order =
            [200, 600, 603, 302, 401, 407, 415, 420, 484, 404, 480, 486, 487, 500, 504, 408];
        let order = order.into_iter().chain([503]);
        let ranks: Vec<u16> = order.map(|status| rank(status, false)).collect();
        assert!(ranks.is_sorted_by(|one, next| one < next), "{ranks:?}");
        assert_eq!(rank(487, true), 0);
        assert_eq!(rank(799, false), 999);
    }
}

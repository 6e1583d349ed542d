//! Statuses that a parameter lists: single ones and classes, `503,5xx`.

/// See the file's head.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Codes {
    single: Vec<u16>,
    /// First digits.
    classes: Vec<u16>,
}

impl Codes {
    /// Reads such a list.
    ///
    /// # Errors
    /// The word that is neither.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut codes = Self::default();
        for word in text.split(',').map(str::trim).filter(|word| !word.is_empty()) {
            let refuse = || format!("`{word}` is neither a status nor a class such as 5xx");
            let class = word.strip_suffix("xx").or_else(|| word.strip_suffix("XX"));
            let number: u16 = class.unwrap_or(word).parse().map_err(|_| refuse())?;
            let (list, range) = match class {
                Some(_) => (&mut codes.classes, 3..=6),
                None => (&mut codes.single, 300..=699),
            };
            if !range.contains(&number) {
                return Err(refuse());
            }
            list.push(number);
        }
        Ok(codes)
    }

    /// Whether a status is one of them.
    pub fn has(&self, status: u16) -> bool {
        self.single.contains(&status) || self.classes.contains(&(status / 100))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_and_classes_are_listed() {
        let codes = Codes::parse("503, 6xx,408").unwrap();
        let listed: Vec<u16> = (100..700).filter(|status| codes.has(*status)).collect();
        let expected: Vec<u16> = [408, 503].into_iter().chain(600..700).collect();
        assert_eq!(listed, expected);
        assert_eq!(Codes::parse(""), Ok(Codes::default()));
        for wrong in ["x", "5x", "7xx", "200", "5xxx", "-503", "99999"] {
            assert!(Codes::parse(wrong).is_err(), "{wrong}");
        }
    }
}

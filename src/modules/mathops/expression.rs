//! Expressions with the usual signs: `(1 + 2) * sqrt(3) ^ 2`.
//!
//! Takes a text, gives a number or why there is none. Precedence is that of OpenSIPS' evaluator:
//! powers go from the left, a sign binds tighter than a power, and a function of one value needs no
//! parentheses (`sqrt 4`). Depth is limited; each byte is looked at once.

use super::limits;
use super::number::{Refused, finite};

/// The value of an expression.
pub(super) fn evaluate(text: &[u8]) -> Result<f64, Refused> {
    let mut reader = Reader { rest: text, depth: 0 };
    let value = reader.sum()?;
    match reader.peek() {
        None => finite(value),
        Some(b')') => Err("a parenthesis is closed that was not opened"),
        Some(_) => Err("an operator was expected"),
    }
}

struct Reader<'a> {
    rest: &'a [u8],
    depth: usize,
}

impl Reader<'_> {
    /// The next byte that is no blank.
    fn peek(&mut self) -> Option<u8> {
        self.rest = self.rest.trim_ascii_start();
        self.rest.first().copied()
    }

    /// Takes the next byte if it is one of these.
    fn take(&mut self, wanted: &[u8]) -> Option<u8> {
        let byte = self.peek().filter(|byte| wanted.contains(byte))?;
        self.rest = self.rest.get(1..).unwrap_or_default();
        Some(byte)
    }

    fn sum(&mut self) -> Result<f64, Refused> {
        let mut value = self.product()?;
        while let Some(operator) = self.take(b"+-") {
            let right = self.product()?;
            value = if operator == b'+' { value + right } else { value - right };
        }
        Ok(value)
    }

    fn product(&mut self) -> Result<f64, Refused> {
        let mut value = self.powers()?;
        while let Some(operator) = self.take(b"*/%") {
            let right = self.powers()?;
            value = match operator {
                b'*' => value * right,
                b'/' => value / right,
                _ => value % right,
            };
        }
        Ok(value)
    }

    fn powers(&mut self) -> Result<f64, Refused> {
        let mut value = self.signed()?;
        while self.take(b"^").is_some() {
            value = value.powf(self.signed()?);
        }
        Ok(value)
    }

    fn signed(&mut self) -> Result<f64, Refused> {
        let mut negative = false;
        while let Some(sign) = self.take(b"+-") {
            negative ^= sign == b'-';
        }
        self.depth += 1;
        if self.depth > limits::NESTING {
            return Err("the expression is nested too deep");
        }
        let value = self.operand()?;
        self.depth -= 1;
        Ok(if negative { -value } else { value })
    }

    fn operand(&mut self) -> Result<f64, Refused> {
        match self.peek() {
            Some(b'(') => {
                self.take(b"(");
                let value = self.sum()?;
                self.take(b")").ok_or("a parenthesis is not closed")?;
                Ok(value)
            }
            Some(b'0'..=b'9' | b'.') => self.number(),
            Some(b'a'..=b'z') => self.word(),
            Some(_) => Err("a number was expected"),
            None => Err("the expression ends where a number was expected"),
        }
    }

    fn number(&mut self) -> Result<f64, Refused> {
        let digits =
            |text: &[u8]| text.iter().take_while(|b| b.is_ascii_digit() || **b == b'.').count();
        let mut len = digits(self.rest);
        if let Some([b'e' | b'E', exponent @ ..]) = self.rest.get(len..) {
            let sign = usize::from(matches!(exponent.first(), Some(b'+' | b'-')));
            let count = digits(exponent.get(sign..).unwrap_or_default());
            len += if count > 0 { 1 + sign + count } else { 0 };
        }
        let (text, rest) = self.rest.split_at(len);
        self.rest = rest;
        super::number::parse(text)
    }

    fn word(&mut self) -> Result<f64, Refused> {
        let len = self.rest.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
        let (name, rest) = self.rest.split_at(len);
        self.rest = rest;
        match name {
            b"pi" => return Ok(std::f64::consts::PI),
            b"e" => return Ok(std::f64::consts::E),
            _ => {}
        }
        let function = function(name).ok_or("no such function")?;
        Ok(function(self.signed()?))
    }
}

/// A function of one value.
fn function(name: &[u8]) -> Option<fn(f64) -> f64> {
    Some(match name {
        b"abs" => f64::abs,
        b"acos" => f64::acos,
        b"asin" => f64::asin,
        b"atan" => f64::atan,
        b"ceil" => f64::ceil,
        b"cos" => f64::cos,
        b"cosh" => f64::cosh,
        b"exp" => f64::exp,
        b"floor" => f64::floor,
        b"ln" => f64::ln,
        b"log" => f64::log10,
        b"sin" => f64::sin,
        b"sinh" => f64::sinh,
        b"sqrt" => f64::sqrt,
        b"tan" => f64::tan,
        b"tanh" => f64::tanh,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values() {
        for (text, value) in [
            ("1 + 2 * 3", 7.0),
            ("(1+2)*3", 9.0),
            ("2^3^2", 64.0),
            ("-2^2", 4.0),
            ("2 - -3", 5.0),
            ("--2", 2.0),
            ("7 % 4 / 2", 1.5),
            ("sqrt 16 + abs(-1)", 5.0),
            ("log(1000) + ln e", 4.0),
            ("1.5e2", 150.0),
            ("floor(2.7)+ceil(2.2)", 5.0),
            ("cos 0 + cosh 0 + sin 0 + sinh 0 + tan 0 + tanh 0 + exp 0", 3.0),
            ("acos 1 + asin 0 + atan 0", 0.0),
            ("((((1))))", 1.0),
            ("0 * pi", 0.0),
        ] {
            assert_eq!(evaluate(text.as_bytes()), Ok(value), "{text}");
        }
    }

    #[test]
    fn refusals() {
        for text in
            ["", "1 +", "(1", "1)", "1 2", "x(1)", "1..2", "1/0", "sqrt(-1)", "*1", "$", "ln", "2e"]
        {
            assert!(evaluate(text.as_bytes()).is_err(), "{text}");
        }
        let deep = |count: usize| evaluate(format!("{}1", "(".repeat(count)).as_bytes());
        assert_eq!(deep(limits::NESTING - 1), Err("a parenthesis is not closed"));
        assert_eq!(deep(50_000), Err("the expression is nested too deep"));
        let roots = evaluate("sqrt ".repeat(10_000).as_bytes());
        assert_eq!(roots, Err("the expression is nested too deep"));
    }
}

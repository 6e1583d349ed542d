//! Expressions in reverse Polish notation: `1 3 / exp`.

use super::limits;
use super::number::{Refused, finite, parse};

const TOO_FEW: Refused = "the stack holds too few values";

/// The one value that an expression leaves on the stack.
pub(super) fn evaluate(text: &[u8]) -> Result<f64, Refused> {
    let mut stack = Vec::new();
    let words = text.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    for word in words {
        step(&mut stack, word)?;
        if stack.len() > limits::STACK {
            return Err("the stack holds too many values");
        }
    }
    match stack.as_slice() {
        [value] => finite(*value),
        [] => Err(TOO_FEW),
        _ => Err("more than one value is left on the stack"),
    }
}

fn step(stack: &mut Vec<f64>, word: &[u8]) -> Result<(), Refused> {
    match word {
        b"drop" => {
            stack.pop().ok_or(TOO_FEW)?;
        }
        b"dup" => stack.push(*stack.last().ok_or(TOO_FEW)?),
        b"swap" => {
            let (right, left) = (stack.pop().ok_or(TOO_FEW)?, stack.pop().ok_or(TOO_FEW)?);
            stack.extend([right, left]);
        }
        b"e" => stack.push(std::f64::consts::E),
        b"pi" => stack.push(std::f64::consts::PI),
        word => {
            if let Some(operator) = binary(word) {
                let (right, left) = (stack.pop().ok_or(TOO_FEW)?, stack.pop().ok_or(TOO_FEW)?);
                stack.push(operator(left, right));
            } else if let Some(function) = unary(word) {
                let value = stack.pop().ok_or(TOO_FEW)?;
                stack.push(function(value));
            } else {
                stack.push(parse(word)?);
            }
        }
    }
    Ok(())
}

fn binary(name: &[u8]) -> Option<fn(f64, f64) -> f64> {
    Some(match name {
        b"+" => |left, right| left + right,
        b"-" => |left, right| left - right,
        b"*" => |left, right| left * right,
        b"/" => |left, right| left / right,
        b"mod" => |left, right| left % right,
        b"pow" => f64::powf,
        _ => return None,
    })
}

fn unary(name: &[u8]) -> Option<fn(f64) -> f64> {
    Some(match name {
        b"neg" => |value| -value,
        b"exp" => f64::exp,
        b"ln" => f64::ln,
        b"log10" => f64::log10,
        b"abs" => f64::abs,
        b"sqrt" => f64::sqrt,
        b"cbrt" => f64::cbrt,
        b"floor" => f64::floor,
        b"ceil" => f64::ceil,
        b"round" => f64::round,
        b"nearbyint" => f64::round_ties_even,
        b"trunc" => f64::trunc,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values() {
        for (text, value) in [
            ("1 3 swap swap dup drop /", 1.0 / 3.0),
            ("7 4 mod 2 pow", 9.0),
            ("2.5 nearbyint 2.5 round +", 5.0),
            ("8 cbrt 4 sqrt * neg abs", 4.0),
            ("1.7 floor 1.2 ceil + 1.9 trunc -", 2.0),
            ("100 log10 e ln + 0 exp +", 4.0),
            ("pi dup /", 1.0),
        ] {
            assert_eq!(evaluate(text.as_bytes()), Ok(value), "{text}");
        }
        for text in ["", "1 2", "+", "1 +", "dup", "drop", "1 swap", "1 x", "1 0 /", "neg"] {
            assert!(evaluate(text.as_bytes()).is_err(), "{text}");
        }
        let many = "1 ".repeat(limits::STACK + 1);
        assert_eq!(evaluate(many.as_bytes()), Err("the stack holds too many values"));
    }
}

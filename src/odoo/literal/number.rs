//! Python's numbers: whole ones of any size, and what becomes of them as floating point.

use std::fmt::Write as _;

/// Digits of a decimal number that Python converts (`sys.int_info.default_max_str_digits`).
const MAX_DECIMAL_DIGITS: usize = 4300;

/// A whole number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Int {
    negative: bool,
    /// Least significant first, without zeros at the end.
    limbs: Vec<u32>,
}

impl From<bool> for Int {
    fn from(value: bool) -> Self {
        Int { negative: false, limbs: if value { vec![1] } else { Vec::new() } }
    }
}

impl Int {
    /// From decimal digits; `None` for more of them than Python converts.
    pub(super) fn decimal(digits: &[u8]) -> Option<Self> {
        let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
        let digits = digits.get(zeros..).unwrap_or_default();
        if digits.len() > MAX_DECIMAL_DIGITS {
            return None;
        }
        let mut limbs: Vec<u32> = Vec::new();
        let mut take = |chunk: &[u8], scale: u64| {
            let mut carry = chunk.iter().fold(0, |value, digit| value * 10 + u64::from(digit - b'0'));
            for limb in &mut limbs {
                carry += u64::from(*limb) * scale;
                *limb = low(carry);
                carry >>= 32;
            }
            if carry > 0 {
                limbs.push(low(carry));
            }
        };
        let (first, rest) = digits.split_at(digits.len() % 9);
        take(first, 1);
        for chunk in rest.chunks(9) {
            take(chunk, 1_000_000_000);
        }
        Some(Int { negative: false, limbs })
    }

    /// From digits that stand for `bits` bits each.
    pub(super) fn binary(digits: &[u8], bits: u32) -> Self {
        let mut limbs = Vec::new();
        let (mut pending, mut held) = (0_u64, 0);
        for digit in digits.iter().rev() {
            pending |= u64::from(char::from(*digit).to_digit(16).unwrap_or_default()) << held;
            held += bits;
            if held >= 32 {
                limbs.push(low(pending));
                pending >>= 32;
                held -= 32;
            }
        }
        limbs.push(low(pending));
        Int { negative: false, limbs }.trimmed()
    }

    /// A floating point number without a fraction, as the whole number that it is.
    pub(super) fn from_whole(value: f64) -> Option<Self> {
        if !value.is_finite() || value.fract() != 0.0 {
            return None;
        }
        // IEEE 754: 52 bits of mantissa below an implied one, the exponent biased by 1023. A whole number other than 0
        // is at least 1 and so never subnormal.
        let bits = value.to_bits();
        if value == 0.0 {
            return Some(Int::from(false));
        }
        let mantissa = (bits & ((1 << 52) - 1)) | (1 << 52);
        let exponent = u32::try_from((bits >> 52) & 0x7ff).unwrap_or_default();
        let (mantissa, shift) = match exponent.checked_sub(1023 + 52) {
            Some(shift) => (mantissa, shift),
            None => (mantissa >> (1023 + 52 - exponent), 0),
        };
        let mut limbs = vec![0; (shift / 32) as usize];
        let wide = u128::from(mantissa) << (shift % 32);
        limbs.extend([0, 32, 64].map(|by| u32::try_from((wide >> by) & 0xffff_ffff).unwrap_or_default()));
        Some(Int { negative: value < 0.0, limbs }.trimmed())
    }

    fn trimmed(mut self) -> Self {
        while self.limbs.last() == Some(&0) {
            self.limbs.pop();
        }
        self
    }

    /// Whether it is 0.
    pub fn is_zero(&self) -> bool {
        self.limbs.is_empty()
    }

    /// With the other sign; there is no negative zero.
    pub(super) fn negated(mut self) -> Self {
        self.negative = !self.negative && !self.is_zero();
        self
    }

    /// Python's `hex(value)`.
    pub fn hex(&self) -> String {
        let sign = if self.negative { "-" } else { "" };
        let mut limbs = self.limbs.iter().rev();
        let mut text = format!("{sign}0x{:x}", limbs.next().copied().unwrap_or_default());
        for limb in limbs {
            // Writing to a String cannot fail.
            let _ = write!(text, "{limb:08x}");
        }
        text
    }

    /// The nearest floating point number, ties to even; `None` where Python raises `OverflowError`.
    pub(super) fn to_float(&self) -> Option<f64> {
        // The upper 96 bits at least decide all but ties, and whether anything is below them decides those.
        let keep = self.limbs.len().saturating_sub(4);
        let (below, top) = self.limbs.split_at_checked(keep)?;
        let mut wide = top.iter().rev().fold(0_u128, |value, limb| value << 32 | u128::from(*limb));
        if below.iter().any(|limb| *limb != 0) {
            wide |= 1;
        }
        #[allow(clippy::cast_precision_loss, reason = "rounding is the purpose; `as` rounds ties to even")]
        let rounded = wide as f64;
        let power = i32::try_from(below.len()).ok()?.checked_mul(32)?;
        // A power of two is exact, and so is the product unless it overflows.
        let value = if power > 1024 { f64::INFINITY } else { rounded * 2_f64.powi(power) };
        value.is_finite().then_some(if self.negative { -value } else { value })
    }

    pub(super) fn identity(&self) -> Vec<u8> {
        let mut identity = vec![u8::from(self.negative)];
        identity.extend(self.limbs.iter().flat_map(|limb| limb.to_le_bytes()));
        identity
    }
}

fn low(value: u64) -> u32 {
    u32::try_from(value & 0xffff_ffff).unwrap_or_default()
}

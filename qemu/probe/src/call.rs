//! `probe call NUMBER [ARGUMENT...] [-- NUMBER ...]`: makes system calls by number, and prints what the kernel answers, a
//! line for each: what it returns, or the errno below zero.
//!
//! Numbers are decimal, or hexadecimal with `0x`; an argument that is none is its own text. `i386` for a first NUMBER
//! makes that call as a program of that kind would, without arguments.

use core::ffi::{CStr, c_char, c_int};

use crate::{
    sys,
    text::{Line, after},
};

pub fn make(count: c_int, words: *const *const c_char) -> c_int {
    let mut at = 2;
    while let Some(word) = sys::argument(count, words, at) {
        at += 1;
        if word == c"i386" {
            let number = sys::argument(count, words, at).map_or(0, value);
            at += 1;
            answer(i64::from(sys::call_i386(number as u32)));
            continue;
        }
        let mut arguments = [0; 6];
        let mut slots = arguments.iter_mut();
        while let Some(word) = sys::argument(count, words, at) {
            at += 1;
            if word == c"--" {
                break;
            }
            if let Some(slot) = slots.next() {
                *slot = value(word);
            }
        }
        answer(sys::call(value(word), &arguments));
    }
    0
}

fn value(word: &CStr) -> u64 {
    let bytes = word.to_bytes();
    let (digits, base) = after(bytes, b"0x").map_or((bytes, 10), |digits| (digits, 16));
    let digit = |byte: &u8| char::from(*byte).to_digit(base);
    let number = digits.iter().try_fold(0u64, |number, byte| {
        Some(number.wrapping_mul(u64::from(base)).wrapping_add(u64::from(digit(byte)?)))
    });
    number.unwrap_or(word.as_ptr() as u64)
}

fn answer(value: i64) {
    let sign: &[u8] = if value < 0 { b"-" } else { b"" };
    sys::say(Line::new().text(sign).number(value.unsigned_abs()).text(b"\n").bytes());
}

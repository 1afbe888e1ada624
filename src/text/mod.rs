//! Bytes in, values out: the grammars that tinyo reads. Pure, bounded, and never panicking on any input.

pub mod duration;

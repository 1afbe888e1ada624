//! What a text can do wrong, and what to write instead. `%1` is the text that is wrong.

pub const ENCODING: &str = "not UTF-8; save the file as UTF-8";
pub const AFTER: &str = "%1 does not belong on this line; one KEY = VALUE or [table] is a line, # begins a comment";
pub const CONTROL_IN_COMMENT: &str = "a control character in a comment; remove %1";

pub const TABLE: &str = "[%1] is no table; write [NAME] or [NAME.NAME] of letters, digits, - and _";
pub const QUOTED_TABLE: &str = "a quoted name in [%1]; write it of letters, digits, - and _ without quotes";
pub const UNCLOSED_TABLE: &str = "the table has no end; write [%1]";
pub const UNCLOSED_TABLES: &str = "the table has no end; write [[%1]]";

pub const NO_EQUALS: &str = "%1 has no value; write %1 = VALUE";
pub const NO_KEY: &str = "a value without a key; write KEY = VALUE";
pub const NOT_A_KEY: &str = "%1 is no key; write KEY = VALUE, a key of letters, digits, - and _";
pub const QUOTED_KEY: &str = "a quoted key; write it of letters, digits, - and _ without quotes";
pub const DOTTED_KEY: &str = "a dotted key; write the part before the last dot as [table], the rest on a line below it";

pub const NO_VALUE: &str = "no value; write KEY = VALUE on one line";
pub const NOT_A_VALUE: &str = "no value here; write a \"string\", a number, true, false or a [list]";
pub const NO_QUOTES: &str = "%1 has no quotes; write \"%1\"";
pub const INLINE_TABLE: &str = "an inline table; write a [table] with a line for each key";
pub const NESTED_LIST: &str = "a list in a list; write one list";
pub const UNCLOSED_LIST: &str = "the list before this has no end; write ] after its last item";
pub const NO_COMMA: &str = "no comma before this item; write , between items";

pub const DATE: &str = "%1 is a date or a time; write \"%1\"";
pub const BASE: &str = "%1 is not decimal; write a decimal number";
pub const EXPONENT: &str = "%1 has an exponent; write a plain number";
pub const NOT_FINITE: &str = "%1 is no number to use here; write a plain number";
pub const ZERO: &str = "%1 begins with 0; write it without";
pub const NUMBER: &str = "%1 is no number; write digits, as 10 or 0.5, or \"%1\"";
pub const RANGE: &str = "%1 is out of range; write a number of less than 64 bits";

pub const MULTI_LINE: &str = "a string of several lines; write one line, with \\n for each line break";
pub const UNCLOSED_STRING: &str = "the string has no end; close it on the same line";
pub const ESCAPE: &str = "%1 is no escape; write \\\\ for a backslash, or the string in '...'";
pub const UNICODE: &str = "%1 is no character; write \\u and 4 or \\U and 8 hexadecimal digits";
pub const CONTROL: &str = "a control character in a string; write it as \\n, \\t or \\u and 4 digits";
pub const NUL: &str = "a NUL in a string; remove it, no path or argument can have one";

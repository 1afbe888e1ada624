//! What a text can do wrong, and what to write instead. `%1` is the text that is wrong.

/// Gives each text a name of one byte; the texts lie in one string.
macro_rules! texts {
    ($name:ident { $($variant:ident = $text:literal,)* }) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum $name { $($variant),* }

        impl $name {
            pub fn text(self) -> crate::text::packed::Packed {
                crate::text::packed::packed!(concat!($($text, "\n"),*)).line(self as usize)
            }
        }
    };
}
pub(crate) use texts;

texts!(Wrong {
    Encoding = "not UTF-8; save the file as UTF-8",
    After = "%1 does not belong on this line; write one KEY = VALUE or [table] a line",
    ControlInComment = "control character in a comment; remove it",

    Table = "[%1] is no table; write [NAME] or [NAME.NAME], in letters, digits, - and _",
    QuotedTable = "quoted name in [%1]; write letters, digits, - and _ without quotes",
    UnclosedTable = "table without its end; write [%1]",
    UnclosedTables = "table without its end; write [[%1]]",

    NoEquals = "%1 has no value; write %1 = VALUE",
    NoKey = "value without a key; write KEY = VALUE",
    NotAKey = "%1 is no key; write KEY = VALUE",
    QuotedKey = "quoted key; write letters, digits, - and _ without quotes",
    DottedKey = "dotted key; write what is before its last dot as a [table] line, the rest below it",

    NoValue = "no value; write KEY = VALUE on one line",
    NotAValue = "no value; write a \"string\", a number, true, false or a [list]",
    NoQuotes = "%1 has no quotes; write \"%1\"",
    InlineTable = "inline table; write a [table] line and its keys below",
    NestedList = "list in a list; write one list",
    UnclosedList = "the list before this has no end; write ] after its last item",
    NoComma = "no comma before this; write , between items",

    Date = "%1 is a date or time; write \"%1\"",
    Base = "%1 is not decimal; write a decimal number",
    Exponent = "%1 has an exponent; write a plain number",
    Zero = "%1 begins with 0; write it without",
    Number = "%1 is no number; write digits only, or \"%1\"",
    Range = "%1 is out of range; write a smaller number",

    MultiLine = "string of several lines; write one line, with \\n for a line break",
    UnclosedString = "string without its end; close it on the same line",
    Escape = "%1 is no escape; write \\\\ for a backslash, or the string in '...'",
    Unicode = "%1 is no character; write \\u and 4 or \\U and 8 hexadecimal digits",
    Control = "control character in a string; write \\n, \\t or \\u and 4 digits",
    Nul = "NUL in a string; remove it",
});

//! What a config can say wrong, and what to write instead. `%1` is the key or the table, `%2` the value, `%3` more.

use crate::limits;

// The numbers in the texts below.
const _: () =
    assert!(limits::WORDS == 1024 && limits::LIST == 256 && limits::SERVICES == 64 && limits::NAME_BYTES == 32);
const _: () = assert!(limits::MOUNTS == 32 && limits::ROOTS == 4 && limits::PATH_BYTES == 4096);

pub const TOO_MUCH: &str = "more is wrong than is shown; correct this first";

pub const UNKNOWN_TABLE: &str =
    "unknown table [%1]; write [root], [[mount]], [service.NAME] or [service.NAME.container]";
pub const UNKNOWN_TABLE_NEAR: &str = "unknown table [%1]; did you mean [%2]";
pub const UNKNOWN_PART: &str = "unknown table [%1]; write [service.%2.container]";
pub const NAMELESS_SERVICE: &str = "[%1] has no name; write [service.NAME]";
pub const SERVICE_NAME: &str =
    "%2 is no service name; write at most 32 letters, digits, - and _, a letter or digit first";
pub const WRITE_ARRAY: &str = "[%1] is one of several; write [[%1]]";
pub const WRITE_TABLE: &str = "[[%1]] is only one; write [%1]";
pub const TABLE_TWICE: &str = "[%1] is there twice; write its keys in one table";
pub const ROOT_TWICE: &str = "[root] is there twice; write [[root]] for each of several";
pub const MANY_SERVICES: &str = "too many services; write at most 64";
pub const MANY_MOUNTS: &str = "too many mounts; write at most 32";
pub const MANY_ROOTS: &str = "too many roots; write at most 4";

pub const UNKNOWN_KEY: &str = "unknown key %1; write one of %2";
pub const UNKNOWN_KEY_NEAR: &str = "unknown key %1; did you mean %2";
pub const NOT_YET: &str = "%1 is not in this version of tinyo; remove it";
pub const LATER: &str = "%1 cannot be \"%2\" in this version of tinyo; write another value, or remove it";
pub const KEY_TWICE: &str = "%1 is there twice in this table; write one line";
pub const AT_TOP: &str = "%1 does not belong in this table; move it above the first [table]";
pub const UNDER_ROOT: &str = "%1 does not belong here; write it under [root]";
pub const UNDER_MOUNT: &str = "%1 does not belong here; write it under [[mount]]";
pub const UNDER_SERVICE: &str = "%1 does not belong here; write it under [service.%2]";
pub const UNDER_CONTAINER: &str = "%1 does not belong here; write it under [service.%2.container]";
pub const MISSING: &str = "%1 is missing in this table; write %1 = \"%2\"";
pub const MISSING_EXEC: &str = "exec is missing in this table; write exec = [\"/path/of/the/program\"]";
pub const MISSING_SERVICE: &str = "there is no [service.%1] that this belongs to; write that with its exec";

pub const WANT_BOOLEAN: &str = "%1 is true or false; write %1 = %2";
pub const WANT_LIST: &str = "%1 is a list of strings; write %1 = [%2]";
pub const WANT_STRING: &str = "%1 is a string; write %1 = \"%2\"";
pub const WANT_ITEM: &str = "the items of %1 are strings; write \"%2\"";

pub const EMPTY: &str = "%1 is empty; write a value, or remove the line";
pub const EMPTY_ITEM: &str = "an empty item in %1; write a value, or remove it";
pub const NO_ITEMS: &str = "%1 is empty; write %1 = [\"/path/of/the/program\"]";
pub const LONG: &str = "%1 is too long; write at most 4095 bytes";
pub const MANY_ITEMS: &str = "%1 has too many items; write at most 256";
pub const MANY_WORDS: &str = "too many items; write at most 1024 in all lists of a file together";
pub const PATH: &str = "\"%2\" is no absolute path; write %1 = \"/%2\"";
pub const TERMINAL: &str = "\"%2\" is no absolute path; write %1 = \"/dev/%2\"";
pub const CHOICE: &str = "%1 cannot be \"%2\"; write one of %3";
pub const TIME: &str = "\"%2\" is no duration; write a number with ms, s, m or h, as %1 = \"5s\"";
pub const CRASH_LIMIT: &str = "\"%2\" is no crash limit; write a count and a duration, as %1 = \"5 in 60s\"";
pub const SIGNAL: &str = "\"%2\" is no signal; write a name of signal(7), as %1 = \"TERM\"";
pub const USER: &str = "\"%2\" is no user; write USER or USER:GROUP, each a name or a number";
pub const HOST: &str = "\"%2\" is no host name; write at most 64 letters, digits, - and dots, a letter or digit first";
pub const SOURCE: &str = "\"%2\" is no device; write /dev/NAME, MAJOR:MINOR, UUID=, LABEL=, PARTUUID= or PARTLABEL=";
pub const LOG: &str = "%1 cannot be \"%2\"; write one of %3, or an absolute path";
pub const MODULE: &str = "\"%2\" is no module; write a name of letters, digits, - and _";
pub const VARIABLE: &str = "\"%2\" has no value; write \"NAME=VALUE\"";
pub const SETTING: &str = "\"%2\" is no setting; write \"NAME=VALUE\", as \"kernel.panic=5\"";
pub const VOLUME: &str = "\"%2\" is no volume; write \"/SOURCE:/TARGET\", with :ro behind it for read-only";
pub const NAMED_VOLUME: &str =
    "\"%2\" has no path for its source and there are no named volumes; write \"/SOURCE:/TARGET\"";
pub const TMPFS: &str = "\"%2\" is no tmpfs; write \"/PATH\" or \"/PATH:OPTIONS\"";
pub const CAPABILITY: &str = "\"%2\" is no capability; write a name of capabilities(7), or ALL";
pub const NEAR: &str = "\"%2\" is not known in %1; did you mean \"%3\"";

pub const MANY_LINKS: &str = "too many names in after, requires and from; write at most 256 in a file together";
pub const NO_SERVICE: &str = "%1 names \"%2\", which is no service; write [service.%2] too, or correct the name";
pub const NO_SERVICE_NEAR: &str = "%1 names \"%2\", which is no service; did you mean \"%3\"";
pub const CIRCLE: &str = "these wait for each other: %2; remove one of their after or requires";
pub const SELF: &str = "%2 waits for itself; remove its name from its after or requires";
pub const FROM_CIRCLE: &str = "from = \"%2\" comes back to itself; write root there";
pub const FROM_NOTHING: &str = "from = \"%2\" copies nothing; write [service.%2.container]";
pub const FROM_BROKEN: &str = "from = \"%2\" copies what has errors; correct [service.%2] first";

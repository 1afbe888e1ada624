use super::*;
use proptest::prelude::*;
use std::string::String;
use std::vec::Vec as List;

#[test]
fn reads_a_line() {
    let table = [
        ("alias pci:v00001AF4d*sv*sd*bc*sc*i* virtio_pci", "pci:v00001AF4d*sv*sd*bc*sc*i*", "virtio_pci"),
        ("alias dmi*:svnAB:* x", "dmi*:svnAB:*", "x"),
    ];
    for (line, pattern, module) in table {
        let expected = Alias { pattern: pattern.as_bytes(), module: module.as_bytes() };
        assert_eq!(parse(line.as_bytes()), Some(expected), "{line}");
    }
    for line in ["", "# Aliases", "alias", "alias ", "alias a", "alias  a", "alias a ", "options a b"] {
        assert_eq!(parse(line.as_bytes()), None, "{line:?}");
    }
}

#[test]
fn what_a_device_says() {
    let event = b"add@/devices/x\0ACTION=add\0MODALIAS=virtio:d00000002v00001AF4\0SEQNUM=7\0";
    assert_eq!(modalias(event, 0), Some(&b"virtio:d00000002v00001AF4"[..]));
    assert_eq!(modalias(&event[..event.len() - 30], 0), None, "cut");
    assert_eq!(modalias(b"DRIVER=x\nMODALIAS=scsi:t-0x00\n", b'\n'), Some(&b"scsi:t-0x00"[..]));
    for text in ["", "\n", "MODALIAS=\n", "OF_MODALIAS=a\n", "XMODALIAS=a\n"] {
        assert_eq!(modalias(text.as_bytes(), b'\n'), None, "{text:?}");
    }
}

#[test]
fn as_modprobe_matches() {
    let table: [(&str, &str, bool); 21] = [
        ("", "", true),
        ("*", "", true),
        ("?", "", false),
        ("a*b*c", "aXbXbXc", true),
        ("a*b*c", "aXbXbX", false),
        ("scsi:t-0x00*", "scsi:t-0x00", true),
        ("scsi:t-0x00*", "scsi:t-0x05", false),
        ("pci:v00001AF4d*sv*sd*bc*sc*i*", "pci:v00001AF4d00001001sv00001AF4sd00000002bc01sc00i00", true),
        ("pci:v*d*sv*sd*bc01sc06i01*", "pci:v00008086d00002922sv00001AF4sd00001100bc01sc06i01", true),
        ("usb:v*p*d*dc*dsc*dp*ic08isc06ip50in*", "usb:v46F4p0001d0000dc00dsc00dp00ic08isc06ip50in00", true),
        ("crypto-crc32c", "crypto-crc32c", true),
        ("[0-9]x", "7x", true),
        ("[a-]", "-", true),
        ("[a-c", "b", false),
        ("[]a", "a", false),
        ("usb:v0421p*d000[1-36]dc*", "usb:v0421p0001d0006dc00", true),
        ("[", "[", false),
        ("[A-Fa-f0-9]*", "fg", true),
        ("a", "ab", false),
        ("ab", "a", false),
        ("cpu:type:x86,ven*fam*mod*:feature:*0099*", "cpu:type:x86,ven0000fam0006mod0055:feature:,0000,0099,", true),
    ];
    for (pattern, text, expected) in table {
        assert_eq!(matches(pattern.as_bytes(), text.as_bytes()), expected, "{pattern} {text}");
    }
}

/// No pattern takes more than the product: the recursion that fnmatch(3) began as would not come back from this one.
#[test]
fn a_hostile_pattern_comes_to_an_end() {
    let pattern: String = "a*".repeat(2000) + "b";
    assert!(!matches(pattern.as_bytes(), "a".repeat(4000).as_bytes()));
    let pattern = "*".to_string() + &"[".repeat(4000);
    assert!(!matches(pattern.as_bytes(), "[".repeat(4000).as_bytes()));
}

use std::string::ToString;

/// Every way of each `*`, by recursion.
fn twin(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern.first(), text.first()) {
        (None, None) => true,
        (Some(b'*'), _) => twin(&pattern[1..], text) || !text.is_empty() && twin(pattern, &text[1..]),
        (Some(b'['), Some(byte)) => {
            let Some(end) = pattern.iter().position(|byte| *byte == b']') else { return false };
            pattern[1..end].contains(byte) && twin(&pattern[end + 1..], &text[1..])
        }
        (Some(b'?'), Some(_)) => twin(&pattern[1..], &text[1..]),
        (Some(own), Some(byte)) => own == byte && twin(&pattern[1..], &text[1..]),
        _ => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn as_its_naive_twin(pattern in "[ab*?_]{0,9}", text in "[ab_]{0,9}") {
        prop_assert_eq!(matches(pattern.as_bytes(), text.as_bytes()), twin(pattern.as_bytes(), text.as_bytes()));
    }

    #[test]
    fn sets_as_their_naive_twin(pattern in "[a*]{0,3}(\\[[abc]{0,3}\\][a*]{0,2}){0,2}", text in "[abcd]{0,6}") {
        prop_assert_eq!(matches(pattern.as_bytes(), text.as_bytes()), twin(pattern.as_bytes(), text.as_bytes()));
    }

    /// What is passed over unread fits nothing.
    #[test]
    fn the_short_cut_leaves_nothing_out(
        pattern in "(pci:v0000|pci:v000[12]|abcdefgh|-a:)[12*?]{0,6}",
        words in prop::collection::vec("(pci:v000[012]|abcdefgh|_a:)[012]{0,6}", 0..6),
    ) {
        let mut asked = Asked::new();
        for word in &words {
            prop_assert!(asked.add(word.as_bytes()));
        }
        // Each once.
        let once = words.iter().enumerate().filter(|(at, word)| !words[..*at].contains(word));
        prop_assert!(asked.words().eq(once.map(|(_, word)| word.as_bytes())));
        let any = words.iter().any(|word| matches(pattern.as_bytes(), word.as_bytes()));
        prop_assert_eq!(asked.fits(pattern.as_bytes()), any);
    }

    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        if let Some(alias) = parse(&bytes) {
            matches(alias.pattern, &bytes);
        }
        modalias(&bytes, 0);
    }
}

#[test]
fn no_more_is_asked_for_than_fits() {
    let mut asked = Asked::new();
    assert!(!asked.add(&[b'a'; 4096]) && asked.is_empty());
    assert!(asked.add(&[b'a'; 4000]) && !asked.add(&[b'b'; 95]) && asked.add(&[b'b'; 94]));
    assert_eq!(asked.words().map(<[u8]>::len).collect::<List<_>>(), [4000, 94]);
    asked.clear();
    assert!(asked.is_empty() && !asked.fits(b"*"));
}

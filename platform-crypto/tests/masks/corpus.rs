//! Ten megabytes of log: every planted secret is found, and next to nothing else is touched.

use std::borrow::Cow;
use std::fmt::Write as _;

use platform_crypto::redact;

const CORPUS_BYTES: usize = 10 * 1024 * 1024;

/// How many of a million ordinary lines may lose something.
const FALSE_POSITIVES_PER_MILLION: usize = 100;

/// SplitMix64: the same corpus in every run.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(end).unwrap()).unwrap()
    }

    fn pick<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.below(choices.len())]
    }

    fn text(&mut self, alphabet: &str, length: usize) -> String {
        let letters = alphabet.as_bytes();
        (0..length)
            .map(|_| char::from(letters[self.below(letters.len())]))
            .collect()
    }
}

const LOWER: &str = "abcdefghijklmnopqrstuvwxyz";
const DIGITS: &str = "0123456789";
const HEX: &str = "0123456789abcdef";
const BASE64URL: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const PASSWORD: &str = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789!#$%*+-./:<>?^_|~";

/// A secret as it stands in a log, and the part of it that nobody may read there.
struct Planted {
    text: String,
    needle: String,
}

fn planted(dice: &mut Dice) -> Planted {
    let all = |text: String| Planted {
        needle: text.clone(),
        text,
    };
    match dice.below(12) {
        0 => {
            let secret = dice.text(BASE64URL, 43);
            let text = format!(
                "pst1_{}_{secret}_{}",
                dice.text(BASE64URL, 22),
                dice.text(BASE64URL, 6)
            );
            Planted { text, needle: secret }
        }
        1 => {
            let needle = dice.text(BASE64URL, 43);
            let text = format!("pcroot1_{needle}");
            Planted { text, needle }
        }
        2 => {
            let needle = format!("{}7Q{}", dice.text(BASE64URL, 14), dice.text(BASE64URL, 20));
            let text = format!("{} {needle}", dice.pick(&["Bearer", "bearer", "Basic", "BEARER"]));
            Planted { text, needle }
        }
        3 => {
            let needle = dice.text("ABCDEFghijk0123456789!$%*+-.:_~@", 16);
            let scheme = dice.pick(&["postgres", "redis", "https", "amqp"]);
            let text = format!("{scheme}://app:{needle}@db.internal:5432/platform?sslmode=require");
            Planted { text, needle }
        }
        4 => {
            let name = dice.text(LOWER, 8);
            let domain = dice.pick(&[
                "example.com",
                "mail.example.co.uk",
                "bücher.example",
                "x-y.museum",
            ]);
            let sign = dice.pick(&["@", "@", "%40"]);
            all(format!("{name}.{}{sign}{domain}", dice.text(LOWER, 5)))
        }
        5 => all(card(dice)),
        6 => all(iban(dice)),
        7 => all(format!(
            "{}-{}-{}",
            dice.text(DIGITS, 3),
            dice.text(DIGITS, 2),
            dice.text(DIGITS, 4)
        )),
        8 => {
            let needle = dice.text(PASSWORD, 14);
            let name = dice.pick(&[
                "password",
                "api_key",
                "client_secret",
                "refreshToken",
                "db.passwd",
            ]);
            let text = format!("{name}={needle}");
            Planted { text, needle }
        }
        9 => {
            let needle = format!("{} {}", dice.text(PASSWORD, 9), dice.text(PASSWORD, 9));
            let name = dice.pick(&["password", "secret", "accessToken", "private_key", "e_mail"]);
            let value = serde_json::Value::from(needle.as_str());
            let text = format!("{{\"user\":\"u1\",\"{name}\":{value},\"ok\":true}}");
            Planted { text, needle }
        }
        10 => {
            let needle = format!("{} {}", dice.text(PASSWORD, 9), dice.text(PASSWORD, 9));
            let text = format!("Login {{ user: 7, password: {needle:?}, remember: true }}");
            Planted { text, needle }
        }
        _ => {
            let needle = dice.text(BASE64URL, 40);
            let header = dice.text(BASE64URL, 20);
            let text = format!("eyJ{header}.eyJ{needle}.{}", dice.text(BASE64URL, 43));
            Planted { text, needle }
        }
    }
}

fn card(dice: &mut Dice) -> String {
    let (prefix, length, groups): (&str, usize, &[usize]) = match dice.below(4) {
        0 => ("4", 16, &[4, 4, 4, 4]),
        1 => ("53", 16, &[4, 4, 4, 4]),
        2 => ("37", 15, &[4, 6, 5]),
        _ => ("6011", 16, &[4, 4, 4, 4]),
    };
    let mut digits = format!("{prefix}{}", dice.text(DIGITS, length - prefix.len() - 1));
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(at, byte)| {
            let doubled = u32::from(byte - b'0') * if at % 2 == 0 { 2 } else { 1 };
            doubled / 10 + doubled % 10
        })
        .sum();
    digits.push(char::from_digit((10 - sum % 10) % 10, 10).unwrap());
    grouped(&digits, groups, dice.pick(&["", " ", "-"]))
}

fn iban(dice: &mut Dice) -> String {
    let (country, letters, length) = match dice.below(3) {
        0 => ("GB", "WEST", 14),
        1 => ("DE", "", 18),
        _ => ("NO", "", 11),
    };
    let account = format!("{letters}{}", dice.text(DIGITS, length));
    let remainder = format!("{account}{country}00")
        .bytes()
        .fold(0_u32, |rest, byte| match byte {
            b'0'..=b'9' => (rest * 10 + u32::from(byte - b'0')) % 97,
            _ => (rest * 100 + u32::from(byte - b'A') + 10) % 97,
        });
    let number = format!("{country}{:02}{account}", 98 - remainder);
    grouped(&number, &[4; 9], dice.pick(&["", " "]))
}

fn grouped(text: &str, lengths: &[usize], separator: &str) -> String {
    let mut rest = text;
    let mut groups = Vec::new();
    for length in lengths {
        let (group, tail) = rest.split_at((*length).min(rest.len()));
        groups.extend((!group.is_empty()).then_some(group));
        rest = tail;
    }
    groups.join(separator)
}

/// A line as services write them, with nothing in it to hide.
fn ordinary(dice: &mut Dice) -> String {
    let mut line = format!(
        "2026-11-{:02}T{:02}:{:02}:{:02}.{}Z ",
        1 + dice.below(28),
        dice.below(24),
        dice.below(60),
        dice.below(60),
        dice.text(DIGITS, 6)
    );
    let uuid = format!(
        "{}-{}-7{}-9{}-{}",
        dice.text(HEX, 8),
        dice.text(HEX, 4),
        dice.text(HEX, 3),
        dice.text(HEX, 3),
        dice.text(HEX, 12)
    );
    let number = dice.below(1_000_000);
    let _ = match dice.below(14) {
        0 => write!(
            line,
            "INFO request: GET /v1/orders/{uuid} 200 in {number} us request.id={uuid}"
        ),
        1 => write!(
            line,
            "INFO placed order {uuid} price_e4={number} quantity={} side=buy",
            dice.below(10_000)
        ),
        2 => write!(
            line,
            "DEBUG sqlx::query: summary=\"select id, name from …\" rows_returned={number} elapsed=1.{number}ms"
        ),
        3 => write!(
            line,
            "WARN slow statement: execution time exceeded alert threshold elapsed_secs=0.{}",
            dice.text(DIGITS, 16)
        ),
        4 => write!(
            line,
            "{{\"level\":\"info\",\"trace.id\":\"{}\",\"tenant.id\":\"{uuid}\",\"n\":{number}}}",
            dice.text(HEX, 32)
        ),
        5 => write!(
            line,
            "INFO listening on http://127.0.0.1:{} and [::1]:{}",
            dice.below(65_536),
            dice.below(65_536)
        ),
        6 => write!(
            line,
            "ERROR cannot connect to 10.{}.{}.{}:5432: connection refused (os error 111)",
            dice.below(256),
            dice.below(256),
            dice.below(256)
        ),
        7 => write!(
            line,
            "INFO worker parcels.expire is done, expired {number} rows in {} batches",
            dice.below(100)
        ),
        8 => write!(
            line,
            "DEBUG cache miss for key.id={} version=7 uses={number}",
            dice.text(HEX, 32)
        ),
        9 => write!(
            line,
            "INFO build {} of platform-core@0.1.0 with rustc 1.95.0 ({})",
            dice.text(HEX, 40),
            dice.text(HEX, 9)
        ),
        10 => write!(
            line,
            "INFO at_ns=17{} offset={number} len={} file_name.rs:{}:{}",
            dice.text(DIGITS, 17),
            dice.below(9000),
            dice.below(900),
            dice.below(90)
        ),
        11 => write!(
            line,
            "WARN could not verify the password: wrong; {number} attempts left, it's the user's turn"
        ),
        12 => write!(
            line,
            "TRACE Row {{ id: {uuid}, state: Some(\"active\"), created_at: 17{}, total: {number} }}",
            dice.text(DIGITS, 14)
        ),
        _ => write!(
            line,
            "INFO 5{} 4{} {number} {} buckets p50 p90 p99 over {} samples",
            dice.text(DIGITS, 3),
            dice.text(DIGITS, 3),
            dice.below(10_000),
            dice.below(10_000)
        ),
    };
    line
}

/// Puts the secret where logs have them: bare, in quotes, between brackets, in text that was quoted.
fn surrounded(dice: &mut Dice, secret: &str) -> String {
    match dice.below(7) {
        0 => format!("refused {secret} because"),
        1 => format!("refused: {secret}"),
        2 => format!("header ({secret}), next"),
        3 => format!("value <{secret}> and 語"),
        4 => format!("text={:?} n=1", format!("line\n{secret}\tand more")),
        5 => serde_json::json!({ "level": "warn", "message": secret, "n": 1 }).to_string(),
        _ => format!("[{secret}]"),
    }
}

#[test]
fn in_ten_megabytes_of_log_no_planted_secret_survives_and_next_to_nothing_else_is_touched() {
    let mut dice = Dice(2026);
    let (mut bytes, mut lines, mut touched, mut secrets) = (0, 0_usize, 0_usize, 0_usize);

    while bytes < CORPUS_BYTES {
        let line = ordinary(&mut dice);
        bytes += line.len();
        lines += 1;
        touched += usize::from(matches!(redact(&line), Cow::Owned(_)));

        let Planted { text, needle } = planted(&mut dice);
        let line = format!("{} {}", ordinary(&mut dice), surrounded(&mut dice, &text));
        bytes += line.len();
        secrets += 1;
        let masked = redact(&line);
        // Quoting may have changed the needle too; then a part of it must be gone as well.
        let head: String = needle.chars().take(8).collect();
        assert!(
            !masked.contains(&needle) && !masked.contains(&head),
            "{needle} survives\n{line}\n{masked}"
        );
    }

    println!("{bytes} bytes: {secrets} secrets found, {touched} of {lines} ordinary lines touched");
    assert!(
        touched * 1_000_000 <= lines * FALSE_POSITIVES_PER_MILLION,
        "{touched} of {lines} ordinary lines lost something"
    );
}

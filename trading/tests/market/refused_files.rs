use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use trading::{ReplayData, ReplayError};

const BARS: &str = "Ticker,Date,Open,High,Low,Close,Volume\nACME,2013-02-28,10,11,9,10.5,100\n";
const QUOTES: &str =
    "ts,symbol,bid,bid_size,ask,ask_size,last\n2026-01-02T14:30:00Z,ACME,10,1,10.01,2,10.01\n";

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn refusal(file: &[u8]) -> String {
    ReplayData::read("day.csv", file).unwrap_err().to_string()
}

#[test]
fn a_wrong_bar_is_told_with_its_line_its_column_and_what_belongs_there() {
    let cases = [
        (
            "acme,2013-03-01,10,11,9,10.5,100",
            "column Ticker: found \"acme\", expected a symbol",
        ),
        (
            "ACME,01.03.2013,10,11,9,10.5,100",
            "column Date: found \"01.03.2013\", expected a date such as 2013-03-01",
        ),
        (
            "ACME,2013-02-29,10,11,9,10.5,100",
            "column Date: found \"2013-02-29\", expected a date",
        ),
        (
            "ACME,2013-03-01,ten,11,9,10.5,100",
            "column Open: found \"ten\", expected a price such as 178.50",
        ),
        (
            "ACME,2013-03-01,,11,9,10.5,100",
            "column Open: found nothing, expected a price",
        ),
        (
            "ACME,2013-03-01,1e1,11,9,10.5,100",
            "column Open: found \"1e1\", expected a price such as 178.50",
        ),
        (
            "ACME,2013-03-01,10,11,0,10.5,100",
            "column Low: found \"0\", expected a price from 0.0001 to",
        ),
        (
            "ACME,2013-03-01,10,11,-9,10.5,100",
            "column Low: found \"-9\", expected a price from 0.0001 to",
        ),
        (
            "ACME,2013-03-01,10.00001,11,9,10.5,100",
            "column Open: found \"10.00001\", expected a price with at most 4",
        ),
        (
            "ACME,2013-03-01,10,8,9,10.5,100",
            "column High: found \"8\", expected a price that is not below the Low of 9",
        ),
        (
            "ACME,2013-03-01,12,11,9,10.5,100",
            "column Open: found \"12\", expected a price from the Low of 9.00 to",
        ),
        (
            "ACME,2013-03-01,10,11,9,8.5,100",
            "column Close: found \"8.5\", expected a price from the Low of 9.00 to",
        ),
        (
            "ACME,2013-03-01,10,11,9,10.5,-1",
            "column Volume: found \"-1\", expected a whole number of shares",
        ),
        (
            "ACME,2013-03-01,10,11,9,10.5,1.5",
            "column Volume: found \"1.5\", expected a whole number of shares",
        ),
        (
            "ACME,2013-03-01,10,11,9,10.5",
            ": found 6 fields, expected 7 fields as in the header",
        ),
        (
            "ACME,2013-03-01,10,11,9,10.5,100,",
            ": found 8 fields, expected 7 fields as in the header",
        ),
        (
            "ACME,2013-02-28,10,11,9,10.5,100",
            "column Date: found \"2013-02-28\", expected a date of ACME after 2013-02-28",
        ),
        (
            "ACME,2013-02-27,10,11,9,10.5,100",
            "column Date: found \"2013-02-27\", expected a date of ACME after 2013-02-28",
        ),
    ];

    for (row, message) in cases {
        let told = refusal(format!("{BARS}{row}\n").as_bytes());
        assert!(
            told.starts_with("day.csv, line 3") && told.contains(message),
            "{row}: {told}"
        );
    }
}

#[test]
fn a_wrong_quote_is_told_with_its_line_its_column_and_what_belongs_there() {
    let cases = [
        (
            "9999-12-31T23:59:59-05:00,ACME,10,1,10.01,2,10.01",
            "column ts: found \"9999-12-31T23:59:59-05:00\", expected a time with its offset",
        ),
        (
            "2026-01-02,ACME,10,1,10.01,2,10.01",
            "column ts: found \"2026-01-02\", expected a time with its offset",
        ),
        (
            "2026-01-02T14:29:59Z,ACME,10,1,10.01,2,10.01",
            "column ts: found \"2026-01-02T14:29:59Z\", expected a time that is not",
        ),
        (
            "2026-01-02T14:30:00Z,ACME,10.02,1,10.01,2,10.01",
            "column ask: found \"10.01\", expected a price that is not below the bid",
        ),
        (
            "2026-01-02T14:30:00Z,ACME,10,1.0000001,10.01,2,10.01",
            "column bid_size: found \"1.0000001\", expected a quantity with at most 6",
        ),
        (
            "2026-01-02T14:30:00Z,ACME,10,-1,10.01,2,10.01",
            "column bid_size: found \"-1\", expected a quantity from 0",
        ),
        (
            "2026-01-02T14:30:00Z,ACME,10,1,10.01,2,",
            "column last: found nothing, expected a price",
        ),
    ];

    for (row, message) in cases {
        let told = refusal(format!("{QUOTES}{row}\n").as_bytes());
        assert!(
            told.starts_with("day.csv, line 3") && told.contains(message),
            "{row}: {told}"
        );
    }
}

#[test]
fn a_file_that_is_not_one_of_the_two_formats_is_told_what_its_header_should_be() {
    let expected = "expected the header ts,symbol,bid,bid_size,ask,ask_size,last or Ticker,Date,Open,High,Low,Close,Volume[,…]";
    let cases = [
        ("", "day.csv, line 1: found an empty file, "),
        ("\n\n", "day.csv, line 2: found an empty file, "),
        ("a,b\n1,2\n", "day.csv, line 1: found \"a,b\", "),
        (
            "ACME,2013-02-28,10,11,9,10.5,100\n",
            "day.csv, line 1: found \"ACME,2013-02-28,10,11,9,10.5,100\", ",
        ),
    ];

    for (file, found) in cases {
        assert_eq!(refusal(file.as_bytes()), format!("{found}{expected}"));
    }
}

#[test]
fn a_header_without_rows_is_refused() {
    let told = refusal(b"Ticker,Date,Open,High,Low,Close,Volume\n");

    assert_eq!(
        told,
        "day.csv, line 1: found the end of the file after the header, expected rows"
    );
}

#[test]
fn a_line_of_more_than_4096_bytes_is_refused_without_being_read() {
    let told = refusal(format!("{BARS}{}", "x".repeat(1_000_000)).as_bytes());

    assert_eq!(
        told,
        "day.csv, line 3: found a longer line, expected at most 4096 bytes in a line"
    );
}

#[test]
fn bytes_that_are_not_utf8_are_refused() {
    let told = refusal(&[BARS.as_bytes(), b"AC\xffME,2013-03-01,10,11,9,10.5,100\n"].concat());

    assert_eq!(
        told,
        "day.csv, line 3: found bytes that are not UTF-8, expected text in UTF-8"
    );
}

#[test]
fn found_text_is_cut_and_cannot_write_to_the_terminal() {
    let told = refusal(format!("{BARS}ACME,\x1b[2J{},10,11,9,10.5,100\n", "9".repeat(100)).as_bytes());

    assert!(
        !told.contains('\x1b') && told.contains("\\u{1b}[2J") && told.contains('…'),
        "{told}"
    );
    assert!(told.len() < 160, "{told}");
}

#[test]
fn a_compressed_file_reads_like_a_plain_one() {
    let plain = ReplayData::read("day.csv", BARS.as_bytes()).unwrap();
    let compressed = ReplayData::read("day.csv.gz", gzip(BARS).as_slice()).unwrap();

    let acme = crate::support::symbol("ACME");
    assert_eq!(plain.bars(acme), compressed.bars(acme));
}

#[test]
fn a_compressed_file_that_was_cut_off_or_damaged_is_unreadable() {
    let mut long = QUOTES.to_owned();
    for number in 0..20_000 {
        long.push_str(&format!("2026-01-02T14:30:00Z,ACME,10,1,10.01,{number},10.01\n"));
    }
    let (whole, long) = (gzip(BARS), gzip(&long));
    let mut wrong_checksum = whole.clone();
    wrong_checksum[whole.len() - 8] ^= 1;
    let half = &long[..long.len() / 2];

    for file in [half, &whole[..whole.len() - 6], &whole[..2], &wrong_checksum] {
        let error = ReplayData::read("day.csv.gz", file).unwrap_err();
        assert!(matches!(error, ReplayError::Unreadable { .. }), "{error:?}");
    }
    let told = ReplayData::read("day.csv.gz", half).unwrap_err().to_string();
    assert!(told.starts_with("cannot read day.csv.gz after line "), "{told}");
}

#[test]
fn more_than_a_thousand_symbols_are_refused() {
    let mut file = BARS.to_owned();
    for number in 0..1_000 {
        file.push_str(&format!("SYM{number},2013-03-01,10,11,9,10.5,100\n"));
    }

    assert_eq!(
        refusal(file.as_bytes()),
        "day.csv is too large: more than 1000 symbols"
    );
}

#[test]
fn a_missing_file_is_named() {
    let error = ReplayData::open("/nowhere/day.csv").unwrap_err();

    assert_eq!(error.to_string(), "cannot read /nowhere/day.csv");
    assert!(std::error::Error::source(&error).is_some());
}

#[test]
fn a_file_on_disk_is_read_by_its_content_and_not_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("compressed-without-saying-so.csv");
    std::fs::write(&path, gzip(QUOTES)).unwrap();

    assert_eq!(ReplayData::open(&path).unwrap().rows(), 1);
}

proptest! {
    #[test]
    fn no_file_is_too_strange_to_be_answered(
        header in prop::sample::select(vec!["", BARS, QUOTES]),
        rows in prop::collection::vec("[-0-9A-Z.,:TZ\"\\\\ \\PC]{0,60}", 0..5),
        tail in prop::collection::vec(any::<u8>(), 0..50),
    ) {
        let file = [header.as_bytes(), rows.join("\n").as_bytes(), &tail].concat();

        let _ = ReplayData::read("day.csv", file.as_slice());
        let _ = ReplayData::read("day.csv.gz", [&[0x1f, 0x8b], file.as_slice()].concat().as_slice());
    }
}

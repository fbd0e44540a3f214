//! What ends up in tables: the same in SQLite, and in PostgreSQL where `GATHER_TEST_POSTGRES` names a server.

#![cfg(feature = "sqlite")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]
#![allow(clippy::print_stderr, reason = "a test that is left out says so")]

use gather_records::{
    Column, ColumnType, ErrorKind, Record, SinkError, TableSink, TableSinkBuilder, Target, Value,
};
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection, SqliteConnection};

/// A table that nobody else uses.
struct Place {
    target: Target,
    _folder: Option<tempfile::TempDir>,
}

/// Each test runs in every database that there is.
fn everywhere(test: impl AsyncFn(&Place)) {
    gather_core::run(async {
        test(&Place::sqlite("records")).await;
        #[cfg(feature = "postgres")]
        match std::env::var("GATHER_TEST_POSTGRES") {
            Ok(url) => {
                let place = Place::postgres(&url);
                test(&place).await;
                place.query("drop table if exists T").await;
            }
            Err(_) => eprintln!("skipped in PostgreSQL: GATHER_TEST_POSTGRES is not set"),
        }
    })
    .unwrap();
}

impl Place {
    fn sqlite(table: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let target = Target::parse(&format!("sqlite:{}#{table}", folder.path().join("a.db").display()));
        Self { target, _folder: Some(folder) }
    }

    #[cfg(feature = "postgres")]
    fn postgres(url: &str) -> Self {
        use std::sync::atomic::{AtomicU32, Ordering};
        static TABLES: AtomicU32 = AtomicU32::new(0);
        let number = TABLES.fetch_add(1, Ordering::Relaxed);
        let table = format!("public.Records \" of {} {number}", std::process::id());
        Self { target: Target::parse(&format!("{url}#{table}")), _folder: None }
    }

    /// Writes records through one sink; an error is the first one.
    async fn write(&self, builder: TableSinkBuilder, records: &[Value]) -> Result<u64, SinkError> {
        let mut sink = builder.open(&self.target).await?;
        for record in records {
            sink.write(record.as_object().unwrap().clone().into()).await?;
        }
        sink.finish().await
    }

    /// The one column of an answer, as text. `T` stands for the table.
    async fn query(&self, query: &str) -> Vec<Option<String>> {
        match &self.target {
            Target::Sqlite { path, table } => {
                let query = named(query, table.as_deref().unwrap());
                let mut connection =
                    SqliteConnection::connect(&format!("sqlite:{}", path.display())).await.unwrap();
                sqlx::query_scalar(AssertSqlSafe(query)).fetch_all(&mut connection).await.unwrap()
            }
            #[cfg(feature = "postgres")]
            Target::Postgres { url, table } => {
                let query = named(query, table.as_deref().unwrap().strip_prefix("public.").unwrap());
                let mut connection = sqlx::PgConnection::connect(url).await.unwrap();
                sqlx::query_scalar(AssertSqlSafe(query)).fetch_all(&mut connection).await.unwrap()
            }
            _ => unreachable!(),
        }
    }

    async fn texts(&self, column: &str) -> Vec<String> {
        let query = format!("select cast({column} as text) from T");
        let texts =
            self.query(&query).await.into_iter().map(|text| text.unwrap_or_else(|| "null".to_owned()));
        let mut texts: Vec<_> = texts.collect();
        texts.sort();
        texts
    }

    fn is_sqlite(&self) -> bool {
        matches!(self.target, Target::Sqlite { .. })
    }
}

fn named(query: &str, table: &str) -> String {
    query.replace('T', &format!("\"{}\"", table.replace('"', "\"\"")))
}

fn columns() -> Vec<Column> {
    vec![
        Column::new("sku").holding(ColumnType::Text),
        Column::new("price").holding(ColumnType::Number),
        Column::new("stock").holding(ColumnType::Integer),
        Column::new("new").holding(ColumnType::Boolean),
        Column::new("tags").holding(ColumnType::Json),
    ]
}

#[test]
fn each_type_comes_back_as_it_went_in() {
    everywhere(async |place| {
        let record = json!({"sku": "a", "price": 1.25, "stock": 7, "new": true, "tags": ["x", 1]});
        let written = place.write(TableSink::builder().columns(columns()), &[record, json!({})]).await;
        assert_eq!(written.unwrap(), 2);
        assert_eq!(place.texts("price").await, ["1.25", "null"]);
        assert_eq!(place.texts("stock + 1").await, ["8", "null"]);
        let (list, yes) = if place.is_sqlite() { ("[\"x\",1]", "1") } else { ("[\"x\", 1]", "true") };
        assert_eq!(place.texts("tags").await, [list, "null"]);
        let mut truths = [yes, "null"];
        truths.sort();
        assert_eq!(place.texts("new").await, truths);
    });
}

#[test]
fn a_table_is_made_before_the_records_where_its_types_are_known_and_at_the_end_where_there_were_none() {
    everywhere(async |place| {
        let sink = TableSink::builder().columns(columns()).open(&place.target).await.unwrap();
        assert_eq!(place.texts("sku").await, [""; 0]);
        sink.finish().await.unwrap();
        place.query("drop table T").await;
        place.write(TableSink::builder().columns([Column::new("a")]), &[]).await.unwrap();
        assert_eq!(place.texts("a").await, [""; 0]);
    });
}

#[test]
fn records_of_a_key_replace_each_other_within_a_batch_and_across_runs() {
    everywhere(async |place| {
        let builder = TableSink::builder().columns(columns()).key("sku");
        let first = [
            json!({"sku": "a", "stock": 1}),
            json!({"sku": "b", "stock": 2}),
            json!({"sku": "a", "stock": 3}),
        ];
        assert_eq!(place.write(builder.clone(), &first).await.unwrap(), 2);
        assert_eq!(place.texts("sku || stock").await, ["a3", "b2"]);
        place
            .write(builder, &[json!({"sku": "b", "stock": 9}), json!({"sku": "c", "stock": 4})])
            .await
            .unwrap();
        assert_eq!(place.texts("sku || stock").await, ["a3", "b9", "c4"]);
    });
}

#[test]
fn an_upsert_leaves_columns_alone_that_the_records_do_not_know() {
    everywhere(async |place| {
        place
            .write(TableSink::builder().key("k"), &[json!({"k": 1, "a": "old", "note": "mine"})])
            .await
            .unwrap();
        place.write(TableSink::builder().key("k"), &[json!({"k": 1, "a": "new"})]).await.unwrap();
        assert_eq!(place.texts("a || note").await, ["newmine"]);
    });
}

#[test]
fn a_record_without_a_key_is_refused_and_the_others_are_written() {
    everywhere(async |place| {
        for _ in 0..2 {
            let mut sink = TableSink::builder().key("k").open(&place.target).await.unwrap();
            for unkeyed in [json!({"k": null, "a": 1}), json!({"a": 2})] {
                let error = sink.write(record(unkeyed)).await.unwrap_err();
                assert!(error.to_string().contains("no value for `k`"), "{error}");
            }
            sink.write(record(json!({"k": 1, "a": 3}))).await.unwrap();
            assert_eq!(sink.finish().await.unwrap(), 1);
        }
        assert_eq!(place.texts("a").await, ["3"]);
    });
}

#[test]
fn a_table_with_rows_is_taken_only_to_add_to_it_or_with_a_key() {
    everywhere(async |place| {
        let record = [json!({"a": 1})];
        place.write(TableSink::builder(), &record).await.unwrap();
        let error = place.write(TableSink::builder(), &record).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Occupied, "{error}");
        assert_eq!(place.texts("a").await, ["1"]);
        place.write(TableSink::builder().append(true), &record).await.unwrap();
        assert_eq!(place.texts("a").await, ["1", "1"]);
        let error = place.write(TableSink::builder().key("a"), &record).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "two rows share the value: {error}");
        place.query("delete from T").await;
        place.write(TableSink::builder(), &record).await.unwrap(); // it is empty
        place.write(TableSink::builder().key("a"), &record).await.unwrap(); // and now gets its unique index
        place.write(TableSink::builder().key("a"), &record).await.unwrap(); // which is found again
        assert_eq!(place.texts("a").await, ["1"]);
    });
}

#[test]
fn a_name_that_a_later_record_brings_becomes_a_column() {
    everywhere(async |place| {
        let builder = TableSink::builder().columns([Column::new("a")]);
        let mut sink = builder.open(&place.target).await.unwrap();
        sink.write(record(json!({"a": 1}))).await.unwrap();
        sink.flush().await.unwrap();
        sink.write(record(json!({"b": [1], "A \"; drop table x; --": "new"}))).await.unwrap();
        sink.finish().await.unwrap();
        assert_eq!(place.texts("b").await, ["[1]", "null"]);
        assert_eq!(place.texts("\"A \"\"; drop table x; --\"").await, ["new", "null"]);
    });
}

#[test]
fn a_column_grows_when_a_later_value_does_not_fit_and_no_value_changes() {
    everywhere(async |place| {
        let mut sink = TableSink::builder().open(&place.target).await.unwrap();
        for value in [json!(null), json!(7), json!(1.5), json!("007"), json!([1]), json!(null)] {
            sink.write(record(json!({"z": value, "n": 1}))).await.unwrap();
            sink.flush().await.unwrap();
        }
        sink.finish().await.unwrap();
        assert_eq!(place.texts("z").await, ["007", "1.5", "7", "[1]", "null", "null"]);
        assert_eq!(place.texts("n").await, ["1"; 6]);
    });
}

#[test]
fn text_is_data_whatever_it_holds() {
    everywhere(async |place| {
        let hostile = ["'; drop table x; --", "\"", "\\u0000", "{}", "null", "\u{1F600}\u{2028}", "$1 ?1 %s"];
        let records: Vec<_> = hostile.iter().map(|text| json!({"t": text})).collect();
        place.write(TableSink::builder(), &records).await.unwrap();
        let mut sorted: Vec<_> = hostile.iter().map(ToString::to_string).collect();
        sorted.sort();
        assert_eq!(place.texts("t").await, sorted);
        place.write(TableSink::builder().append(true), &[json!({"t": "a\0b"})]).await.unwrap();
        assert!(place.texts("t").await.contains(&"a\u{fffd}b".to_owned()));
    });
}

#[test]
fn whole_numbers_of_64_bits_are_exact_and_in_postgres_all_digits_stay() {
    everywhere(async |place| {
        let number = |digits: &str| serde_json::from_str::<Value>(&format!("{{\"n\":{digits}}}")).unwrap();
        place.write(TableSink::builder(), &[number("9007199254740993")]).await.unwrap();
        assert_eq!(place.texts("n").await, ["9007199254740993"]);
        place.query("drop table T").await;
        place.write(TableSink::builder(), &[number("1.10"), number("12345678901234567890.5")]).await.unwrap();
        let kept = ["1.10", "12345678901234567890.5"];
        let in_sqlite = ["1.1", "12345678901234567890.5"];
        assert_eq!(place.texts("n").await, if place.is_sqlite() { in_sqlite } else { kept });
    });
}

#[test]
fn a_text_that_a_column_of_numbers_would_change_is_refused() {
    everywhere(async |place| {
        let keyed = || TableSink::builder().key("k");
        place.write(keyed(), &[json!({"k": 1, "v": 2.5})]).await.unwrap();
        place.write(keyed(), &[json!({"k": "2", "v": "7"})]).await.unwrap();
        let changed = [
            json!({"k": "02"}),
            json!({"k": "1e0"}),
            json!({"k": 3, "v": "007"}),
            json!({"k": 3, "v": "1e3"}),
        ];
        for record in &changed {
            let error = place.write(keyed(), std::slice::from_ref(record)).await.unwrap_err();
            assert!(error.to_string().contains("does not keep the digits of \""), "{record}: {error}");
        }
        assert_eq!(place.texts("k").await, ["1", "2"]);
        if place.is_sqlite() {
            place.query("drop table T").await;
            place.query("create table T (n real)").await;
            let error =
                place.write(TableSink::builder(), &[json!({"n": "9007199254740993"})]).await.unwrap_err();
            assert!(error.to_string().contains("digits of \"9007199254740993\""), "{error}");
        }
    });
}

#[test]
fn a_number_that_sqlite_would_round_is_a_text_and_the_others_stay_numbers() {
    everywhere(async |place| {
        if !place.is_sqlite() {
            return; // `numeric` has them all
        }
        let number = |digits: &str| serde_json::from_str::<Value>(&format!("{{\"n\":{digits}}}")).unwrap();
        let large = ["1e+400", "9223372036854775808", "9007199254740993", "0.12345678901234567891"];
        let in_one_set = large.map(number).into_iter().chain([number("1.5")]);
        let declared = TableSink::builder().columns([Column::new("n").holding(ColumnType::Number)]);
        place.write(declared, &in_one_set.collect::<Vec<_>>()).await.unwrap();
        let mut kept: Vec<_> = large.into_iter().chain(["1.5"]).map(str::to_owned).collect();
        kept.sort();
        assert_eq!(place.texts("n").await, kept);
        assert_eq!(place.texts("typeof(n)").await, ["integer", "real", "text", "text", "text"]);
        place.query("drop table T").await;
        let mut sink = TableSink::builder().open(&place.target).await.unwrap();
        for digits in ["9007199254740993", "0.5", "1e+400"] {
            sink.write(record(number(digits))).await.unwrap();
            sink.flush().await.unwrap();
        }
        sink.finish().await.unwrap();
        assert_eq!(place.texts("n").await, ["0.5", "1e+400", "9007199254740993"]);
        for column in ["real", "integer", "decimal(9,2)"] {
            place.query("drop table T").await;
            place.query(&format!("create table T (n {column})")).await;
            place.write(TableSink::builder(), &[number("1.5")]).await.unwrap();
            let more = TableSink::builder().append(true);
            let error = place.write(more, &[number("1e400")]).await.unwrap_err();
            assert!(error.to_string().contains("digits of 1e+400"), "{error}");
        }
    });
}

#[test]
fn many_records_are_all_there_and_a_dropped_sink_leaves_whole_batches() {
    everywhere(async |place| {
        let mut sink = TableSink::builder().open(&place.target).await.unwrap();
        for n in 0..2_500 {
            sink.write(record(json!({"n": n}))).await.unwrap();
        }
        drop(sink);
        assert_eq!(place.texts("count(*)").await, ["2000"]);
    });
}

#[test]
fn names_that_a_database_would_change_are_refused() {
    everywhere(async |place| {
        let error = place.write(TableSink::builder(), &[json!({"": 1})]).await.unwrap_err();
        assert!(error.to_string().contains("has no name"), "{error}");
        let record =
            if place.is_sqlite() { json!({"Name": 1, "name": 2}) } else { json!({"x".repeat(64): 1}) };
        let error = place.write(TableSink::builder(), &[record]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
        assert!(error.to_string().contains("hint:"), "{error}");
    });
}

#[test]
fn values_that_a_table_of_others_cannot_hold_are_named_and_what_was_written_stays() {
    everywhere(async |place| {
        if place.is_sqlite() {
            return; // a column there holds anything
        }
        place.query("create table T (n bigint)").await;
        let mut sink = TableSink::builder().open(&place.target).await.unwrap();
        sink.write(record(json!({"n": 1}))).await.unwrap();
        sink.flush().await.unwrap();
        sink.write(record(json!({"n": "abc"}))).await.unwrap();
        let error = sink.finish().await.unwrap_err().to_string();
        assert!(error.contains("\"abc\"") && error.contains("1 records before are in the table"), "{error}");
        assert_eq!(place.texts("n").await, ["1"]);
    });
}

#[test]
fn what_is_no_database_is_refused_before_any_record() {
    gather_core::run(async {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        std::fs::write(&path, "a text that is long enough to be taken for the head of a file, but is none")
            .unwrap();
        let refused = async |target: &str| {
            let error = TableSink::builder().open(&Target::parse(target)).await.map(|_| ()).unwrap_err();
            (error.kind(), error.to_string())
        };
        let text = refused(&format!("sqlite:{}", path.display())).await;
        assert_eq!(text.0, ErrorKind::Unsupported, "{}", text.1);
        assert_eq!(refused(&format!("sqlite:{}", folder.path().display())).await.0, ErrorKind::Unsupported);
        let missing = refused(&format!("sqlite:{}/no/a.db", folder.path().display())).await;
        assert_eq!(missing.0, ErrorKind::NotFound, "{}", missing.1);
        assert_eq!(refused("sqlite:").await.0, ErrorKind::Unsupported);
    })
    .unwrap();
}

#[test]
#[cfg(feature = "postgres")]
fn no_error_shows_the_password() {
    gather_core::run(async {
        for url in [
            "postgres://me:S3CRET@127.0.0.1:1/db#t",
            "postgres://me:S3CRET@127.0.0.1:x/db",
            "postgres://me:a#S3CRET@h/x",
        ] {
            let error = TableSink::builder().open(&Target::parse(url)).await.map(|_| ()).unwrap_err();
            let said = format!("{error} {error:?}");
            assert!(!said.contains("S3CRET") && said.contains("hint:"), "{said}");
        }
    })
    .unwrap();
}

#[test]
fn sinks_that_write_the_same_keys_at_once_in_any_order_lose_none() {
    everywhere(async |place| {
        if place.is_sqlite() {
            return; // one transaction at a time writes there
        }
        place.query("create table T (k bigint unique, n bigint)").await;
        let write = async |sink_number: u64| {
            let mut sink = TableSink::builder().key("k").open(&place.target).await?;
            for round in 0..20 {
                let mut keys: Vec<u64> = (0..500).collect();
                keys.rotate_left(usize::try_from(sink_number * 37 + round * 7).unwrap());
                for key in if sink_number.is_multiple_of(2) { keys } else { keys.into_iter().rev().collect() }
                {
                    sink.write(record(json!({"k": key, "n": sink_number}))).await?;
                }
                sink.flush().await?;
            }
            sink.finish().await
        };
        let written = gather_core::gather((0..6).map(write)).await;
        assert_eq!(written.unwrap(), [10_000; 6]);
        assert_eq!(place.texts("count(*)").await, ["500"]);
    });
}

#[test]
fn sinks_that_find_no_table_and_no_column_at_once_share_them_all_the_same() {
    everywhere(async |place| {
        let (keyed, both) = (TableSink::builder().key("k"), async |first: TableSink, second: TableSink| {
            for (mut sink, k) in [(first, 1), (second, 2)] {
                sink.write(record(json!({"k": k, "new": k}))).await.unwrap();
                sink.finish().await.unwrap();
            }
        });
        let open = async |builder: &TableSinkBuilder| builder.clone().open(&place.target).await.unwrap();
        both(open(&keyed).await, open(&keyed).await).await;
        assert_eq!(place.texts("new").await, ["1", "2"]);
        place.query("drop table T").await;
        place.query("create table T (k bigint)").await;
        both(open(&keyed).await, open(&keyed).await).await;
        assert_eq!(place.texts("new").await, ["1", "2"]);
        let again = [json!({"k": 1, "new": 3})];
        place.write(keyed, &again).await.unwrap(); // whoever came first has made it unique
        assert_eq!(place.texts("new").await, ["2", "3"]);
    });
}

#[test]
fn a_table_that_another_has_filled_in_between_is_taken_only_to_add_to_it() {
    everywhere(async |place| {
        for append in [false, true] {
            let mut late = TableSink::builder().append(append).open(&place.target).await.unwrap();
            place.write(TableSink::builder(), &[json!({"a": 1})]).await.unwrap();
            late.write(record(json!({"a": 2}))).await.unwrap();
            let finished = late.finish().await;
            assert_eq!(finished.is_ok(), append, "{finished:?}");
            let expected: &[&str] = if append { &["1", "2"] } else { &["1"] };
            assert_eq!(place.texts("a").await, expected);
            place.query("drop table T").await;
        }
    });
}

#[test]
fn sinks_that_start_at_the_same_moment_make_one_table() {
    everywhere(async |place| {
        let declared = || TableSink::builder().columns(columns()).key("sku");
        let write = async |n: u64| {
            place.write(declared(), &[json!({"sku": n.to_string(), "stock": n, "more": n})]).await
        };
        for _ in 0..5 {
            assert_eq!(gather_core::gather((0..6).map(write)).await.unwrap(), [1; 6]);
            assert_eq!(place.texts("more").await, ["0", "1", "2", "3", "4", "5"]);
            place.query("drop table T").await;
        }
    });
}

#[test]
fn a_key_that_grows_stays_unique() {
    everywhere(async |place| {
        let number = |digits: &str| serde_json::from_str::<Value>(&format!("{{\"n\":{digits}}}")).unwrap();
        let large = "12345678901234567890123";
        let keyed = || TableSink::builder().columns([Column::new("n").holding(ColumnType::Integer)]).key("n");
        place.write(keyed(), &[number("1"), number(large), number("1")]).await.unwrap();
        assert_eq!(place.texts("n").await, ["1", large]);
        place.query("drop table T").await;
        let mut sink = keyed().open(&place.target).await.unwrap();
        for key in [json!(1), json!(2), json!("a"), json!(1)] {
            sink.write(record(json!({"n": key}))).await.unwrap();
            sink.flush().await.unwrap();
        }
        sink.finish().await.unwrap();
        assert_eq!(place.texts("n").await, ["1", "2", "a"]);
        place.write(keyed(), &[json!({"n": "a"})]).await.unwrap(); // which is found again
        assert_eq!(place.texts("n").await, ["1", "2", "a"]);
    });
}

#[test]
fn keys_that_the_column_takes_for_equal_are_one_row_which_the_last_record_fills() {
    everywhere(async |place| {
        let number = |digits: &str, v: u64| {
            serde_json::from_str::<Value>(&format!("{{\"k\":{digits},\"v\":{v}}}")).unwrap()
        };
        let written = [("0", 1), ("-0", 2), ("0.001", 3), ("1e-3", 4), ("1.0", 5), ("1", 6), ("-0.0", 7)];
        let records = written.map(|(digits, v)| number(digits, v));
        place.write(TableSink::builder().key("k"), &records).await.unwrap();
        assert_eq!(place.texts("v").await, ["4", "6", "7"]);
        if !place.is_sqlite() {
            place.query("drop table T").await;
            place.query("create table T (k date unique, v bigint)").await;
            let days = [json!({"k": "2024-01-02", "v": 1}), json!({"k": "20240102", "v": 2})];
            place.write(TableSink::builder().key("k"), &days).await.unwrap();
            assert_eq!(place.texts("v").await, ["2"]);
        }
    });
}

#[test]
fn what_is_told_apart_in_json_is_told_apart_in_the_table() {
    everywhere(async |place| {
        let values = [json!(1), json!(true), json!("1"), json!("true"), json!([1]), json!(null)];
        let declared = || TableSink::builder().columns([Column::new("j").holding(ColumnType::Json)]);
        let records: Vec<_> = values.iter().map(|value| json!({"j": value})).collect();
        place.write(declared(), &records).await.unwrap();
        assert_eq!(place.texts("j").await, ["\"1\"", "\"true\"", "1", "[1]", "null", "true"]);
        place.write(declared().append(true), &[json!({"j": false})]).await.unwrap();
        assert!(place.texts("j").await.contains(&"false".to_owned()));
        place.query("drop table T").await;
        let mut sink = TableSink::builder().open(&place.target).await.unwrap();
        for value in [json!(true), json!(false), json!(null), json!(1), json!(true)] {
            sink.write(record(json!({"j": value}))).await.unwrap();
            sink.flush().await.unwrap();
        }
        sink.finish().await.unwrap();
        assert_eq!(place.texts("j").await, ["1", "false", "null", "true", "true"]);
    });
}

fn record(value: Value) -> Record {
    value.as_object().unwrap().clone().into()
}

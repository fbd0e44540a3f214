//! A `<table>` as a grid: spans expanded, columns named by their headers.
//!
//! Follows [HTML, forming a table](https://html.spec.whatwg.org/multipage/tables.html#forming-a-table).

use std::collections::HashMap;
use std::rc::Rc;

use scraper::ElementRef;

use crate::budget::Budget;
use crate::error::{Error, ErrorKind};
use crate::recipe::model::RESERVED;
use crate::text::{fold, is_in_any_case, visible_text};

/// The standard's own cap on `colspan`.
const MOST_COLUMNS_SPANNED: usize = 1000;

/// Cells after spans are expanded; a few bytes of `colspan` and `rowspan` could ask for millions.
const MOST_CELLS: usize = 1_000_000;

/// A table's rows below its header.
pub(crate) struct Grid<'a> {
    pub(crate) columns: Vec<Column>,
    pub(crate) rows: Vec<Row<'a>>,
}

/// A column's name, and all texts that stand in its header.
pub(crate) struct Column {
    pub(crate) name: String,
    headers: Vec<Rc<str>>,
}

/// A row: its element, and the cell in each column.
pub(crate) struct Row<'a> {
    pub(crate) element: ElementRef<'a>,
    pub(crate) cells: Vec<Option<ElementRef<'a>>>,
}

/// By column, the cell that reaches down into it, and into how many rows more.
type Hanging<'a> = Vec<Option<(ElementRef<'a>, usize)>>;

impl<'a> Grid<'a> {
    /// Reads a table; the rows of tables inside it are not its own.
    pub(crate) fn new(table: ElementRef<'a>, budget: &Budget) -> Result<Self, Error> {
        let mut rows = expanded(&own_groups(table))?;
        let header_rows = header_rows(&rows);
        let body = rows.split_off(header_rows);
        let width = rows.iter().chain(&body).map(|row| row.cells.len()).max().unwrap_or(0);
        let columns = columns(&rows, width, budget);
        budget.check()?;
        let rows =
            body.into_iter().filter(|row| row.cells.iter().flatten().any(|cell| cell.value().name() == "td"));
        Ok(Self { columns, rows: rows.collect() })
    }

    /// The column of this name: as written, else whatever the case.
    pub(crate) fn column(&self, name: &str) -> Option<usize> {
        let name = fold(name);
        let is_named = |column: &Column, same: &dyn Fn(&str) -> bool| {
            same(&column.name) || column.headers.iter().any(|header| same(header))
        };
        self.columns.iter().position(|column| is_named(column, &|header| header == name)).or_else(|| {
            let lower = name.to_lowercase();
            self.columns.iter().position(|column| is_named(column, &|header| is_in_any_case(header, &lower)))
        })
    }
}

/// The table's rows by their groups; rows outside of `thead`, `tbody` and `tfoot` that follow one another are one.
fn own_groups(table: ElementRef<'_>) -> Vec<Vec<ElementRef<'_>>> {
    let is_row = |element: &ElementRef<'_>| element.value().name() == "tr";
    let mut groups = vec![Vec::new()];
    for child in table.child_elements() {
        let is_group = matches!(child.value().name(), "thead" | "tbody" | "tfoot");
        match groups.last_mut() {
            Some(group) if is_row(&child) => group.push(child),
            _ if is_group => groups.extend([child.child_elements().filter(is_row).collect(), Vec::new()]),
            _ => {}
        }
    }
    groups
}

/// Source: [HTML, rules for parsing non-negative integers](https://html.spec.whatwg.org/multipage/common-microsyntaxes.html#rules-for-parsing-non-negative-integers).
fn span(cell: ElementRef<'_>, name: &str) -> Option<usize> {
    let text = cell.attr(name)?.trim_ascii_start();
    let (is_negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    let digits = digits.get(..end).filter(|digits| !digits.is_empty())?;
    let number = digits.parse().unwrap_or(usize::MAX);
    (!is_negative || number == 0).then_some(number)
}

/// The rows with their spans expanded. No cell reaches out of its group.
fn expanded<'a>(groups: &[Vec<ElementRef<'a>>]) -> Result<Vec<Row<'a>>, Error> {
    let mut rows = Vec::new();
    let mut total = 0;
    for group in groups {
        let mut hanging = Hanging::new();
        for (index, &element) in group.iter().enumerate() {
            let cells = cells_of(element, group.len() - index, &mut hanging, MOST_CELLS - total)?;
            total += cells.len();
            rows.push(Row { element, cells });
        }
    }
    Ok(rows)
}

/// A row's cells: its own, which may reach into `left` rows, and those that hang into it.
fn cells_of<'a>(
    row: ElementRef<'a>,
    left: usize,
    hanging: &mut Hanging<'a>,
    most: usize,
) -> Result<Vec<Option<ElementRef<'a>>>, Error> {
    let mut cells = Vec::new();
    for cell in row.child_elements().filter(|cell| matches!(cell.value().name(), "td" | "th")) {
        take_hanging(&mut cells, hanging);
        let across =
            span(cell, "colspan").filter(|across| *across > 0).unwrap_or(1).min(MOST_COLUMNS_SPANNED);
        for _ in 0..across {
            cells.push(Some(cell));
            hang(hanging, cells.len() - 1, cell, rows_down(cell, left) - 1);
        }
        within(cells.len(), most)?;
    }
    take_hanging(&mut cells, hanging);
    fill_rest(&mut cells, hanging);
    within(cells.len(), most)?;
    Ok(cells)
}

/// How many of the rows that are left in its group a cell is in; 0 is all of them.
fn rows_down(cell: ElementRef<'_>, left: usize) -> usize {
    match span(cell, "rowspan") {
        Some(0) => left,
        Some(rows) => rows.min(left),
        None => 1,
    }
}

fn within(cells: usize, most: usize) -> Result<(), Error> {
    if cells <= most { Ok(()) } else { Err(too_many_cells()) }
}

fn too_many_cells() -> Error {
    Error::new(ErrorKind::TooLarge, format!("the table is too large: past the bound of {MOST_CELLS} cells"))
}

/// Fills columns that a cell of an earlier row reaches into, up to the first free one.
fn take_hanging<'a>(cells: &mut Vec<Option<ElementRef<'a>>>, hanging: &mut Hanging<'a>) {
    while let Some(slot) = hanging.get_mut(cells.len()) {
        let Some((cell, rows)) = *slot else { return };
        *slot = (rows > 1).then_some((cell, rows - 1));
        cells.push(Some(cell));
    }
}

/// Fills the columns behind the row's own last cell.
fn fill_rest<'a>(cells: &mut Vec<Option<ElementRef<'a>>>, hanging: &mut Hanging<'a>) {
    let Some(last) = hanging.iter().rposition(Option::is_some) else { return };
    while cells.len() <= last {
        cells.push(None);
        take_hanging(cells, hanging);
    }
}

/// Lets a cell of this row reach into `rows` more. One that hung into its place already, which it covers, has one less to go.
fn hang<'a>(hanging: &mut Hanging<'a>, column: usize, cell: ElementRef<'a>, rows: usize) {
    if hanging.len() <= column && rows > 0 {
        hanging.resize(column + 1, None);
    }
    if let Some(slot) = hanging.get_mut(column) {
        let covered = slot.take().filter(|(_, left)| *left > 1).map(|(covered, left)| (covered, left - 1));
        *slot = if rows > 0 { Some((cell, rows)) } else { covered };
    }
}

/// How many rows on top are the header: those in `<thead>`, else those of header cells only, else
/// the first.
fn header_rows(rows: &[Row<'_>]) -> usize {
    let in_head = |row: &&Row<'_>| {
        row.element.parent().and_then(ElementRef::wrap).is_some_and(|parent| parent.value().name() == "thead")
    };
    let only_headers = |row: &&Row<'_>| {
        !row.cells.is_empty() && row.cells.iter().flatten().all(|cell| cell.value().name() == "th")
    };
    match rows.iter().take_while(in_head).count() {
        0 => rows.iter().take_while(only_headers).count().max(usize::from(!rows.is_empty())),
        head => head,
    }
}

/// The columns by their header cells. The text of a cell is made once, however many columns it spans; a name is one text
/// for each of them. They end early when the budget does.
fn columns(header: &[Row<'_>], width: usize, budget: &Budget) -> Vec<Column> {
    let mut columns: Vec<Column> = Vec::with_capacity(width);
    let mut texts = HashMap::new();
    for index in 0..width {
        let mut headers: Vec<Rc<str>> = Vec::new();
        for cell in header.iter().filter_map(|row| row.cells.get(index).copied().flatten()) {
            let made = || visible_text(cell, budget).map_or_else(String::new, |text| fold(&text));
            let text = texts.entry(cell.id()).or_insert_with(|| Rc::<str>::from(made()));
            if !text.is_empty() && headers.last() != Some(text) {
                headers.push(Rc::clone(text));
            }
        }
        let name = if headers.is_empty() { format!("column_{}", index + 1) } else { headers.join(" ") };
        if !budget.spend(&name) || !budget.had_time() {
            break;
        }
        columns.push(Column { name, headers });
    }
    number_repeated(&mut columns);
    columns
}

/// A second `Price` is `Price_2`, or the next that no other has: a record has each name once, and those that it uses itself already.
fn number_repeated(columns: &mut [Column]) {
    let own = RESERVED.iter().map(|name| ((*name).to_owned(), 1));
    let mut seen: HashMap<String, usize> = own.collect();
    for column in columns {
        let mut count = seen.get(&column.name).copied().unwrap_or(1);
        let mut name = column.name.clone();
        while seen.contains_key(&name) {
            count += 1;
            name = format!("{}_{count}", column.name);
        }
        seen.insert(column.name.clone(), count);
        seen.entry(name.clone()).or_insert(1);
        column.name = name;
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "what a test looks for needs no budget")]
mod tests {
    use super::*;
    use scraper::{Html, Selector};

    fn cells(html: &str) -> Result<(Vec<String>, Vec<Vec<String>>), Error> {
        cells_within(html, &Budget::whole())
    }

    fn cells_within(html: &str, budget: &Budget) -> Result<(Vec<String>, Vec<Vec<String>>), Error> {
        let html = Html::parse_document(html);
        let selector = Selector::parse("table").unwrap();
        let grid = Grid::new(html.root_element().select(&selector).next().unwrap(), budget)?;
        let text = |cell: &Option<ElementRef<'_>>| cell.map_or("-".to_owned(), crate::text::shown);
        let rows = grid.rows.iter().map(|row| row.cells.iter().map(text).collect()).collect();
        Ok((grid.columns.into_iter().map(|column| column.name).collect(), rows))
    }

    #[test]
    fn spans_are_expanded() {
        let (columns, rows) = cells(
            "<table><tr><th>A<th colspan=2>B<th>C\
             <tr><td rowspan=3>1<td>2<td>3<td>4\
             <tr><td colspan=2>5<td rowspan=0>6\
             <tr><td>7</table>",
        )
        .unwrap();
        assert_eq!(columns, ["A", "B", "B_2", "C"]);
        assert_eq!(rows, [["1", "2", "3", "4"], ["1", "5", "5", "6"], ["1", "7", "-", "6"]]);
    }

    #[test]
    fn a_cell_does_not_reach_out_of_its_group_of_rows() {
        for (table, expected) in [
            (
                "<thead><tr><th rowspan=2>A<th>B</thead><tbody><tr><td>1<td>2<tr><td>3<td>4</tbody>",
                [["1", "2"], ["3", "4"]],
            ),
            (
                "<thead><tr><th>A<th>B</thead><tbody><tr><td rowspan=9>1<td>2</tbody><tbody><tr><td>3<td>4</tbody>",
                [["1", "2"], ["3", "4"]],
            ),
            (
                "<thead><tr><th rowspan=0>A<th>B</thead><tr><td rowspan=0>1<td>2<tr><td>3",
                [["1", "2"], ["1", "3"]],
            ),
        ] {
            let (columns, rows) = cells(&format!("<table>{table}</table>")).unwrap();
            assert_eq!(columns, ["A", "B"]);
            assert_eq!(rows, expected, "{table}");
        }
    }

    #[test]
    fn a_head_of_two_rows_names_columns_by_both() {
        let (columns, rows) = cells(
            "<table><thead><tr><th rowspan=2>Name<th colspan=2>Point<tr><th>melting<th>boiling</thead>\
             <tr><th>Neon<td>24<td>27</table>",
        )
        .unwrap();
        assert_eq!(columns, ["Name", "Point melting", "Point boiling"]);
        assert_eq!(rows, [["Neon", "24", "27"]]);
    }

    #[test]
    fn without_header_cells_the_first_row_is_the_header() {
        let (columns, rows) = cells("<table><tr><td>A<td><tr><td>1<td>2</table>").unwrap();
        assert_eq!(columns, ["A", "column_2"]);
        assert_eq!(rows, [["1", "2"]]);
    }

    #[test]
    fn a_column_does_not_take_the_name_of_what_a_record_says_of_itself() {
        let (columns, _) =
            cells("<table><tr><th>_source<th>A<th>_source<tr><td>1<td>2<td>3</table>").unwrap();
        assert_eq!(columns, ["_source_2", "A", "_source_3"]);
    }

    #[test]
    fn a_number_that_another_name_ends_with_makes_no_column_hide_another() {
        for (headers, expected) in [
            ("<th>A<th>A<th>A_2", ["A", "A_2", "A_2_2"]),
            ("<th>A_2<th>A<th>A", ["A_2", "A", "A_3"]),
            ("<th>A<th>A<th>A", ["A", "A_2", "A_3"]),
        ] {
            assert_eq!(cells(&format!("<table><tr>{headers}<tr><td>1</table>")).unwrap().0, expected);
        }
    }

    #[test]
    fn spans_are_read_as_browsers_read_numbers() {
        for (written, rows) in [
            ("2x", ["1", "1", "-"]),
            ("2.9", ["1", "1", "-"]),
            (" +2", ["1", "1", "-"]),
            ("99999999999999999999", ["1", "1", "1"]),
            ("-0", ["1", "1", "1"]),
            ("-2", ["1", "-", "-"]),
            ("x2", ["1", "-", "-"]),
        ] {
            let table = format!(
                "<table><tr><th>A<th>B<tbody><tr><td>0<td rowspan='{written}'>1<tr><td>0<tr><td>0</table>"
            );
            let second = cells(&table).unwrap().1;
            assert_eq!(
                second.iter().map(|row| row.get(1).map_or("-", |cell| cell)).collect::<Vec<_>>(),
                rows,
                "{written}"
            );
        }
        let (columns, _) =
            cells("<table><tr><th colspan='2%'>A<th colspan=0>B<th colspan=-1>C<tr><td>1</table>").unwrap();
        assert_eq!(columns, ["A", "A_2", "B", "C"]);
    }

    #[test]
    fn a_cell_that_another_covers_reaches_no_row_further() {
        let (_, rows) = cells(
            "<table><tr><th>A<th>B<th>C<tr><td>1<td rowspan=2>2<td>3<tr><td colspan=2>4<td>5<tr><td>6<td>7<td>8</table>",
        )
        .unwrap();
        assert_eq!(rows, [["1", "2", "3"], ["4", "4", "5"], ["6", "7", "8"]]);
    }

    #[test]
    fn rows_of_a_table_inside_are_not_its_own() {
        let (_, rows) = cells("<table><tr><th>A<tr><td><table><tr><td>x<tr><td>y</table></table>").unwrap();
        assert_eq!(rows.len(), 1);
    }

    #[test]
    fn spans_that_ask_for_millions_of_cells_are_too_large() {
        let wide = "<td colspan=1000>".repeat(2000);
        assert_eq!(cells(&format!("<table><tr>{wide}</table>")).unwrap_err().kind(), ErrorKind::TooLarge);
        let tall = format!(
            "<table><tr>{}{}</table>",
            "<td colspan=1000 rowspan=65534>".repeat(10),
            "<tr><td>".repeat(2000)
        );
        assert_eq!(cells(&tall).unwrap_err().kind(), ErrorKind::TooLarge);
    }

    #[test]
    fn the_text_of_a_header_that_spans_columns_is_made_once_and_each_name_is_paid_for() {
        let wide = |columns: usize| {
            format!("<table><tr><th colspan={columns}>{}<tr><td>1</table>", "x".repeat(1000))
        };
        let enough = Budget::of_text(11_000);
        assert_eq!(cells_within(&wide(10), &enough).unwrap().0.len(), 10);
        assert_eq!(enough.text_left(), 0);
        let error = cells_within(&wide(11), &Budget::of_text(11_000)).unwrap_err();
        assert!(error.kind() == ErrorKind::TooLarge && error.message().contains("11000 bytes"), "{error}");
    }
}

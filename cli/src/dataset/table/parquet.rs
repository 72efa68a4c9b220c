//! Parquet, by the record API of the `parquet` crate: only the columns that are asked for are decoded.

use std::collections::BTreeSet;
use std::fs::File;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::str;

use parquet::basic::Repetition;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use parquet::record::reader::RowIter;
use parquet::schema::types::Type;

use super::super::labels::RawLabel;
use super::footer;
use super::pages::CheckedGroup;
use super::problem::{Place, TableProblem, position};
use super::read::Columns;
use super::rows::Rows;

/// The crate panics on some damaged files (a page that ends early, a level out of range): such a file is refused as any
/// other damaged one.
pub(super) fn read(file: File, columns: Columns<'_>, rows: &mut Rows) -> Result<(), TableProblem> {
    catch_unwind(AssertUnwindSafe(|| decode(file, columns, rows))).unwrap_or(Err(TableProblem::ParquetPanic))
}

fn decode(mut file: File, columns: Columns<'_>, rows: &mut Rows) -> Result<(), TableProblem> {
    footer::check(&mut file)?;
    let pages = file.try_clone().map_err(TableProblem::Read)?;
    let file = SerializedFileReader::new(file).map_err(TableProblem::Parquet)?;
    let schema = file.metadata().file_metadata().schema();
    let fields = schema.get_fields();
    let names: Vec<String> = fields.iter().map(|field| field.name().to_owned()).collect();

    let wanted = columns.texts.iter().map(String::as_str).chain(columns.label);
    let wanted: BTreeSet<usize> = wanted.map(|name| position(&names, name)).collect::<Result<_, _>>()?;
    let fields: Vec<_> = wanted.iter().filter_map(|&position| fields.get(position).cloned()).collect();
    for field in &fields {
        let name = field.name();
        if !field.is_primitive() || field.get_basic_info().repetition() == Repetition::REPEATED {
            return Err(TableProblem::UnusableColumn { name: name.to_owned(), found: "nested" });
        }
    }
    let names: Vec<String> = fields.iter().map(|field| field.name().to_owned()).collect();
    let texts = columns.texts.iter().map(|name| Ok((name.as_str(), position(&names, name)?)));
    let texts: Vec<(&str, usize)> = texts.collect::<Result<_, TableProblem>>()?;
    let label = columns.label.map(|name| Ok((name, position(&names, name)?))).transpose()?;
    let projection = Type::group_type_builder(schema.name()).with_fields(fields).build();
    let projection = projection.map_err(TableProblem::Parquet)?;

    for group in 0..file.num_row_groups() {
        if rows.full() {
            break;
        }
        let group = file.get_row_group(group).map_err(TableProblem::Parquet)?;
        let group = CheckedGroup { group, file: &pages };
        for row in RowIter::from_row_group(Some(projection.clone()), &group).map_err(TableProblem::Parquet)? {
            if rows.full() {
                break;
            }
            let cells = row.map_err(TableProblem::Parquet)?.into_columns();
            let place = Place::Row(rows.number());
            for &(name, position) in &texts {
                let cell = cells.get(position).map_or(&Field::Null, |(_, cell)| cell);
                rows.text(place, name, text(place, name, cell)?)?;
            }
            if let Some((name, position)) = label {
                let cell = cells.get(position).map_or(&Field::Null, |(_, cell)| cell);
                rows.label(place, name, raw_label(place, name, cell)?)?;
            }
            rows.end()?;
        }
    }
    Ok(())
}

/// Where in the file the pages of `columns` for the first `rows` rows lie. Only the footer is read for it.
pub(super) fn ranges(file: File, columns: Columns<'_>, rows: NonZeroUsize) -> Result<Vec<Range<u64>>, TableProblem> {
    catch_unwind(AssertUnwindSafe(|| locate(file, columns, rows))).unwrap_or(Err(TableProblem::ParquetPanic))
}

fn locate(mut file: File, columns: Columns<'_>, rows: NonZeroUsize) -> Result<Vec<Range<u64>>, TableProblem> {
    footer::check(&mut file)?;
    let bytes = file.metadata().map_err(TableProblem::Read)?.len();
    let file = SerializedFileReader::new(file).map_err(TableProblem::Parquet)?;
    let wanted: Vec<&str> = columns.texts.iter().map(String::as_str).chain(columns.label).collect();
    let (mut found, mut ranges) = (0_u64, Vec::new());
    for group in file.metadata().row_groups() {
        if found >= rows.get() as u64 {
            break;
        }
        found = found.saturating_add(u64::try_from(group.num_rows()).unwrap_or(0));
        for column in group.columns() {
            if column.column_path().parts().first().is_some_and(|name| wanted.contains(&name.as_str())) {
                let (start, length) = column.byte_range();
                let end = start.checked_add(length).filter(|end| *end <= bytes).ok_or_else(|| {
                    TableProblem::ParquetFooter { reason: format!("pages at {start}, in a file of {bytes} bytes") }
                })?;
                ranges.push(start..end);
            }
        }
    }
    Ok(ranges)
}

fn text<'a>(place: Place, column: &str, cell: &'a Field) -> Result<&'a str, TableProblem> {
    match cell {
        Field::Str(text) => Ok(text),
        // Old writers leave out the annotation that says that bytes are text.
        Field::Bytes(bytes) => str::from_utf8(bytes.data()).map_err(|_| TableProblem::NotUtf8 { place }),
        Field::Null => Err(TableProblem::MissingText { place, column: column.to_owned() }),
        other => Err(TableProblem::NotAText { place, column: column.to_owned(), found: kind(other) }),
    }
}

fn raw_label(place: Place, column: &str, cell: &Field) -> Result<RawLabel, TableProblem> {
    Ok(match cell {
        Field::Null => RawLabel::Missing,
        Field::Bool(value) => RawLabel::Bool(*value),
        Field::Byte(value) => RawLabel::Integer((*value).into()),
        Field::Short(value) => RawLabel::Integer((*value).into()),
        Field::Int(value) => RawLabel::Integer((*value).into()),
        Field::Long(value) => RawLabel::Integer((*value).into()),
        Field::UByte(value) => RawLabel::Integer((*value).into()),
        Field::UShort(value) => RawLabel::Integer((*value).into()),
        Field::UInt(value) => RawLabel::Integer((*value).into()),
        Field::ULong(value) => RawLabel::Integer((*value).into()),
        Field::Float16(value) => RawLabel::Float((*value).into()),
        Field::Float(value) => RawLabel::Float((*value).into()),
        Field::Double(value) => RawLabel::Float(*value),
        Field::Str(_) | Field::Bytes(_) => RawLabel::Text(text(place, column, cell)?.to_owned()),
        other => {
            return Err(TableProblem::NotALabel { place, column: column.to_owned(), found: kind(other) });
        }
    })
}

fn kind(cell: &Field) -> &'static str {
    match cell {
        Field::Null => "null",
        Field::Bool(_) => "a boolean",
        Field::Decimal(_) => "a decimal number",
        Field::Str(_) => "a text",
        Field::Bytes(_) => "bytes",
        Field::Date(_) => "a date",
        Field::TimeMillis(_) | Field::TimeMicros(_) => "a time",
        Field::TimestampMillis(_) | Field::TimestampMicros(_) => "a point in time",
        Field::Group(_) | Field::ListInternal(_) | Field::MapInternal(_) => "nested",
        _ => "a number",
    }
}

//! Apache Parquet with the types of G3, and null for what text has `-` for (G4).
//!
//! Columns are collected and written as a row group whenever there are [`CELLS_MAX`] values: memory is bounded, and what is a number in the schema is never text
//! on the way. The low-level writer of the `parquet` crate does it without Arrow's arrays, which would be a second copy of every column.
//! Names of columns have `_` where those of fields have `-`, as in the tables that AWS documents for Athena.

use std::fs::File;
use std::io;
use std::sync::Arc;

use parquet::basic::{Compression, ConvertedType, Repetition, Type as PhysicalType};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, Int32Type, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::{WriterProperties, WriterVersion};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::{Type, TypePtr};

use super::{Counted, Encode};
use crate::field::{Column, Format, Kind};
use crate::row::{Row, Value};

/// Values of a row group, over all columns: some 4 MiB.
const CELLS_MAX: usize = 1 << 17;

/// Writes a Parquet file.
pub(super) struct ParquetEncoder {
    writer: SerializedFileWriter<Counted<File>>,
    columns: Vec<(Column, Cells)>,
    rows: usize,
}

/// The values of one column, and whether each row has one.
struct Cells {
    values: Values,
    /// 1 for a value, 0 for null: Parquet's definition levels.
    levels: Vec<i16>,
}

enum Values {
    Text(Vec<ByteArray>),
    Int32(Vec<i32>),
    Int64(Vec<i64>),
}

impl ParquetEncoder {
    pub(super) fn begin(to: Counted<File>, format: &Format) -> io::Result<Self> {
        let properties = WriterProperties::builder()
            .set_compression(Compression::GZIP(Default::default()))
            .set_writer_version(WriterVersion::PARQUET_1_0)
            .set_created_by(concat!("secgroup ", env!("CARGO_PKG_VERSION")).to_owned())
            .build();
        let schema = schema(format).map_err(in_parquet)?;
        let writer = SerializedFileWriter::new(to, schema, Arc::new(properties));
        Ok(Self {
            writer: writer.map_err(in_parquet)?,
            columns: format
                .columns()
                .iter()
                .map(|column| (*column, Cells::of(column.kind())))
                .collect(),
            rows: 0,
        })
    }

    fn write_group(&mut self) -> Result<(), ParquetError> {
        if self.rows == 0 {
            return Ok(());
        }
        let mut group = self.writer.next_row_group()?;
        for (_, cells) in &mut self.columns {
            cells.write(&mut group)?;
        }
        group.close()?;
        self.rows = 0;
        Ok(())
    }
}

impl Encode for ParquetEncoder {
    fn write(&mut self, row: &Row<'_>) -> io::Result<()> {
        for (column, cells) in &mut self.columns {
            cells.push(row.value(*column));
        }
        self.rows += 1;
        if self.rows * self.columns.len() >= CELLS_MAX {
            self.write_group().map_err(in_parquet)?;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> io::Result<File> {
        self.write_group().map_err(in_parquet)?;
        let counted = self.writer.into_inner().map_err(in_parquet)?;
        Ok(counted.into_inner())
    }
}

impl Cells {
    const fn of(kind: Kind) -> Self {
        Self {
            values: match kind {
                Kind::Text => Values::Text(Vec::new()),
                Kind::Int32 => Values::Int32(Vec::new()),
                Kind::Int64 => Values::Int64(Vec::new()),
            },
            levels: Vec::new(),
        }
    }

    /// A number that does not fit its column's type is null; none of ours is that large.
    fn push(&mut self, value: Value<'_>) {
        let is_there = match (&mut self.values, value) {
            (_, Value::Missing) | (Values::Text(_), Value::Text("")) => false,
            (Values::Text(texts), value) => {
                texts.push(ByteArray::from(value.to_string().into_bytes()));
                true
            }
            (Values::Int32(numbers), Value::Number(number)) => {
                let number = i32::try_from(number).ok();
                numbers.extend(number);
                number.is_some()
            }
            (Values::Int64(numbers), Value::Number(number)) => {
                let number = i64::try_from(number).ok();
                numbers.extend(number);
                number.is_some()
            }
            (Values::Int32(_) | Values::Int64(_), Value::Text(_) | Value::Address(_)) => false,
        };
        self.levels.push(i16::from(is_there));
    }

    fn write(
        &mut self,
        group: &mut SerializedRowGroupWriter<'_, Counted<File>>,
    ) -> Result<(), ParquetError> {
        match &mut self.values {
            Values::Text(values) => write_column::<ByteArrayType>(group, values, &self.levels)?,
            Values::Int32(values) => write_column::<Int32Type>(group, values, &self.levels)?,
            Values::Int64(values) => write_column::<Int64Type>(group, values, &self.levels)?,
        }
        self.levels.clear();
        Ok(())
    }
}

fn write_column<T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, Counted<File>>,
    values: &mut Vec<T::T>,
    levels: &[i16],
) -> Result<(), ParquetError> {
    let Some(mut column) = group.next_column()? else {
        return Err(ParquetError::General(
            "the schema has fewer columns".to_owned(),
        ));
    };
    column
        .typed::<T>()
        .write_batch(values, Some(levels), None)?;
    values.clear();
    column.close()
}

/// The columns, each of which may be null. A field that a format names twice has two names.
fn schema(format: &Format) -> Result<TypePtr, ParquetError> {
    let mut names: Vec<String> = Vec::new();
    let mut fields = Vec::new();
    for column in format.columns() {
        let plain = column.name.replace('-', "_");
        let mut name = plain.clone();
        let mut number = 1;
        while names.contains(&name) {
            number += 1;
            name = format!("{plain}_{number}");
        }
        let (physical, converted) = match column.kind() {
            Kind::Text => (PhysicalType::BYTE_ARRAY, ConvertedType::UTF8),
            Kind::Int32 => (PhysicalType::INT32, ConvertedType::NONE),
            Kind::Int64 => (PhysicalType::INT64, ConvertedType::NONE),
        };
        let field = Type::primitive_type_builder(&name, physical)
            .with_converted_type(converted)
            .with_repetition(Repetition::OPTIONAL)
            .build()?;
        fields.push(Arc::new(field));
        names.push(name);
    }
    let schema = Type::group_type_builder("flow_log")
        .with_fields(fields)
        .build()?;
    Ok(Arc::new(schema))
}

fn in_parquet(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(source) => match source.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(other) => io::Error::other(other),
        },
        other => io::Error::other(other),
    }
}

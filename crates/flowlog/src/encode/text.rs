//! Lines: the names of the fields, then one record each.

use std::fs::File;
use std::io::{self, BufWriter, Write};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::{Counted, Encode};
use crate::field::{Column, Format};
use crate::row::Row;

/// Plain lines.
pub(super) struct TextEncoder {
    to: BufWriter<Counted<File>>,
    columns: Vec<Column>,
}

impl TextEncoder {
    pub(super) fn begin(to: Counted<File>, format: &Format) -> io::Result<Self> {
        let mut to = BufWriter::new(to);
        write_header(&mut to, format)?;
        Ok(Self {
            to,
            columns: format.columns().to_vec(),
        })
    }
}

impl Encode for TextEncoder {
    fn write(&mut self, row: &Row<'_>) -> io::Result<()> {
        write_row(&mut self.to, &self.columns, row)
    }

    fn finish(self: Box<Self>) -> io::Result<File> {
        Ok(self.to.into_inner()?.into_inner())
    }
}

/// Compressed lines.
pub(super) struct GzipEncoder {
    to: BufWriter<GzEncoder<Counted<File>>>,
    columns: Vec<Column>,
}

impl GzipEncoder {
    pub(super) fn begin(to: Counted<File>, format: &Format) -> io::Result<Self> {
        let mut to = BufWriter::new(GzEncoder::new(to, Compression::default()));
        write_header(&mut to, format)?;
        Ok(Self {
            to,
            columns: format.columns().to_vec(),
        })
    }
}

impl Encode for GzipEncoder {
    fn write(&mut self, row: &Row<'_>) -> io::Result<()> {
        write_row(&mut self.to, &self.columns, row)
    }

    fn finish(self: Box<Self>) -> io::Result<File> {
        Ok(self.to.into_inner()?.finish()?.into_inner())
    }
}

fn write_header(to: &mut impl Write, format: &Format) -> io::Result<()> {
    let names: Vec<_> = format.columns().iter().map(|column| column.name).collect();
    writeln!(to, "{}", names.join(" "))
}

fn write_row(to: &mut impl Write, columns: &[Column], row: &Row<'_>) -> io::Result<()> {
    for (place, column) in columns.iter().enumerate() {
        let space = if place == 0 { "" } else { " " };
        write!(to, "{space}{}", row.value(*column))?;
    }
    writeln!(to)
}

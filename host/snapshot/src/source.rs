//! A vendor's file as rows: formats, columns, times, scales. It must never know what becomes of a row.

pub mod asset_class;
pub mod choices;
pub mod formats;
pub mod options;
pub mod progress;
pub mod venue_page;

pub(crate) mod column_ref;
pub(crate) mod columns;
pub(crate) mod deferred;
pub(crate) mod encoding;
pub(crate) mod fields;
pub(crate) mod gaps;
pub(crate) mod interval;
pub(crate) mod lines;
pub(crate) mod mapping;
pub(crate) mod notes;
pub(crate) mod number;
pub(crate) mod number_form;
pub(crate) mod number_grid;
pub(crate) mod number_rules;
pub(crate) mod period_labels;
pub(crate) mod precision;
pub(crate) mod reading;
pub(crate) mod records;
pub(crate) mod repeats;
pub(crate) mod row;
pub(crate) mod row_actions;
pub(crate) mod row_error;
pub(crate) mod row_offsets;
pub(crate) mod scales;
pub(crate) mod symbols;
pub(crate) mod table;
pub(crate) mod times;
pub(crate) mod trades;
pub(crate) mod zone;

//! The auditor's library and program: files in, verdict out.

//! breach

//! The program; everything is in the library.

/// Millions of short texts are made on one thread and dropped on another while context is read: this
/// allocator is built for that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    chartsentry::cli::main()
}

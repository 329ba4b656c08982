fn main() -> std::process::ExitCode {
    chartsentry::cli::main()
}

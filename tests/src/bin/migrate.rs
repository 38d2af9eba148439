//! The migrations tool, for the tests on a real LiteFS.

use migrations_tool::Exit;

fn main() -> Exit {
    migrations_tool::run(std::env::args_os())
}

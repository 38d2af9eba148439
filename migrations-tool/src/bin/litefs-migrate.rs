//! The migrations tool: see `litefs-migrate --help`.

use migrations_tool::Exit;

fn main() -> Exit {
    migrations_tool::run(std::env::args_os())
}

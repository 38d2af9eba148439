use litefs_diesel::litefs_repo;

#[litefs_repo]
pub struct Repo<'a>;

fn main() {
    let _ = Repo::on;
}

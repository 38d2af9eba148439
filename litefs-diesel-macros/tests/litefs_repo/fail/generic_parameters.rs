use litefs_diesel::litefs_repo;

#[litefs_repo]
pub struct Repo<T, const N: usize>;

fn main() {
    let _ = Repo::<u8, 1>::on;
}

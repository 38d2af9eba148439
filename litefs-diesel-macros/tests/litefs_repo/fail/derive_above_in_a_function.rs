fn main() {
    #[derive(Hash)] #[litefs_diesel::litefs_repo] struct Repo;
    let _ = Repo::on;
}

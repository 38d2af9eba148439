//! `pub(crate)` and `pub(super)`: the functions are as visible as the struct.

mod outer {
    pub(crate) mod inner {
        #[litefs_diesel::litefs_repo]
        pub(crate) struct Repo;

        #[litefs_diesel::litefs_repo]
        pub(super) struct Near;
    }

    pub(crate) fn near(node: &litefs_diesel::Node) -> bool {
        inner::Near::on(node).is_ok()
    }
}

fn main() {
    let _ = (outer::inner::Repo::start, outer::inner::Repo::on, outer::near);
}

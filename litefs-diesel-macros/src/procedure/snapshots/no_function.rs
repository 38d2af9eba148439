::core::compile_error! {
    "`#[procedure]` goes on a function, as in `pub fn transfer(conn: &mut LocalConn, …)`"
}
pub struct Pay;

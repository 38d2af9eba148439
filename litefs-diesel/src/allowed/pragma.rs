//! Which `PRAGMA`s may run where: those that are listed, and no other. `EXPLAIN` does not tell what one
//! does, and runs some.

use super::Site;
use super::forbidden::{Forbidden, shown};
use crate::statement::pragma::{Does, Pragma};

/// Those that tell something, also with a value: it says of what.
const TELL: [&str; 19] = [
    "collation_list",
    "compile_options",
    "data_version",
    "database_list",
    "foreign_key_check",
    "foreign_key_list",
    "freelist_count",
    "function_list",
    "index_info",
    "index_list",
    "index_xinfo",
    "integrity_check",
    "module_list",
    "page_count",
    "pragma_list",
    "quick_check",
    "table_info",
    "table_list",
    "table_xinfo",
];

/// Those that would outlive the connection, or go around SQLite's own checks: nowhere.
const NEVER: [&str; 8] = [
    "data_store_directory",
    "default_cache_size",
    "hard_heap_limit",
    "lock_proxy_file",
    "schema_version",
    "soft_heap_limit",
    "temp_store_directory",
    "writable_schema",
];

/// Whether this one may run; `sql` begins with `PRAGMA`.
pub(super) fn look(sql: &str, site: Site) -> Result<(), Forbidden> {
    let Some(pragma) = Pragma::parse(sql) else { return Err(Forbidden::Pragma(shown(sql))) };
    let name = pragma.name.as_str();
    if TELL.contains(&name) {
        return Ok(());
    }
    let does = pragma.does();
    if pragma.value.is_some() && NEVER.contains(&name) {
        return Err(Forbidden::Pragma(shown(sql)));
    }
    let may = match does {
        // Without a value they tell what is set.
        Does::Asks => pragma.value.is_none() && is_setting(name),
        Does::Writes | Does::WritesAlone => site != Site::Read,
        // SQLite takes no notice of the one in a transaction, and the other ends with it; and the
        // transaction is nobody else's.
        Does::ForeignKeys => matches!(site, Site::Transaction | Site::Migration),
        Does::Governs if name == "defer_foreign_keys" => matches!(site, Site::Transaction | Site::Migration),
        Does::Tunes | Does::JournalMode | Does::Founds | Does::Governs => site == Site::Migration,
    };
    match may {
        true => Ok(()),
        false if does == Does::Asks => Err(Forbidden::Pragma(shown(sql))),
        false => Err(Forbidden::Setting(shown(sql))),
    }
}

/// Whether a name is that of something that could be set: asking for it has no effect.
fn is_setting(name: &str) -> bool {
    let set = Pragma { name: name.to_owned(), value: Some(String::new()) };
    set.does() != Does::Asks
}

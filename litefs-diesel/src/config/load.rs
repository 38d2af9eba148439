//! Settings from the file and the environment.

use std::path::{Path, PathBuf};

use super::builder::Config;
use super::env::Environment;
use super::error::StartError;
use super::file;
use crate::error::Error;

/// Names the settings file.
const FILE_VARIABLE: &str = "LITEFS_DIESEL_CONFIG";

impl Config {
    /// Environment (`LITEFS_DIESEL__…`) over `litefs-diesel.toml` (named by `LITEFS_DIESEL_CONFIG`,
    /// else found in the working folder or the nearest above it) over `DATABASE_URL`. What is set in
    /// code afterwards has a higher rank than all of them. No file at all is no error.
    ///
    /// # Errors
    /// [`Error::Start`]: the file cannot be read or is not TOML, or there is a key that no setting has.
    ///
    /// ```no_run
    /// # use litefs_diesel::Config;
    /// let config = Config::load()?;
    /// # Ok::<(), litefs_diesel::Error>(())
    /// ```
    pub fn load() -> Result<Self, Error> {
        let environment = Environment::of_process();
        let path = match environment.get_filled(FILE_VARIABLE)? {
            Some(path) => Some(PathBuf::from(path)),
            None => {
                let folder = std::env::current_dir().map_err(|error| StartError::System {
                    why: format!("there is no working folder: {error}"),
                })?;
                file::find(&folder)
            }
        };
        Ok(Self::from_sources(path.as_deref(), &environment)?)
    }

    /// The same with this settings file, which has to be there.
    ///
    /// # Errors
    /// As [`Config::load`].
    ///
    /// ```
    /// # use litefs_diesel::Config;
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let path = folder.path().join("shop.toml");
    /// std::fs::write(&path, "[repo.Repo]\ndatabase = 'app.db'\n").unwrap();
    /// let config = Config::load_from(&path)?;
    /// # Ok::<(), litefs_diesel::Error>(())
    /// ```
    pub fn load_from(path: impl AsRef<Path>) -> Result<Self, Error> {
        Ok(Self::from_sources(Some(path.as_ref()), &Environment::of_process())?)
    }

    pub(crate) fn from_sources(path: Option<&Path>, environment: &Environment) -> Result<Self, StartError> {
        let mut config = Self { environment: environment.layer()?, ..Self::default() };
        if let Some(path) = path {
            // Absolute, because paths in it count from its folder also after the process has moved.
            let path = std::path::absolute(path)
                .map_err(|error| StartError::File { path: path.to_owned(), why: error.to_string() })?;
            config.file = file::read(&path, environment)?;
            config.root = path.parent().map(Path::to_owned);
        }
        config.database_url = environment.get_filled("DATABASE_URL")?.map(str::to_owned);
        Ok(config)
    }
}

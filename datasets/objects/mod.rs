//! Small files at an address of an object store: listed, fetched, put.

#[cfg(feature = "objects")]
pub(crate) mod store;

use std::io;

/// A place in an object store: a bucket, and the beginning of the names in it.
#[derive(Debug)]
pub struct Objects {
    #[cfg(feature = "objects")]
    store: std::sync::Arc<dyn object_store::ObjectStore>,
    #[cfg(feature = "objects")]
    prefix: object_store::path::Path,
    /// Without object stores there is no such place.
    #[cfg(not(feature = "objects"))]
    never: std::convert::Infallible,
}

/// A file at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Its name, from the place on; parts are set off by `/`.
    pub name: String,
    /// Changes with the file.
    pub version: String,
}

/// The schemes of object stores whose files can be listed.
pub const SCHEMES: [&str; 7] = ["s3://", "s3a://", "gs://", "az://", "adl://", "abfs://", "abfss://"];

/// Whether a place is an address of an object store and not a folder.
#[must_use]
pub fn is_address(place: &str) -> bool {
    SCHEMES.iter().any(|scheme| place.starts_with(scheme))
}

#[cfg(feature = "objects")]
mod imp {
    use futures_util::TryStreamExt;
    use object_store::path::Path;
    use object_store::{ObjectStoreExt, PutPayload};

    use super::store::{open, runtime, said};
    use super::{Object, Objects, io};

    impl Objects {
        /// Opens a place; credentials and endpoints come from the environment, as the vendors' own programs read them.
        ///
        /// # Errors
        /// What is wrong with the address or its settings.
        pub fn open(address: &str) -> io::Result<Self> {
            let (store, prefix) = open(address)?;
            Ok(Objects { store, prefix })
        }

        /// Every file at the place, by name.
        ///
        /// # Errors
        /// What the store says.
        pub fn list(&self) -> io::Result<Vec<Object>> {
            let found: Vec<_> =
                runtime()?.block_on(self.store.list(Some(&self.prefix)).try_collect()).map_err(said)?;
            let object = |meta: object_store::ObjectMeta| {
                let name = meta.location.as_ref().strip_prefix(self.prefix.as_ref())?.trim_start_matches('/');
                let version = format!("{} {:?}", meta.e_tag.unwrap_or_default(), meta.last_modified);
                Some(Object { name: name.to_owned(), version })
            };
            let mut objects: Vec<Object> = found.into_iter().filter_map(object).collect();
            objects.sort_by(|a, b| a.name.cmp(&b.name));
            Ok(objects)
        }

        /// The bytes of a file.
        ///
        /// # Errors
        /// What the store says.
        pub fn get(&self, name: &str) -> io::Result<Vec<u8>> {
            let path = self.path(name);
            let got = runtime()?.block_on(async { self.store.get(&path).await?.bytes().await });
            Ok(got.map_err(said)?.to_vec())
        }

        /// Writes a file, whole or not at all.
        ///
        /// # Errors
        /// What the store says.
        pub fn put(&self, name: &str, bytes: Vec<u8>) -> io::Result<()> {
            let path = self.path(name);
            runtime()?.block_on(self.store.put(&path, PutPayload::from(bytes))).map(drop).map_err(said)
        }

        /// Removes a file.
        ///
        /// # Errors
        /// What the store says.
        pub fn remove(&self, name: &str) -> io::Result<()> {
            let path = self.path(name);
            runtime()?.block_on(self.store.delete(&path)).map_err(said)
        }

        fn path(&self, name: &str) -> Path {
            let parts = self.prefix.parts().map(|part| part.as_ref().to_owned());
            parts.chain(name.split('/').map(str::to_owned)).collect()
        }
    }
}

#[cfg(not(feature = "objects"))]
impl Objects {
    /// Opens no place: this build knows no object stores.
    ///
    /// # Errors
    /// Always.
    pub fn open(_: &str) -> io::Result<Self> {
        Err(io::Error::other("this build of homing does not support object stores"))
    }

    /// Every file at the place, by name.
    ///
    /// # Errors
    /// None: there is no place.
    pub fn list(&self) -> io::Result<Vec<Object>> {
        match self.never {}
    }

    /// The bytes of a file.
    ///
    /// # Errors
    /// None: there is no place.
    pub fn get(&self, _: &str) -> io::Result<Vec<u8>> {
        match self.never {}
    }

    /// Removes a file.
    ///
    /// # Errors
    /// None: there is no place.
    pub fn remove(&self, _: &str) -> io::Result<()> {
        match self.never {}
    }

    /// Writes a file.
    ///
    /// # Errors
    /// None: there is no place.
    pub fn put(&self, _: &str, _: Vec<u8>) -> io::Result<()> {
        match self.never {}
    }
}

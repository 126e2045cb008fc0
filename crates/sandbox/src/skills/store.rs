//! The skills: a `.json` each, with an index in memory, and a `.zip` for each version.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::manifest::Upload;
use super::skill::{Skill, Source, Version, vendor_skills};
use crate::disk;
use crate::error::ApiError;
use crate::ids::Mint;

/// All skills of a state folder, and those of the vendor.
#[derive(Debug)]
pub(crate) struct Store {
    folder: PathBuf,
    skills: RwLock<BTreeMap<String, Skill>>,
}

impl Store {
    /// Reads the skills in `folder`, made if missing.
    pub(crate) fn open(folder: &Path) -> io::Result<Store> {
        disk::make_folder(folder)?;
        let mut skills: BTreeMap<_, _> = vendor_skills()
            .into_iter()
            .map(|skill| (skill.id.clone(), skill))
            .collect();
        let mut archives = Vec::new();
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            let is = |wanted: &str| path.extension().is_some_and(|own| own == wanted);
            if is("json") {
                let skill: Skill = disk::read_json(&path)?;
                skills.insert(skill.id.clone(), skill);
            } else if is("zip") {
                archives.push(path);
            } else {
                disk::remove_file(&path)?;
            }
        }
        // What a kill left of a version that was never answered, or is gone.
        let versions = skills.values().flat_map(|skill| &skill.versions);
        let known: BTreeSet<PathBuf> = versions
            .map(|version| archive_path(folder, &version.id))
            .collect();
        for archive in archives.iter().filter(|path| !known.contains(*path)) {
            disk::remove_file(archive)?;
        }
        Ok(Store {
            folder: folder.to_owned(),
            skills: RwLock::new(skills),
        })
    }

    /// Adds a skill. It is durable when this returns, as is every change below.
    pub(crate) fn create(&self, ids: &Mint, upload: Upload) -> Result<Skill, ApiError> {
        let (id, created_us) = ids.mint_at("skill");
        let display_name = upload
            .display_name
            .clone()
            .unwrap_or_else(|| upload.name.clone());
        let version = self.version(ids, upload)?;
        let updated_us = version.created_us;
        let skill = Skill {
            id,
            display_name,
            source: Source::Custom,
            created_us,
            updated_us,
            versions: vec![version],
        };
        self.save(&mut self.write(), skill)
    }

    /// Adds a version to a skill.
    ///
    /// # Errors
    /// 404; 400 for another `name`, or a skill of the vendor.
    pub(crate) fn create_version(
        &self,
        ids: &Mint,
        id: &str,
        upload: Upload,
    ) -> Result<Version, ApiError> {
        let mut skills = self.write();
        let mut skill = own(&skills, id)?;
        if let Some(other) = skill
            .versions
            .last()
            .map(|version| &version.name)
            .filter(|name| **name != upload.name)
        {
            return Err(ApiError::invalid(format!(
                "SKILL.md: `name` must stay `{other}`, not become `{}`",
                upload.name
            )));
        }
        let version = self.version(ids, upload)?;
        skill.updated_us = version.created_us;
        skill.versions.push(version.clone());
        self.save(&mut skills, skill)?;
        Ok(version)
    }

    /// One skill.
    ///
    /// # Errors
    /// 404.
    pub(crate) fn get(&self, id: &str) -> Result<Skill, ApiError> {
        self.read().get(id).cloned().ok_or_else(|| missing(id))
    }

    /// All skills, newest first.
    pub(crate) fn newest_first(&self) -> Vec<Skill> {
        let mut skills: Vec<Skill> = self.read().values().cloned().collect();
        skills.sort_by_cached_key(|skill| std::cmp::Reverse(skill.sort_key()));
        skills
    }

    /// Deletes a skill with all its versions; in the older shape it must have none.
    ///
    /// # Errors
    /// 404; 400 for one with versions in the older shape, or a skill of the vendor.
    pub(crate) fn delete(&self, id: &str, old: bool) -> Result<(), ApiError> {
        let mut skills = self.write();
        let skill = own(&skills, id)?;
        if old && !skill.versions.is_empty() {
            return Err(ApiError::invalid(format!(
                "Skill `{id}` cannot be deleted while it has versions"
            )));
        }
        disk::remove_file(&self.path(id))?;
        for version in &skill.versions {
            disk::remove_file(&archive_path(&self.folder, &version.id))?;
        }
        skills.remove(id);
        Ok(())
    }

    /// Deletes a version; in the newer shape never the last.
    ///
    /// # Errors
    /// 404; 400 for the last one, or a skill of the vendor.
    pub(crate) fn delete_version(&self, id: &str, name: &str, old: bool) -> Result<(), ApiError> {
        let mut skills = self.write();
        let mut skill = own(&skills, id)?;
        let version_id = skill
            .version(name, old)
            .map(|version| version.id.clone())
            .ok_or_else(|| missing_version(name))?;
        if !old && skill.versions.len() == 1 {
            return Err(ApiError::invalid(format!(
                "Version `{name}` is the only one of its skill; delete the skill"
            )));
        }
        skill.versions.retain(|version| version.id != version_id);
        self.save(&mut skills, skill)?;
        disk::remove_file(&archive_path(&self.folder, &version_id))?;
        Ok(())
    }

    /// The zip file of a version of one's own.
    ///
    /// # Errors
    /// 404; 400 for a skill of the vendor.
    pub(crate) fn archive(&self, id: &str, name: &str, old: bool) -> Result<Vec<u8>, ApiError> {
        let skill = own(&self.read(), id)?;
        let version = skill
            .version(name, old)
            .ok_or_else(|| missing_version(name))?;
        match fs::read(archive_path(&self.folder, &version.id)) {
            // It was made before archives were kept.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(missing_version(name)),
            read => Ok(read?),
        }
    }

    /// A new version whose files are on disk.
    fn version(&self, ids: &Mint, upload: Upload) -> Result<Version, ApiError> {
        let (id, created_us) = ids.mint_at("skver");
        let Upload {
            name,
            description,
            directory,
            files,
            archive,
            ..
        } = upload;
        disk::write_bytes(&archive_path(&self.folder, &id), &archive)?;
        Ok(Version {
            id,
            number: created_us.to_string(),
            name,
            description,
            directory,
            files,
            created_us,
        })
    }

    fn save(&self, skills: &mut BTreeMap<String, Skill>, skill: Skill) -> Result<Skill, ApiError> {
        disk::write_json(&self.path(&skill.id), &skill)?;
        skills.insert(skill.id.clone(), skill.clone());
        Ok(skill)
    }

    fn path(&self, id: &str) -> PathBuf {
        self.folder.join(format!("{id}.json"))
    }

    fn read(&self) -> RwLockReadGuard<'_, BTreeMap<String, Skill>> {
        self.skills.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, BTreeMap<String, Skill>> {
        self.skills.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn archive_path(folder: &Path, version_id: &str) -> PathBuf {
    folder.join(format!("{version_id}.zip"))
}

/// A skill that may be changed.
fn own(skills: &BTreeMap<String, Skill>, id: &str) -> Result<Skill, ApiError> {
    match skills.get(id) {
        None => Err(missing(id)),
        Some(skill) if skill.source == Source::Anthropic => {
            Err(ApiError::invalid(format!("Skill `{id}` cannot be changed")))
        }
        Some(skill) => Ok(skill.clone()),
    }
}

fn missing(id: &str) -> ApiError {
    ApiError::not_found(format!("Skill not found: {id}"))
}

pub(crate) fn missing_version(version: &str) -> ApiError {
    ApiError::not_found(format!("Skill version not found: {version}"))
}

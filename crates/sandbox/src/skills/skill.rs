//! A skill and its versions, in the newer and the older shape.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::ids::rfc3339;

/// A skill. Times are microseconds since the epoch.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Skill {
    pub(crate) id: String,
    pub(crate) display_name: String,
    pub(crate) source: Source,
    pub(crate) created_us: i64,
    pub(crate) updated_us: i64,
    /// Oldest first. Empty only in the older shape, where the last version can be deleted.
    pub(crate) versions: Vec<Version>,
}

/// Where a skill comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Source {
    Custom,
    Anthropic,
}

/// A snapshot of a skill's files.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Version {
    pub(crate) id: String,
    /// How the older shape addresses it.
    pub(crate) number: String,
    pub(crate) name: String,
    pub(crate) description: String,
    /// The top folder of its files.
    pub(crate) directory: String,
    pub(crate) files: Vec<SkillFile>,
    pub(crate) created_us: i64,
}

/// A file of a version. Its content is in the version's zip file.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct SkillFile {
    pub(crate) path: String,
    pub(crate) bytes: u64,
    pub(crate) sha256: String,
}

impl Skill {
    /// What lists are sorted by, descending.
    pub(crate) fn sort_key(&self) -> String {
        format!("{:020} {}", self.created_us, self.id)
    }

    /// The version with this identifier or, in the older shape, number.
    pub(crate) fn version(&self, name: &str, old: bool) -> Option<&Version> {
        self.versions.iter().find(|version| {
            if old {
                version.number == name
            } else {
                version.id == name
            }
        })
    }

    /// The object as the service shows it.
    pub(crate) fn object(&self, old: bool) -> Value {
        let latest = self.versions.last();
        let (created_at, updated_at) = (rfc3339(self.created_us), rfc3339(self.updated_us));
        if old {
            return json!({
                "id": self.id,
                "type": "skill",
                "display_title": self.display_name,
                "latest_version": latest.map(|version| &version.number),
                "source": self.source,
                "created_at": created_at,
                "updated_at": updated_at,
            });
        }
        json!({
            "id": self.id,
            "type": "skill",
            "display_name": self.display_name,
            "latest_version_id": latest.map(|version| &version.id),
            "source": { "type": self.source },
            "created_at": created_at,
            "updated_at": updated_at,
        })
    }
}

impl Version {
    /// The object as the service shows it.
    pub(crate) fn object(&self, skill_id: &str, old: bool) -> Value {
        let mut object = json!({
            "id": self.id,
            "type": "skill_version",
            "skill_id": skill_id,
            "name": self.name,
            "description": self.description,
            "created_at": rfc3339(self.created_us),
        });
        if old {
            object["version"] = json!(self.number);
            object["directory"] = json!(self.directory);
        }
        object
    }
}

/// The skills every organization has.
pub(crate) fn vendor_skills() -> Vec<Skill> {
    const RELEASED_US: i64 = 1_760_313_600_000_000;
    [
        ("docx", "Word", "Creates, reads and edits Word documents."),
        ("pdf", "PDF", "Creates, reads and fills PDF documents."),
        (
            "pptx",
            "PowerPoint",
            "Creates, reads and edits presentations.",
        ),
        ("xlsx", "Excel", "Creates, reads and edits spreadsheets."),
    ]
    .map(|(id, display_name, description)| Skill {
        id: id.to_owned(),
        display_name: display_name.to_owned(),
        source: Source::Anthropic,
        created_us: RELEASED_US,
        updated_us: RELEASED_US,
        versions: vec![Version {
            id: "20251013".to_owned(),
            number: "20251013".to_owned(),
            name: id.to_owned(),
            description: description.to_owned(),
            directory: id.to_owned(),
            files: Vec::new(),
            created_us: RELEASED_US,
        }],
    })
    .to_vec()
}

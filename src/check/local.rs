//! What the task brings along: the folder of the config, and the image's architecture.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::{BUDGET, Line, Verdict, check};
use crate::config::{file, packed};
use crate::exit::ExitCode;
use crate::settings::ConfigSettings;

/// The checks that need no network.
pub async fn run(settings: &ConfigSettings) -> Vec<Line> {
    let path = settings.path.clone();
    let (folder, architecture) = tokio::join!(
        check("config-folder", BUDGET, folder(path)),
        check("architecture", BUDGET, async { architecture() }),
    );
    vec![folder, architecture]
}

/// Writes as much as the largest config may have beside the config, and takes it back.
async fn folder(path: PathBuf) -> Verdict {
    let trying = tokio::task::spawn_blocking(move || {
        let room = file::try_room(&path, packed::LIMIT);
        judge_folder(path.parent().unwrap_or(Path::new("/")), room)
    });
    trying
        .await
        .unwrap_or_else(|error| Verdict::fail(ExitCode::Software, error.to_string(), "report this as a bug"))
}

fn judge_folder(folder: &Path, room: io::Result<()>) -> Verdict {
    let told = fs::metadata(folder).map(|found| {
        format!(
            "{} (owner {}:{}, mode {:04o})",
            folder.display(),
            found.uid(),
            found.gid(),
            found.mode() & 0o7777
        )
    });
    let told = told.unwrap_or_else(|_| folder.display().to_string());
    let Err(error) = room else { return Verdict::ok(format!("{told} can be written, with room for 1 MiB")) };
    let user = fs::metadata("/proc/self").map_or_else(|_| "?".into(), |me| me.uid().to_string());
    let advice = match error.kind() {
        ErrorKind::NotFound => "mount the shared volume there, or correct CONFIG_PATH".into(),
        ErrorKind::ReadOnlyFilesystem => "mount the volume without readOnly in this container".into(),
        ErrorKind::PermissionDenied => format!(
            "let user {user} write it: the same `user` in both containers, or a VOLUME that the image owns"
        ),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            "give the task more ephemeral storage".to_owned()
        }
        _ => "make the folder a volume that this user may write".to_owned(),
    };
    Verdict::fail(ExitCode::CannotWrite, format!("{told} can't be written: {error}"), advice)
}

fn architecture() -> Verdict {
    let kernel = fs::read_to_string("/proc/sys/kernel/arch").unwrap_or_default();
    judge_architecture(std::env::consts::ARCH, kernel.trim())
}

/// The kernel tells its architecture since Linux 6.1; a program of another one runs in an
/// emulator.
fn judge_architecture(program: &str, kernel: &str) -> Verdict {
    match kernel {
        "" => Verdict::ok(format!("{program}; the kernel does not tell its own")),
        same if same == program => Verdict::ok(format!("{program}, the kernel's own")),
        other => Verdict::warn(
            format!("built for {program} and emulated on {other}"),
            "set runtimePlatform.cpuArchitecture to the image's (ARM64 or X86_64), or use the other image",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::*;

    #[test]
    fn an_emulated_image_is_told() {
        assert_eq!(judge_architecture("aarch64", "aarch64").level, Level::Ok);
        assert_eq!(judge_architecture("aarch64", "").level, Level::Ok);
        let emulated = judge_architecture("aarch64", "x86_64");
        assert_eq!(emulated.level, Level::Warn);
        assert!(emulated.what.contains("emulated on x86_64"), "{}", emulated.what);
    }

    #[test]
    fn a_full_volume_is_told() {
        let full = judge_folder(Path::new("/"), Err(ErrorKind::StorageFull.into()));
        assert_eq!((full.level, full.code), (Level::Fail, ExitCode::CannotWrite));
        assert!(full.advice.contains("ephemeral storage"), "{}", full.advice);
    }
}

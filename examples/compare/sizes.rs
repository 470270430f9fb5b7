//! What the images hold, part by part: as files and as `gzip -9` leaves them.

use std::path::Path;
use std::process::Command;

use testbed::{AwsCli, Goose, Result};

/// Debian's packages of the interpreter that the AWS CLI needs, with its standard library.
const PYTHON: [&str; 3] = ["python3.11-minimal", "libpython3.11-minimal", "libpython3.11-stdlib"];
/// The goal: so many times smaller.
const GOAL: f64 = 30.0;

/// Bytes of a part, unpacked and compressed.
#[derive(Clone, Copy)]
struct Size {
    unpacked: f64,
    compressed: f64,
}

/// Prints the table.
pub fn compare(binary: &Path) -> Result<()> {
    println!("\n## Size\n\n| image | part | MB | MB compressed |\n|---|---|---|---|");
    let certificates = Path::new("certs/rds-global-bundle.pem");
    let authorities = Path::new("/etc/ssl/certs/ca-certificates.crt");
    let ours = [
        row("ours", "the binary", of_file(binary)?),
        row("", "public certificate authorities", of_file(authorities)?),
        row("", "Amazon RDS's", of_file(certificates)?),
    ];
    let ours = total(&ours);
    let aws_cli = AwsCli::installed()?.packages()?;
    let goose = Goose::installed()?.ok_or("there is no Go to build goose with")?;
    let theirs = [
        row("script", "the AWS CLI and the packages it needs", of_folder(&aws_cli)?),
        row("", "Python (Debian's packages, as xz leaves them)", of_packages()?),
        row("", "goose, PostgreSQL's driver only, stripped", of_stripped(&goose.folder().join("goose"))?),
        row("", "public certificate authorities", of_file(authorities)?),
    ];
    let theirs = total(&theirs);
    let times = theirs.compressed / ours.compressed;
    println!(
        "\nThe script's base image, its shell and its C library are left out. It is {:.0} times as large unpacked, \
         {times:.0} times compressed (goal: {GOAL}).",
        theirs.unpacked / ours.unpacked
    );
    Ok(())
}

fn row(image: &str, part: &str, size: Size) -> Size {
    println!("| {image} | {part} | {:.2} | {:.2} |", size.unpacked / 1e6, size.compressed / 1e6);
    size
}

fn total(parts: &[Size]) -> Size {
    let sum = |of: fn(&Size) -> f64| parts.iter().map(of).sum();
    row(
        "",
        "**together**",
        Size { unpacked: sum(|size| size.unpacked), compressed: sum(|size| size.compressed) },
    )
}

fn of_file(file: &Path) -> Result<Size> {
    let file = file.display();
    Ok(Size {
        unpacked: figure(&format!("cat '{file}'"))?,
        compressed: figure(&format!("gzip -9 <'{file}'"))?,
    })
}

/// What pip itself needs is no part of the image.
fn of_folder(folder: &Path) -> Result<Size> {
    let packed = format!(
        "tar --create --directory '{}' --exclude 'pip*' --exclude 'setuptools*' --exclude 'pkg_resources*' .",
        folder.display()
    );
    Ok(Size { unpacked: figure(&packed)?, compressed: figure(&format!("{packed} | gzip -9"))? })
}

fn of_stripped(program: &Path) -> Result<Size> {
    let stripped = std::env::temp_dir().join(format!("stripped-{}", std::process::id()));
    let strip = Command::new("strip").arg(program).arg("-o").arg(&stripped).status();
    if !strip.is_ok_and(|status| status.success()) {
        return Err("no strip (Debian: apt-get install binutils)".into());
    }
    let size = of_file(&stripped);
    std::fs::remove_file(stripped)?;
    size
}

/// As the packages' index says: their sizes, and installed, in KiB.
fn of_packages() -> Result<Size> {
    let shown = |field| {
        format!(
            "apt-cache show --no-all-versions {} | awk '/^{field}: /{{ sum += $2 }} END {{ print sum }}'",
            PYTHON.join(" ")
        )
    };
    let number = |command: &str| -> Result<f64> { Ok(sh(command)?.trim().parse()?) };
    Ok(Size { unpacked: number(&shown("Installed-Size"))? * 1024.0, compressed: number(&shown("Size"))? })
}

/// How many bytes a command prints.
fn figure(command: &str) -> Result<f64> {
    Ok(sh(&format!("{command} | wc -c"))?.trim().parse()?)
}

fn sh(command: &str) -> Result<String> {
    let said = Command::new("bash").args(["-o", "pipefail", "-c", command]).output()?;
    if said.status.success() { Ok(String::from_utf8(said.stdout)?) } else { Err(command.into()) }
}

//! What the images hold, part by part: as files and as `gzip -9` leaves them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use testbed::{Goose, Result};

use crate::debian::{Part, byte_code, sh};

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
    let (aws_cli, python) = (Part::AwsCli.files()?, Part::Python.files()?);
    let goose = Goose::installed()?.ok_or("there is no Go to build goose with")?;
    let theirs = [
        row("script", "the AWS CLI and the packages it needs", of_files(&aws_cli)?),
        row("", "Python", of_files(&python)?),
        row("", "byte code of both", of_files(&byte_code(&[aws_cli, python].concat())?)?),
        row("", "libraries in C that Python needs", of_files(&Part::Libraries.files()?)?),
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

fn of_files(files: &[PathBuf]) -> Result<Size> {
    let list = std::env::temp_dir().join(format!("files-{}", std::process::id()));
    let lines = files.iter().map(|file| format!("{}\n", file.display()));
    fs::write(&list, lines.collect::<String>())?;
    let packed = format!("tar --create --absolute-names --files-from '{}'", list.display());
    let size = Size { unpacked: figure(&packed)?, compressed: figure(&format!("{packed} | gzip -9"))? };
    fs::remove_file(list)?;
    Ok(size)
}

fn of_stripped(program: &Path) -> Result<Size> {
    let stripped = std::env::temp_dir().join(format!("stripped-{}", std::process::id()));
    let strip = Command::new("strip").arg(program).arg("-o").arg(&stripped).status();
    if !strip.is_ok_and(|status| status.success()) {
        return Err("no strip (Debian: apt-get install binutils)".into());
    }
    let size = of_file(&stripped);
    fs::remove_file(stripped)?;
    size
}

/// How many bytes a command prints.
fn figure(command: &str) -> Result<f64> {
    Ok(sh(&format!("{command} | wc -c"))?.trim().parse()?)
}

//! The folder from which processes claim faults: see `tamis_common::fault`.

use std::fs;
use std::path::{Path, PathBuf};

use tamis_common::fault::{FIRED, Fault, Point};

/// Faults that wait, and those that have fired.
#[derive(Clone, Debug)]
pub struct Budget {
    folder: PathBuf,
}

impl Budget {
    /// An empty one in a folder that is made.
    pub fn new(folder: PathBuf) -> Self {
        fs::create_dir_all(folder.join(FIRED)).unwrap();
        Self { folder }
    }

    /// Where it stands.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Arms a fault behind those that wait at the point: it fires when the point was passed `passes` times more.
    pub fn arm(&self, point: Point, passes: usize, fault: Fault) {
        let folder = self.folder.join(point.name());
        fs::create_dir_all(&folder).unwrap();
        let first = fs::read_dir(&folder).unwrap().count();
        let faults = std::iter::repeat_n(Fault::Pass, passes).chain([fault]);
        for (number, fault) in (first..).zip(faults) {
            // The number after those that have fired, too: a name is used once.
            let number = number + self.fired_at(point);
            fs::write(folder.join(format!("{number:06}-{}", fault.name())), "").unwrap();
        }
    }

    /// Whether a fault waits at the point.
    pub fn is_armed(&self, point: Point) -> bool {
        fs::read_dir(self.folder.join(point.name())).is_ok_and(|mut faults| faults.next().is_some())
    }

    /// Takes back what has not fired.
    pub fn disarm(&self) {
        for point in Point::ALL {
            let _ = fs::remove_dir_all(self.folder.join(point.name()));
        }
        self.set_clock(0);
    }

    /// Sets how far the clock on the wall is off, milliseconds.
    pub fn set_clock(&self, ms: i64) {
        // At once: nobody reads a half.
        fs::write(self.folder.join("clock.next"), ms.to_string()).unwrap();
        fs::rename(self.folder.join("clock.next"), self.folder.join("clock")).unwrap();
    }

    /// What has fired so far, passes aside.
    pub fn fired(&self) -> Vec<(Point, Fault)> {
        let mut fired = Vec::new();
        for name in self.names() {
            let (place, fault) = name.rsplit_once('-').unwrap();
            let (point, _) = place.rsplit_once('.').unwrap();
            let point = *Point::ALL.iter().find(|known| known.name() == point).unwrap();
            let fault = Fault::parse(fault).unwrap();
            if fault != Fault::Pass {
                fired.push((point, fault));
            }
        }
        fired.sort_by_key(|(point, _)| *point);
        fired
    }

    fn fired_at(&self, point: Point) -> usize {
        let of = format!("{}.", point.name());
        self.names()
            .iter()
            .filter(|name| name.strip_prefix(&of).is_some_and(|rest| rest.starts_with('0')))
            .count()
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.join(FIRED)).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }
}

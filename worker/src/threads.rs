//! Threads for the slots of a worker, used again: what a library keeps for a thread, as the tokenizer's cache of words,
//! is warm for the next task.

use std::io;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError, Weak};

type Work = Box<dyn FnOnce() + Send>;

/// Threads that wait for work; there are never more than ran at once. They end with this value.
#[derive(Default)]
pub(crate) struct Threads {
    idle: Arc<Mutex<Vec<Sender<Work>>>>,
}

impl Threads {
    /// Runs `work` on a thread that is free, or on a new one. It must not panic.
    ///
    /// # Errors
    /// If no thread can be started.
    pub(crate) fn run(&self, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
        let mut work: Work = Box::new(work);
        loop {
            let free = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let Some(free) = free else { break };
            match free.send(work) {
                Ok(()) => return Ok(()),
                // That thread has ended; the work comes back.
                Err(unsent) => work = unsent.0,
            }
        }
        let idle = Arc::downgrade(&self.idle);
        std::thread::Builder::new().name("slot".to_owned()).spawn(move || work_on(work, &idle)).map(drop)
    }
}

/// Does one piece of work after the other, until nobody is left to give any.
fn work_on(first: Work, idle: &Weak<Mutex<Vec<Sender<Work>>>>) {
    let mut next = Some(first);
    while let Some(work) = next {
        work();
        let (sender, receiver) = channel();
        let Some(idle) = idle.upgrade() else { return };
        idle.lock().unwrap_or_else(PoisonError::into_inner).push(sender);
        drop(idle);
        next = receiver.recv().ok();
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::thread::{ThreadId, current};

    use super::*;

    fn thread_of_work(threads: &Threads) -> ThreadId {
        let (sender, receiver) = channel();
        threads.run(move || sender.send(current().id()).unwrap()).unwrap();
        receiver.recv().unwrap()
    }

    #[test]
    fn work_that_follows_runs_on_the_same_thread_and_work_beside_it_on_another() {
        let threads = Threads::default();
        let first = thread_of_work(&threads);
        while threads.idle.lock().unwrap().is_empty() {
            std::thread::yield_now();
        }
        let (done, blocked) = channel::<()>();
        let (sender, receiver) = channel();
        let blocker = move || {
            sender.send(current().id()).unwrap();
            let _ = blocked.recv();
        };
        threads.run(blocker).unwrap();
        assert_eq!(receiver.recv().unwrap(), first);
        assert_ne!(thread_of_work(&threads), first);
        drop(done);
    }
}

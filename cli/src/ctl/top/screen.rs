//! The whole terminal, drawn over and over, and given back as it was.

use std::io::{self, Write as _};

use crossterm::cursor::{Hide, MoveTo, Show};
use crossterm::event::{Event, KeyCode, KeyModifiers, read};
use crossterm::terminal::{
    Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode, size,
};
use crossterm::{execute, queue};
use tokio::sync::mpsc;

/// The screen as long as the value lives.
pub(super) struct Screen {
    quits: mpsc::Receiver<()>,
}

impl Screen {
    /// Takes the screen. Keys come to us now, Ctrl-C too, which in this mode is no signal.
    pub(super) fn open() -> io::Result<Self> {
        enable_raw_mode()?;
        let (quit, quits) = mpsc::channel(1);
        let screen = Screen { quits };
        execute!(io::stdout(), EnterAlternateScreen, Hide)?;
        // Nothing else can wait for a terminal.
        std::thread::spawn(move || {
            while let Ok(event) = read() {
                if asks_to_quit(&event) && quit.blocking_send(()).is_err() {
                    return;
                }
            }
        });
        Ok(screen)
    }

    /// Shows the lines, as far as there is room.
    pub(super) fn draw(&mut self, lines: &[String]) -> io::Result<()> {
        // A terminal that does not know its size has one all the same.
        let height = match size()? {
            (_, 0) => usize::MAX,
            (_, height) => usize::from(height),
        };
        let mut out = io::stdout().lock();
        queue!(out, MoveTo(0, 0))?;
        for (row, line) in lines.iter().take(height).enumerate() {
            queue!(out, MoveTo(0, u16::try_from(row).unwrap_or(u16::MAX)), Clear(ClearType::CurrentLine))?;
            out.write_all(line.as_bytes())?;
        }
        queue!(out, Clear(ClearType::FromCursorDown))?;
        out.flush()
    }

    /// Waits for a key that asks to end.
    pub(super) async fn quit(&mut self) {
        if self.quits.recv().await.is_none() {
            // No keys can come any more; a signal still can.
            std::future::pending().await
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // A terminal that has gone needs no restoring.
        let _ = execute!(io::stdout(), Show, LeaveAlternateScreen);
        let _ = disable_raw_mode();
    }
}

fn asks_to_quit(event: &Event) -> bool {
    let Event::Key(key) = event else { return false };
    match key.code {
        KeyCode::Char('q') | KeyCode::Esc => true,
        KeyCode::Char('c') => key.modifiers.contains(KeyModifiers::CONTROL),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossterm::event::KeyEvent;

    #[test]
    fn q_escape_and_interrupt_end_it() {
        let key = |code, modifiers| Event::Key(KeyEvent::new(code, modifiers));
        assert!(asks_to_quit(&key(KeyCode::Char('q'), KeyModifiers::NONE)));
        assert!(asks_to_quit(&key(KeyCode::Esc, KeyModifiers::NONE)));
        assert!(asks_to_quit(&key(KeyCode::Char('c'), KeyModifiers::CONTROL)));
        assert!(!asks_to_quit(&key(KeyCode::Char('c'), KeyModifiers::NONE)));
        assert!(!asks_to_quit(&Event::Resize(80, 24)));
    }
}

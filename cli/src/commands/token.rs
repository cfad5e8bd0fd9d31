//! `tamis token`: edits the coordinator's file of tokens, where that file is.

use std::process::ExitCode;

use serde_json::{Value, json};
use tamis_common::Result;
use tamis_common::secret::{Secret, write_private};
use tamis_coordinator::access::{Token, Tokens, create, revoke};

use crate::access::TokenCommand;
use crate::ui;

/// Does what the command line says.
pub(crate) fn token(command: TokenCommand, json: bool) -> Result<ExitCode> {
    match command {
        TokenCommand::New { role, name, tokens, out } => {
            let made = create(&tokens, role, &name)?;
            let Some(out) = out else {
                ui::note(&format!("token {} of role {role}; its secret is shown this once:", made.token.id));
                let mut shown = as_json(&made.token);
                shown["secret"] = made.secret.expose().as_str().into();
                ui::print(&if json { shown.to_string() } else { made.secret.expose().clone() });
                return Ok(ExitCode::SUCCESS);
            };
            let line = Secret::new(format!("{}\n", made.secret.expose()));
            if let Err(error) = write_private("the token", &out, &line) {
                // Nobody has its secret.
                revoke(&tokens, &made.token.id)?;
                return Err(error);
            }
            ui::note(&format!("the secret stands in {}", out.display()));
            show(&made.token, json);
        }
        TokenCommand::List { tokens } => Tokens::read(&tokens)?.iter().for_each(|token| show(token, json)),
        TokenCommand::Revoke { id, tokens } => {
            let revoked = revoke(&tokens, &id)?;
            ui::note("a coordinator that runs refuses it within a second");
            show(&revoked, json);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn show(token: &Token, json: bool) {
    let Token { id, role, name, created, .. } = token;
    ui::print(&match json {
        true => as_json(token).to_string(),
        false => format!("{id}  {role:<7}  {created}  {}", ui::plain(name)),
    });
}

fn as_json(token: &Token) -> Value {
    let Token { id, role, name, created, .. } = token;
    json!({ "id": id, "role": role.to_string(), "name": name, "created": created })
}

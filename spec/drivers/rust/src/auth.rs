//! Users, roles and rights.

use anyhow::{Context as _, Result, bail};
use etcdkit::{Client, Permission, PermissionType, RoleRevokePermissionOptions};

use crate::line::{Line, hex};

pub(crate) async fn perform(client: &Client, line: &Line) -> Result<Line> {
    let text = |name: &str| line.get(name).with_context(|| format!("auth needs {name}"));
    match text("do")? {
        "user_add" => {
            client.user_add(text("user")?, text("password")?, None).await?;
        }
        "user_delete" => {
            client.user_delete(text("user")?).await?;
        }
        "user_password" => {
            client.user_change_password(text("user")?, text("password")?).await?;
        }
        "user_grant" => {
            client.user_grant_role(text("user")?, text("role")?).await?;
        }
        "user_revoke" => {
            client.user_revoke_role(text("user")?, text("role")?).await?;
        }
        "user_get" => return Ok(names(line, ".role", client.user_get(text("user")?).await?.roles())),
        "users" => return Ok(names(line, ".user", client.user_list().await?.users())),
        "role_add" => {
            client.role_add(text("role")?).await?;
        }
        "role_delete" => {
            client.role_delete(text("role")?).await?;
        }
        "role_grant" => {
            client.role_grant_permission(text("role")?, permission(line)?).await?;
        }
        "role_revoke" => {
            let options = RoleRevokePermissionOptions::new().with_range_end(line.bytes("end")?);
            client.role_revoke_permission(text("role")?, line.bytes("key")?, Some(options)).await?;
        }
        "role_get" => {
            let permissions = client.role_get(text("role")?).await?.permissions();
            let rights: Vec<String> = permissions.iter().map(right).collect();
            return Ok(names(line, ".right", &rights));
        }
        "roles" => return Ok(names(line, ".role", client.role_list().await?.roles())),
        "enable" => {
            client.auth_enable().await?;
        }
        "disable" => {
            client.auth_disable().await?;
        }
        other => bail!("auth cannot {other}"),
    }
    Ok(line.ok())
}

const RIGHTS: &[(&str, PermissionType)] = &[
    ("read", PermissionType::Read),
    ("write", PermissionType::Write),
    ("readwrite", PermissionType::Readwrite),
];

fn permission(line: &Line) -> Result<Permission> {
    let wanted = RIGHTS.iter().find(|(name, _)| Some(*name) == line.get("right"));
    let (_, kind) = wanted.context("a right is read, write or readwrite")?;
    Ok(Permission::new(*kind, line.bytes("key")?).with_range_end(line.bytes("end")?))
}

fn right(permission: &Permission) -> String {
    let kind = RIGHTS.iter().find(|(_, kind)| *kind as i32 == permission.get_type());
    let kind = kind.map_or("unknown", |(name, _)| name);
    format!("{kind}:{}:{}", hex(permission.key()), hex(permission.range_end()))
}

fn names(line: &Line, field: &str, names: &[String]) -> Line {
    let answer = line.ok().with("count", names.len());
    names.iter().fold(answer, |answer, name| answer.with(field, name))
}

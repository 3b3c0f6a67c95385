import { toBuffer } from './bytes';
import type { CallOptions } from './options';
import { Range } from './range';
import type { AuthClient, Permission } from './rpc';

/** A permission to give or take, on a range or on one key. */
export type IPermissionRequest =
  | { permission: keyof typeof Permission; range: Range }
  | { permission: keyof typeof Permission; key: Buffer | string };

/** A permission that a role has. */
export interface IPermissionResult {
  permission: keyof typeof Permission;
  range: Range;
}

function rangeOf(request: IPermissionRequest): Range {
  return 'key' in request ? new Range(toBuffer(request.key)) : request.range;
}

/** A role: permissions that users can be given. */
export class Role {
  constructor(
    private readonly client: AuthClient,
    readonly name: string,
  ) {}

  /** Adds the role. */
  async create(options?: CallOptions): Promise<this> {
    await this.client.roleAdd({ name: this.name }, options);
    return this;
  }

  /** Deletes the role. */
  async delete(options?: CallOptions): Promise<this> {
    await this.client.roleDelete({ role: this.name }, options);
    return this;
  }

  /** Takes permissions from the role. */
  async revoke(req: IPermissionRequest | IPermissionRequest[], options?: CallOptions): Promise<this> {
    for (const request of [req].flat()) {
      const { start, end } = rangeOf(request);
      await this.client.roleRevokePermission({ role: this.name, key: start, range_end: end }, options);
    }
    return this;
  }

  /** Gives permissions to the role. */
  async grant(req: IPermissionRequest | IPermissionRequest[], options?: CallOptions): Promise<this> {
    for (const request of [req].flat()) {
      const { start, end } = rangeOf(request);
      const perm = { permType: request.permission, key: start, range_end: end };
      await this.client.roleGrantPermission({ name: this.name, perm }, options);
    }
    return this;
  }

  /** The permissions that the role has. */
  async permissions(options?: CallOptions): Promise<IPermissionResult[]> {
    const { perm } = await this.client.roleGet({ role: this.name }, options);
    return perm.map(({ permType, key, range_end }) => ({
      permission: permType,
      range: new Range(key, range_end),
    }));
  }

  /** Gives the role to a user. */
  async addUser(user: string | User, options?: CallOptions): Promise<this> {
    await this.client.userGrantRole({ user: nameOf(user), role: this.name }, options);
    return this;
  }

  /** Takes the role from a user. */
  async removeUser(user: string | User, options?: CallOptions): Promise<this> {
    await this.client.userRevokeRole({ name: nameOf(user), role: this.name }, options);
    return this;
  }
}

/** A user. */
export class User {
  constructor(
    private readonly client: AuthClient,
    readonly name: string,
  ) {}

  /** Adds the user. */
  async create(password: string, options?: CallOptions): Promise<this> {
    await this.client.userAdd({ name: this.name, password }, options);
    return this;
  }

  /** Changes the user's password. */
  async setPassword(password: string, options?: CallOptions): Promise<this> {
    await this.client.userChangePassword({ name: this.name, password }, options);
    return this;
  }

  /** Deletes the user. */
  async delete(options?: CallOptions): Promise<this> {
    await this.client.userDelete({ name: this.name }, options);
    return this;
  }

  /** The roles that the user has. */
  async roles(options?: CallOptions): Promise<Role[]> {
    const { roles } = await this.client.userGet({ name: this.name }, options);
    return roles.map(role => new Role(this.client, role));
  }

  /** Gives a role to the user. */
  async addRole(role: string | Role, options?: CallOptions): Promise<this> {
    await this.client.userGrantRole({ user: this.name, role: nameOf(role) }, options);
    return this;
  }

  /** Takes a role from the user. */
  async removeRole(role: string | Role, options?: CallOptions): Promise<this> {
    await this.client.userRevokeRole({ name: this.name, role: nameOf(role) }, options);
    return this;
  }
}

function nameOf(named: string | { readonly name: string }): string {
  return typeof named === 'string' ? named : named.name;
}

/**
 * The native library: found, checked and typed.
 *
 * A published package brings one library per platform as an optional package of its own, so that an installation
 * fetches only the one it needs and compiles nothing. A checkout loads what cargo has built.
 */

import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** What a failed call tells; classes are made of it in errors.ts. @internal */
export interface Failure {
  kind: number;
  code: number;
  message: string;
  outcomeUnknown: boolean;
  reason: string | null;
}

/** A batch of results: tag, error or null, value, and so on. @internal */
export type Batch = unknown[];

/** @internal */
export interface NativeBoundary {
  echo(tag: number, payload: Uint8Array | string): bigint;
  flush(): void;
  cancel(call: bigint): void;
}

/** @internal */
export interface NativeClientConfig {
  hosts: string[];
  user?: string;
  password?: string;
  connectTimeout?: number;
  requestTimeout?: number;
  keepAliveInterval?: number;
  keepAliveTimeout?: number;
  keepAliveWhileIdle?: boolean;
  ca?: Buffer;
  cert?: Buffer;
  key?: Buffer;
}

/** @internal */
export interface NativeClient {
  connect(tag: number): bigint;
  call(tag: number, method: number, request: unknown, timeout?: number): bigint;
  keepAliveOnce(tag: number, lease: bigint, timeout?: number): bigint;
  close(): void;
}

/** @internal */
export interface NativeWatch {
  open(tag: number, request: unknown, timeout?: number): bigint;
  next(tag: number): bigint;
  close(): void;
}

/** @internal */
export interface NativeKeepAlive {
  start(tag: number, lease: bigint, ttl: number): bigint;
  next(tag: number): bigint;
  stop(): void;
}

/** @internal */
export interface NativeLock {
  acquire(tag: number, config: { name: Buffer; ttl: number; bridge: boolean }, wait?: number): bigint;
  release(tag: number): bigint;
  isHeld(tag: number): bigint;
  lost(tag: number): bigint;
}

/** @internal */
export interface NativeCampaign {
  open(tag: number, ttl: number): bigint;
  enter(tag: number, name: Buffer, value: Buffer): bigint;
  lead(tag: number): bigint;
  proclaim(tag: number, value: Buffer): bigint;
  lost(tag: number): bigint;
  resign(tag: number): bigint;
}

/** @internal */
export interface NativeObserver {
  leader(tag: number): bigint;
  next(tag: number): bigint;
  close(): void;
}

/** @internal */
export interface NativeNaming {
  register(tag: number, address: string, metadata: string, ttl: number): bigint;
  unregister(tag: number): bigint;
  list(tag: number): bigint;
}

/** @internal */
export interface NativeSnapshot {
  next(tag: number): bigint;
  close(): void;
}

/** @internal */
export interface NativeServerConfig {
  dataDir?: string;
  listen?: string;
  name: string;
  storageEngine?: string;
  flags: string[];
}

/** @internal */
export interface NativeServer {
  start(tag: number, config: NativeServerConfig): bigint;
  client(boundary: NativeBoundary, config: NativeClientConfig): NativeClient;
  stop(tag: number): bigint;
}

/** @internal */
export interface NativeModule {
  version(): string;
  contract(): string;
  methods(): string[];
  Boundary: new (deliver: (batch: Batch) => void) => NativeBoundary;
  NativeClient: new (boundary: NativeBoundary, config: NativeClientConfig) => NativeClient;
  NativeWatch: new (client: NativeClient) => NativeWatch;
  NativeKeepAlive: new (client: NativeClient) => NativeKeepAlive;
  NativeLock: new (client: NativeClient) => NativeLock;
  NativeCampaign: new (client: NativeClient) => NativeCampaign;
  NativeObserver: new (client: NativeClient, name: Buffer) => NativeObserver;
  NativeNaming: new (client: NativeClient, service: string) => NativeNaming;
  NativeSnapshot: new (client: NativeClient) => NativeSnapshot;
  NativeServer: new (boundary: NativeBoundary) => NativeServer;
}

/** Names the library of another place, for those who build their own. */
const OVERRIDE = 'ETCDKIT_NODE_LIBRARY';

/** The platform as the packages are named: `linux-x64-gnu`. @internal */
export function platform(): string {
  const { platform, arch } = process;
  if (platform === 'linux') {
    return `linux-${arch}-${usesMusl() ? 'musl' : 'gnu'}`;
  }
  return platform === 'win32' ? `win32-${arch}-msvc` : `${platform}-${arch}`;
}

function usesMusl(): boolean {
  const report = process.report?.getReport() as { header?: { glibcVersionRuntime?: string } } | undefined;
  if (report?.header) {
    return report.header.glibcVersionRuntime === undefined;
  }
  return existsSync('/etc/alpine-release');
}

/** Where cargo puts the library in a checkout, the release build first. */
function built(): string[] {
  const name =
    process.platform === 'win32'
      ? 'etcdkit_node.dll'
      : process.platform === 'darwin'
        ? 'libetcdkit_node.dylib'
        : 'libetcdkit_node.so';
  const target = join(__dirname, '..', '..', '..', 'target');
  return ['release', 'debug'].map(profile => join(target, profile, name)).filter(path => existsSync(path));
}

function open(path: string): NativeModule {
  // Not `require`: what cargo builds does not end in .node.
  const holder = { exports: {} };
  process.dlopen(holder, path);
  return holder.exports as NativeModule;
}

function load(): NativeModule {
  const override = process.env[OVERRIDE];
  if (override) {
    return open(override);
  }
  const name = platform();
  const problems: string[] = [];
  const attempts: [string, () => NativeModule][] = [
    [`./etcdkit.${name}.node`, () => require(`./etcdkit.${name}.node`)],
    [`etcdkit-${name}`, () => require(`etcdkit-${name}`)],
    ...built().map((path): [string, () => NativeModule] => [path, () => open(path)]),
  ];
  for (const [place, attempt] of attempts) {
    try {
      return attempt();
    } catch (error) {
      problems.push(`  ${place}: ${error instanceof Error ? error.message.split('\n')[0] : error}`);
    }
  }
  throw new Error(
    `etcdkit has no native library for ${name}. Install the optional package etcdkit-${name} ` +
      `(an installation with optional packages left out has none), or set ${OVERRIDE} to a library. Tried:\n` +
      problems.join('\n'),
  );
}

/** @internal */
export const native: NativeModule = load();

// Writes src/rpc.ts from the wire contract that the native library was built with: messages, enumerations and the
// clients of its services. `--check` fails when the file is not what would be written.

import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const library = process.env.ETCDKIT_NODE_LIBRARY;
const holder = { exports: {} };
if (library) {
  process.dlopen(holder, library);
} else {
  const target = fileURLToPath(new URL('../../../target/', import.meta.url));
  const profile = ['release', 'debug'].find(name => {
    try {
      process.dlopen(holder, `${target}${name}/libetcdkit_node.so`);
      return true;
    } catch {
      return false;
    }
  });
  if (!profile) {
    throw new Error('build the native library first: cargo build -p etcdkit-node');
  }
}
const contract = JSON.parse(holder.exports.contract());

const enums = new Map(contract.enums.map(declared => [declared.name, declared]));
const messages = new Map(contract.messages.map(declared => [declared.name, declared]));

// The one enumeration whose own name says nothing.
const ENUM_NAMES = { 'authpb.Permission.Type': 'Permission' };
const lastPart = name => name.slice(name.lastIndexOf('.') + 1);
const enumName = name => ENUM_NAMES[name] ?? lastPart(name);
// A health service and the like keep out of the way of etcd's own names.
const interfaceName = name => `I${lastPart(name)}`;
const lowerFirst = text => text[0].toLowerCase() + text.slice(1);
// KV, not kV; HashKV is hashKV.
const methodName = name => lowerFirst(name);

/** Every message that `roots` reach. */
function reach(roots) {
  const found = new Set();
  const queue = [...roots];
  while (queue.length > 0) {
    const name = queue.pop();
    if (found.has(name)) {
      continue;
    }
    found.add(name);
    for (const field of messages.get(name).fields) {
      if (field.kind === 'message') {
        queue.push(field.of);
      }
    }
  }
  return found;
}

const requests = reach(contract.methods.map(method => method.input));
const responses = reach(contract.methods.map(method => method.output));

function fieldType(field, isRequest) {
  const one = {
    number: 'number',
    long: isRequest ? 'string | number | bigint' : 'string',
    boolean: 'boolean',
    string: 'string',
    bytes: 'Buffer',
    enum: isRequest
      ? `${enumName(field.of)} | keyof typeof ${enumName(field.of)}`
      : `keyof typeof ${enumName(field.of)}`,
    message: interfaceName(field.of),
  }[field.kind];
  if (!field.repeated) {
    return one;
  }
  return one.includes('|') || one.includes(' ') ? `(${one})[]` : `${one}[]`;
}

function interfaceOf(message) {
  const isRequest = requests.has(message.name);
  // What is both asked and answered has the looser type where it matters least: all fields may be missing.
  const loose = isRequest && !responses.has(message.name);
  const lines = message.fields.map(field => {
    const optional = loose ? '?' : '';
    return `  ${field.name}${optional}: ${fieldType(field, loose)};`;
  });
  const oneofs = new Map();
  for (const field of message.fields) {
    if (field.oneof && !loose) {
      oneofs.set(field.oneof, [...(oneofs.get(field.oneof) ?? []), `'${field.name}'`]);
    }
  }
  for (const [name, members] of oneofs) {
    lines.push(`  /** Which of its members is set. */\n  ${name}: ${members.join(' | ')};`);
  }
  const doc = `/** The message \`${message.name}\`. */`;
  if (lines.length === 0) {
    return `${doc}\nexport type ${interfaceName(message.name)} = Record<string, never>;`;
  }
  return `${doc}\nexport interface ${interfaceName(message.name)} {\n${lines.join('\n')}\n}`;
}

function enumOf(declared) {
  const lines = declared.values.map(([number, name]) => `  ${name} = ${number},`);
  return `/** The enumeration \`${declared.name}\`. Answers carry the names. */\nexport enum ${enumName(declared.name)} {\n${lines.join('\n')}\n}`;
}

const services = new Map();
for (const method of contract.methods) {
  const [, service, name] = method.path.match(/^\/(?:[\w.]+)\.(\w+)\/(\w+)$/);
  services.set(service, [...(services.get(service) ?? []), { ...method, rpc: name, name: methodName(name) }]);
}

function clientMethod(service, method) {
  const [input, output] = [interfaceName(method.input), interfaceName(method.output)];
  const empty = messages.get(method.input).fields.length === 0;
  const doc = `  /** The RPC \`${method.path.slice(1)}\`. */\n`;
  if (method.stream) {
    const duplex = ['Watch', 'LeaseKeepAlive'].includes(method.rpc);
    const type = duplex ? `IDuplexStream<${input}, ${output}>` : `IResponseStream<${output}>`;
    const parameter = duplex || empty ? '' : `req: ${input}, `;
    const request = duplex || empty ? '{}' : 'req';
    return `${doc}  ${method.name}(${parameter}options?: CallOptions): Promise<${type}> {\n    return this.client.open('${service}', '${method.name}', ${request}, options) as Promise<${type}>;\n  }`;
  }
  const parameter = empty ? '' : `req: ${input}, `;
  return `${doc}  ${method.name}(${parameter}options?: CallOptions): Promise<${output}> {\n    return this.client.exec('${service}', '${method.name}', ${empty ? '{}' : 'req'}, options);\n  }`;
}

function clientOf([service, methods]) {
  return `/** Calls of the service ${service}, as they are on the wire. */
export class ${service}Client {
  constructor(private readonly client: ICallable<unknown>) {}

${methods.map(method => clientMethod(service, method)).join('\n\n')}
}`;
}

function contextOf([service, methods]) {
  return methods.map(method => {
    const empty = messages.get(method.input).fields.length === 0;
    const params = empty || method.stream ? '' : ` params: ${interfaceName(method.input)};`;
    return `  | { service: '${service}'; method: '${method.name}'; isStream: ${method.stream};${params} }`;
  });
}

const used = [...messages.values()].filter(({ name }) => requests.has(name) || responses.has(name));
const usedEnums = [...enums.values()].filter(({ name }) =>
  used.some(message => message.fields.some(field => field.of === name)),
);

const raw = `// Generated by tools/generate-rpc.mjs from the wire contract; not edited by hand.

import type { CallOptions, CallOptionsFactory } from './options';

/** What carries calls: the client itself, or a stand-in of a test. */
export interface ICallable<T> {
  /** Options of calls that have none of their own. */
  readonly callOptionsFactory: CallOptionsFactory | undefined;
  /** Runs a unary call. */
  exec<R>(service: keyof typeof Services, method: string, params: unknown, options?: CallOptions): Promise<R>;
  /** Opens a stream. */
  open(service: keyof typeof Services, method: string, params: unknown, options?: CallOptions): Promise<unknown>;
  /** Runs something with a connection. The core owns the connections, so only a stand-in sees it called. */
  withConnection<R>(
    service: keyof typeof Services,
    fn: (args: { resource: T; client: unknown; metadata: unknown }) => Promise<R> | R,
  ): Promise<R>;
  /** Told that a connection misbehaves. The core sees that by itself. */
  markFailed(resource: T, error: Error): void;
}

/** What a stream delivers. */
export interface IResponseStream<T> {
  on(event: 'data', fn: (item: T) => void): this;
  on(event: 'end', fn: () => void): this;
  on(event: 'status', fn: (status: { code: number; details: string }) => void): this;
  on(event: 'error', fn: (err: Error) => void): this;
  /** Ends the stream. */
  cancel(): void;
}

/** What a stream takes. */
export interface IRequestStream<T> {
  write(item: T): void;
  end(): void;
  cancel(): void;
}

/** A stream in both directions. */
export interface IDuplexStream<T, R> extends IRequestStream<T>, IResponseStream<R> {}

${[...services].map(clientOf).join('\n\n')}

${usedEnums.map(enumOf).join('\n\n')}

${used.map(interfaceOf).join('\n\n')}

/** The clients by the names of their services. */
export const Services = {
${[...services.keys()].map(name => `  ${name}: ${name}Client,`).join('\n')}
};

/** What a call is, for functions that choose its options. */
export type CallContext =
${[...services].flatMap(contextOf).join('\n')};
`;

const biome = fileURLToPath(new URL('../node_modules/.bin/biome', import.meta.url));
const here = fileURLToPath(new URL('..', import.meta.url));
const formatted = { input: raw, cwd: here, encoding: 'utf8' };
const text = execFileSync(biome, ['format', '--stdin-file-path=src/rpc.ts'], formatted);
const target = new URL('../src/rpc.ts', import.meta.url);
if (process.argv.includes('--check')) {
  if (readFileSync(target, 'utf8') !== text) {
    console.error('src/rpc.ts is not what the contract says; run `npm run generate`');
    process.exit(1);
  }
} else {
  writeFileSync(target, text);
}

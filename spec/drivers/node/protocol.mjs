// Lines of spec/PROTOCOL.md to arguments of the SDK, and results to lines.

import { CompareResult, CompareTarget, SortOrder, SortTarget } from 'etcdkit';

// Names of the gRPC codes, by number.
const CODES = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
];

const unhex = text => Buffer.from(text, 'hex');

/** A request: id, verb, fields. Bytes are hex. */
export class Line {
  constructor(text) {
    const [id, verb, ...words] = text.trim().split(' ');
    this.id = id;
    this.verb = verb;
    this.fields = words.map(word => {
      const at = word.indexOf('=');
      return at < 0 ? [word, ''] : [word.slice(0, at), word.slice(at + 1)];
    });
    this.byName = new Map(this.fields.toReversed?.() ?? [...this.fields].reverse());
  }

  has(name) {
    return this.byName.has(name);
  }

  text(name) {
    return this.byName.get(name);
  }

  data(name) {
    return unhex(this.byName.get(name) ?? '');
  }

  number(name) {
    return this.has(name) ? Number(this.byName.get(name)) : undefined;
  }
}

/** The SDK's public API has no way to say it. */
export class Unsupported extends Error {}

export function failure(line, error) {
  if (error instanceof Unsupported) {
    return `${line.id} unsupported`;
  }
  const cancelled = error.name === 'AbortError';
  const code = cancelled ? 'CANCELLED' : (CODES[error.code] ?? 'Driver');
  const message = error.details ?? `${error.name}: ${error.message}`;
  return `${line.id} err code=${code} msg=${Buffer.from(message).toString('hex')}`;
}

export function pair({ key, value, create_revision, mod_revision, version, lease }) {
  return [key.toString('hex'), value.toString('hex'), create_revision, mod_revision, version, lease].join(
    ':',
  );
}

const flag = value => (value ? 1 : 0);
const pairs = list => list.map(kv => `kv=${pair(kv)}`);

export const revision = response => [`rev=${response.header.revision}`];

export function rangeParts(response) {
  return [
    `rev=${response.header.revision}`,
    `count=${response.count}`,
    `more=${flag(response.more)}`,
    ...pairs(response.kvs),
  ];
}

export function putParts(response) {
  return [...revision(response), ...(response.prev_kv ? [`kv=${pair(response.prev_kv)}`] : [])];
}

export function deleteParts(response) {
  return [...revision(response), `deleted=${response.deleted}`, ...pairs(response.prev_kvs)];
}

const ORDERS = { asc: 'Ascend', desc: 'Descend', none: 'None' };
const TARGETS = { key: 'Key', version: 'Version', create: 'Create', mod: 'Mod', value: 'Value' };

/** Puts the options of a `get` into a builder. */
export function rangeOptions(line, builder) {
  const setters = {
    rev: 'revision',
    min_mod: 'minModRevision',
    max_mod: 'maxModRevision',
    min_create: 'minCreateRevision',
    max_create: 'maxCreateRevision',
  };
  for (const [name, setter] of Object.entries(setters)) {
    if (line.has(name)) {
      builder[setter](line.text(name));
    }
  }
  if (line.has('serializable')) {
    builder.serializable(true);
  }
  if (line.has('limit')) {
    builder.limit(line.number('limit'));
  }
  if (line.has('order') || line.has('target')) {
    builder.sort(TARGETS[line.text('target') ?? 'key'], ORDERS[line.text('order') ?? 'none']);
  }
  return builder;
}

/** The request of a `get` that no builder can say: keys or a count, with the whole answer. */
export function rangeRequest(line) {
  return {
    key: line.data('key'),
    range_end: line.data('end'),
    limit: line.text('limit'),
    revision: line.text('rev'),
    sort_order: SortOrder[ORDERS[line.text('order') ?? 'none']],
    sort_target: SortTarget[TARGETS[line.text('target') ?? 'key']],
    serializable: line.has('serializable'),
    keys_only: line.has('keys_only'),
    count_only: line.has('count_only'),
    min_mod_revision: line.text('min_mod'),
    max_mod_revision: line.text('max_mod'),
    min_create_revision: line.text('min_create'),
    max_create_revision: line.text('max_create'),
  };
}

export function eventLines(id, batch, response) {
  return response.events.map(({ type, kv, prev_kv }) => {
    const previous = prev_kv ? ` prev=${pair(prev_kv)}` : '';
    return `${id} event rev=${response.header.revision} batch=${batch} type=${type.toUpperCase()} kv=${pair(kv)}${previous}`;
  });
}

// ---- Transactions ------------------------------------------------------------------------------

/** A transaction as the request that `client.kv.txn` takes. */
export function transaction(line) {
  return branches(line.fields.filter(([name]) => name !== 'client')[Symbol.iterator]());
}

function branches(tokens) {
  const request = { compare: [], success: [], failure: [] };
  let branch = request.success;
  // Not `for…of`, which would close the iterator of the outer transaction.
  for (let token = tokens.next(); !token.done; token = tokens.next()) {
    const [name, value] = token.value;
    if (name === 'if') {
      request.compare.push(comparison(value));
    } else if (name === 'then' || name === 'else') {
      branch = name === 'then' ? request.success : request.failure;
    } else if (name === 'end') {
      break;
    } else {
      branch.push(name === 'begin' ? { request_txn: branches(tokens) } : operation(name, value));
    }
  }
  return request;
}

const RESULTS = { eq: 'Equal', ne: 'NotEqual', lt: 'Less', gt: 'Greater' };
const OPERANDS = {
  value: ['Value', 'value'],
  version: ['Version', 'version'],
  create: ['Create', 'create_revision'],
  mod: ['Mod', 'mod_revision'],
  lease: ['Lease', 'lease'],
};

function comparison(text) {
  const [name, result, key, end, operand] = text.split(':');
  const [target, field] = OPERANDS[name];
  return {
    key: unhex(key),
    range_end: unhex(end),
    result: CompareResult[RESULTS[result]],
    target: CompareTarget[target],
    [field]: name === 'value' ? unhex(operand) : operand,
  };
}

function operation(name, text) {
  const parts = text.split(':');
  if (name === 'put') {
    const [key, value, lease, flags] = parts;
    const ignore_value = flags.includes('v');
    const request = { key: unhex(key), value: unhex(value), lease, ignore_value };
    return { request_put: { ...request, prev_kv: flags.includes('p'), ignore_lease: flags.includes('l') } };
  }
  if (name === 'get') {
    const [key, end, limit, revision, flags] = parts;
    const request = { key: unhex(key), range_end: unhex(end), limit, revision };
    return { request_range: { ...request, keys_only: flags.includes('k'), count_only: flags.includes('c') } };
  }
  if (name === 'del') {
    const [key, end, flags] = parts;
    return { request_delete_range: { key: unhex(key), range_end: unhex(end), prev_kv: flags.includes('p') } };
  }
  throw new Unsupported();
}

export function transactionParts(response) {
  const parts = [...revision(response), `succeeded=${flag(response.succeeded)}`];
  return parts.concat(response.responses.flatMap(responseParts));
}

function responseParts(operation) {
  const response = operation[operation.response];
  switch (operation.response) {
    case 'response_put':
      return ['r=put', ...putParts(response).slice(1)];
    case 'response_range':
      return [`r=get:${response.count}:${flag(response.more)}`, ...pairs(response.kvs)];
    case 'response_delete_range':
      return [`r=del:${response.deleted}`, ...pairs(response.prev_kvs)];
    default:
      return [`r=txn:${flag(response.succeeded)}`, ...response.responses.flatMap(responseParts), 'r=end'];
  }
}

/** Things with a name, as an answer tells them. */
export function names(field, named) {
  return [`count=${named.length}`, ...named.map(({ name }) => `${field}=${name}`)];
}

/** The permissions of a role. */
export function rights(permissions) {
  const text = ({ permission, range }) => {
    const [start, end] = [range.start, range.end].map(bytes => Buffer.from(bytes).toString('hex'));
    return `${permission.toLowerCase()}:${start}:${end === '00' ? '' : end}`;
  };
  return [`count=${permissions.length}`, ...permissions.map(one => `.right=${text(one)}`)];
}

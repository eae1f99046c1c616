/**
 * The protocol toolwire/1 as a small library for Node.js (20 or later) that needs nothing else.
 *
 * It was written from PROTOCOL.md alone, and is an example of its sections 2 to 9 and 13 to start from: how
 * to read strict JSON, load keys, seal and open a line, and what a server, a client and a watcher check. It
 * knows nothing of AMQP. The section that a piece obeys stands above it; check_vectors.mjs holds it against
 * the vectors.
 *
 *     import { digestOf, loadKey, openAsClient, sealLine } from './toolwire.mjs';
 *
 *     const key = loadKey({ kid, owner: 'server-1', algorithm: 'HS256', secret });
 *     const line = sealLine(Buffer.from(JSON.stringify(request)), 'request', key);
 *     const awaited = [{ digest: digestOf(line), server_id: 'server-1', request_id: request.request_id }];
 *     const client = { client_id: 'client-1', keyring: new Map([[kid, key]]), awaited, followed: [] };
 *     // ... publish `line`, and for each line of a message that comes:
 *     const { envelope } = openAsClient(answer, { ...client, now: BigInt(Date.now()) });
 *
 * Whatever must not be taken is thrown as a `Refusal`. Integers are bigints in what was opened.
 */
import { isUtf8 } from 'node:buffer';
import * as crypto from 'node:crypto';

const VERSION = 'toolwire/1';

/** A reader says no: with a word of section 8.1 or 9 and no answer, or with the code of an answer. */
export class Refusal extends Error {
  /** @param {string} word @param {?string} answerTo the answer's routing key; null: there is none */
  constructor(word, answerTo = null) {
    super(word);
    this.refused = answerTo === null ? { code: null, reason: word } : { code: word, answer_to: answerTo };
  }
}

/** @param {boolean} holds @param {string} word */
function demand(holds, word) {
  if (!holds) throw new Refusal(word);
}

// ---- Section 3: base64url in its one spelling. Buffer.from takes padding and loose bits.

/** @param {string} text @returns {Buffer} */
export function decodeBase64url(text) {
  const bytes = Buffer.from(text, 'base64url');
  demand(bytes.toString('base64url') === text, 'bad_base64url');
  return bytes;
}

/** @param {Buffer | string} data @returns {Buffer} */
export const sha256 = (data) => crypto.createHash('sha256').update(data).digest();

/** Sections 4.1 and 4.2: of a whole line, as it came. @param {Buffer | string} data */
export const digestOf = (data) => sha256(data).toString('base64url');

// ---- Section 4.3: strict JSON. JSON.parse takes names twice, 1e400 and lone surrogates, and makes 5 of 5.0.

/** Values in each other, the envelope counted: an empty array may stand in 200 others, and a number, too. */
const DEEPEST = 201;
const token = (pattern) => new RegExp(`[ \\t\\n\\r]*(${pattern})`, 'y');
const NUMBER = token('-?(?:0|[1-9][0-9]*)((?:\\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)');
const STRING = token('"[^"\\\\\\x00-\\x1f]*(?:\\\\.[^"\\\\\\x00-\\x1f]*)*"');
const WORD = token('true|false|null');
const [OPEN_OBJECT, CLOSE_OBJECT, OPEN_ARRAY, CLOSE_ARRAY] = ['\\{', '\\}', '\\[', '\\]'].map(token);
const [COMMA, COLON, END] = [',', ':', '$'].map(token);

/**
 * A number of digits alone becomes a bigint, exactly; any other a double. So one sees whether an integer was
 * written as one (section 3). Objects have no prototype: `__proto__` is a name like any other.
 *
 * @param {string} text @param {number} deepest how many values may stand in each other
 */
export function parseJson(text, deepest = DEEPEST) {
  let at = 0;
  const take = (wanted) => {
    wanted.lastIndex = at;
    const found = wanted.exec(text);
    if (found) at = wanted.lastIndex;
    return found;
  };
  const expect = (wanted) => take(wanted) ?? demand(false, 'invalid_envelope');

  function items(closing, readItem) {
    if (take(closing)) return;
    do readItem();
    while (take(COMMA));
    expect(closing);
  }

  function object(depth) {
    const members = Object.create(null);
    items(CLOSE_OBJECT, () => {
      const name = unescaped(expect(STRING)[1]);
      demand(!(name in members), 'invalid_envelope');
      expect(COLON);
      members[name] = value(depth + 1);
    });
    return members;
  }

  function array(depth) {
    const list = [];
    items(CLOSE_ARRAY, () => list.push(value(depth + 1)));
    return list;
  }

  function value(depth) {
    demand(depth <= deepest, 'invalid_envelope');
    if (take(OPEN_OBJECT)) return object(depth);
    if (take(OPEN_ARRAY)) return array(depth);
    const plain = take(STRING) ?? take(WORD);
    if (plain) return unescaped(plain[1]);
    const [, digits, notInteger] = expect(NUMBER);
    demand(Number.isFinite(Number(digits)), 'invalid_envelope');
    return notInteger ? Number(digits) : BigInt(digits);
  }

  const whole = value(1);
  expect(END);
  return whole;
}

/** One string or word of JSON. JSON.parse knows the escapes, but not that a lone surrogate is no text. */
function unescaped(text) {
  try {
    const value = JSON.parse(text);
    demand(typeof value !== 'string' || value.isWellFormed(), 'invalid_envelope');
    return value;
  } catch {
    throw new Refusal('invalid_envelope');
  }
}

/** Node.js would replace what is no UTF-8. A byte order mark stays in the text, where it is no JSON. */
function parsePayload(payload) {
  demand(isUtf8(payload), 'invalid_envelope');
  return parseJson(payload.toString());
}

// ---- Section 4.1: canonical form. No reader needs it; it makes the derived values of sections 7.3 and 12.2.

/** @returns {string} */
export function canonical(value) {
  if (typeof value === 'bigint') return String(value);
  if (typeof value === 'number') return spelledAsPython(value);
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (!isObject(value)) return JSON.stringify(value);
  const names = Object.keys(value).sort(byCodePoint);
  return `{${names.map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`).join(',')}}`;
}

/** JavaScript compares UTF-16 units. The bytes of UTF-8 sort as the code points do. */
const byCodePoint = (a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b));

/** Both languages find the same shortest digits, but write an exponent from another size on. */
function spelledAsPython(double) {
  const size = Math.abs(double);
  if (size !== 0 && (size < 1e-4 || size >= 1e16)) {
    return double.toExponential().replace(/e([+-])(\d)$/, 'e$10$2');
  }
  const text = Object.is(double, -0) ? '-0' : String(double);
  return Number.isInteger(double) ? `${text}.0` : text;
}

// ---- Section 2: keys. A key brings its algorithm; no message ever chooses one.

/**
 * @typedef {object} Key
 * @property {string} kid
 * @property {string} owner whom the key stands for, to the reader that holds it
 * @property {Buffer} [secret] of HS256
 * @property {import('node:crypto').KeyObject} [publicKey] of Ed25519
 * @property {import('node:crypto').KeyObject} [privateKey] of Ed25519, for a signer
 * @property {bigint | number} from @property {bigint | number} until the milliseconds in which it is good
 * @property {boolean} revoked
 */

const PRIME = 2n ** 255n - 19n;
const SMALL_ORDER = new Set([
  0x0000000000000000000000000000000000000000000000000000000000000000n,
  0x0000000000000000000000000000000000000000000000000000000000000001n,
  0x05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826n,
  0x7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7n,
  0x7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffecn,
]);

/** @param {Buffer} bytes @returns the key, if no signature under it verifies for any message */
function loadPublicKey(bytes) {
  demand(bytes.length === 32, 'bad_key');
  const y = BigInt.asUintN(255, BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`));
  demand(y < PRIME && !SMALL_ORDER.has(y), 'bad_key');
  const jwk = { kty: 'OKP', crv: 'Ed25519', x: bytes.toString('base64url') };
  return crypto.createPublicKey({ key: jwk, format: 'jwk' });
}

/** Node.js takes a seed only in a wrapping; these bytes are that of PKCS#8 for Ed25519 (RFC 8410). */
function loadSeed(seed) {
  const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]);
  return crypto.createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
}

/** @returns {Key} */
export function loadKey({ kid, owner, algorithm, not_before_ms, not_after_ms, revoked = false, ...material }) {
  const key = { kid, owner, from: not_before_ms ?? 0n, until: not_after_ms ?? Infinity, revoked };
  if (algorithm === 'HS256') {
    const secret = decodeBase64url(material.secret);
    demand(secret.length >= 32, 'bad_key');
    return { ...key, secret };
  }
  demand(algorithm === 'Ed25519', 'bad_key');
  const publicKey = loadPublicKey(decodeBase64url(material.public));
  return { ...key, publicKey, privateKey: material.private && loadSeed(decodeBase64url(material.private)) };
}

/** @param {string} text a public key, as base64url */
export const fingerprint = (text) => `SHA256:${digestOf(decodeBase64url(text))}`;

// ---- Sections 4.1 and 4.2: to seal a line, and to open one: nothing is parsed before it verified.

const SIGNED_END = /,"signature":"([A-Za-z0-9][A-Za-z0-9._-]{0,63}):([A-Za-z0-9_-]{43,128})"\}$/;

/** @param {string} type @param {string} kid @param {Buffer} payload */
export function signedBytes(type, kid, payload) {
  return Buffer.concat([Buffer.from(`toolwire-sig-v1\n${type}\n${kid}\n`), payload]);
}

/** @param {Buffer} bytes @param {Key} key @returns {string} the encoded signature */
export function signature(bytes, key) {
  if (key.secret) return crypto.createHmac('sha256', key.secret).update(bytes).digest('base64url');
  return crypto.sign(null, bytes, key.privateKey).toString('base64url');
}

/** @param {Buffer} payload @param {string} type @param {Key} key @returns {Buffer} the line */
export function sealLine(payload, type, key) {
  const end = `,"signature":"${key.kid}:${signature(signedBytes(type, key.kid, payload), key)}"}`;
  return Buffer.concat([payload.subarray(0, -1), Buffer.from(end)]);
}

/** @param {Buffer} bytes @param {string} text the signature as it came @param {Key} key */
function verifies(bytes, text, key) {
  if (key.secret) {
    const [expected, given] = [Buffer.from(signature(bytes, key)), Buffer.from(text)];
    return expected.length === given.length && crypto.timingSafeEqual(expected, given);
  }
  const raw = Buffer.from(text, 'base64url');
  const wellSpelled = raw.length === 64 && raw.toString('base64url') === text;
  return wellSpelled && crypto.verify(null, bytes, key.publicKey, raw);
}

/**
 * Steps 1 to 4 of section 4.2.
 *
 * @param {Buffer} line
 * @param {{keyring: Map<string, Key>, now: bigint}} reader
 * @param {string[]} types what may come at this place; the line is not asked
 */
export function verifyLine(line, { keyring, now }, types) {
  // latin1 makes one character of each byte, so that the pattern is matched on the bytes.
  const end = SIGNED_END.exec(line.toString('latin1'));
  if (line[0] !== 0x7b || !end) throw new Refusal('bad_envelope');
  const [, kid, text] = end;
  const payload = Buffer.concat([line.subarray(0, end.index), Buffer.from('}')]);
  const key = keyring.get(kid);
  if (!key) throw new Refusal('unknown_key');
  demand(!key.revoked, 'revoked_key');
  demand(key.from <= now && now <= key.until, 'key_out_of_date');
  const type = types.find((expected) => verifies(signedBytes(expected, kid, payload), text, key));
  if (!type) throw new Refusal('bad_signature');
  return { kid, owner: key.owner, type, payload, digest: digestOf(line) };
}

/** Steps 1 to 5 of section 4.2. `type` of the envelope is that of the signature: its model says so. */
export function openLine(line, reader, types) {
  const verified = verifyLine(line, reader, types);
  const envelope = parsePayload(verified.payload);
  demand(ENVELOPES[verified.type](envelope), 'invalid_envelope');
  return { ...verified, envelope };
}

// ---- Section 5.4, steps 2 to 4: a message is split into lines. Step 1 is the business of the AMQP library.

/** @param {object} properties of AMQP @param {Buffer} body @returns {Buffer[]} */
export function splitMessage({ content_type, content_encoding }, body) {
  demand(content_type === 'application/jsonl', 'bad_content_type');
  demand(content_encoding === null, 'bad_content_encoding');
  demand(body.length <= 1048576, 'too_large');
  const lines = [];
  for (let start = 0, stop = 0; stop < body.length; start = stop + 1) {
    demand(lines.length < 64, 'too_many_lines');
    stop = body.indexOf(0x0a, start);
    if (stop < 0) stop = body.length;
    lines.push(body.subarray(start, stop));
  }
  demand(body.length > 0 && lines.every((line) => line.length > 0) && !body.includes(0x0d), 'bad_lines');
  return lines;
}

// ---- Section 6: envelopes. A check tells whether a parsed value is good; `may` marks what may be left out.

const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);
const any = () => true;
const boolean = (value) => typeof value === 'boolean';
const count = (value) => typeof value === 'bigint' && value >= 0n && value <= 9007199254740991n;
const millis = count;
export const isNumber = (value) => ['bigint', 'number'].includes(typeof value);
const fraction = (value) => isNumber(value) && value >= 0 && value <= 1;
const text = (most) => (value) => typeof value === 'string' && [...value].length <= most;
const matching = (pattern) => (value) => typeof value === 'string' && pattern.test(value);
const oneOf = (...words) => (value) => words.includes(value);
const listOf = (check, most) => (value) => Array.isArray(value) && value.length <= most && value.every(check);
const orNull = (check) => (value) => value === null || check(value);
const may = (check) => Object.assign((value) => check(value), { optional: true });

/** An object that has these members and no others, and satisfies the rules below its table. */
const object = (members, ...rules) => (value) =>
  isObject(value) &&
  Object.keys(value).every((name) => Object.hasOwn(members, name)) &&
  Object.entries(members).every(([name, check]) => (name in value ? check(value[name]) : check.optional)) &&
  rules.every((rule) => rule(value));

const id = matching(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/);
const toolName = matching(/^[A-Za-z0-9_.-]{1,128}$/);
const nonce = matching(/^[A-Za-z0-9_-]{22}$/);
const digest = matching(/^[A-Za-z0-9_-]{43}$/);
const questionKey = matching(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/);
const priority = (value) => typeof value === 'bigint' && value >= -9n && value <= 9n;
const pieces = (value) => Array.isArray(value) && value.length > 0;
const traceparent = matching(/^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/);

const FINAL = ['done', 'error', 'cancelled'];
const JOB_STATUSES = ['accepted', 'running', 'input_required', ...FINAL];
/** Section 11.2: the status that each event leads to. */
const EVENTS = {
  accepted: 'accepted', started: 'running', progress: 'running', output: 'running', retrying: 'accepted',
  input_required: 'input_required', answered: 'accepted',
  done: 'done', error: 'error', cancelled: 'cancelled',
};
const CODES = `invalid_envelope unsupported_version forbidden wrong_server wrong_destination
  request_id_conflict clock_skew expired ttl_too_long rate_limited overloaded unavailable tool_not_available
  tool_changed invalid_args tool_error internal result_invalid result_too_large deadline_exceeded cancelled
  interrupted job_not_found invalid_schedule time_limit_exceeded not_asked`;

const trace = object({ traceparent, tracestate: may(orNull(text(512))) });
const fieldError = object({ path: text(200), type: text(64), message: text(500) });
const progress = object({ fraction, message: may(text(500)) });
export const error = object({
  code: oneOf(...CODES.split(/\s+/)), message: text(2000), retryable: boolean,
  retry_after_ms: may(orNull(count)), fields: may(orNull(listOf(fieldError, 10))),
  reason: may(orNull(text(128))), data: may(orNull(isObject)),
});
const question = object({ key: questionKey, prompt: text(2000), answer_schema: isObject });
const snapshot = object(
  {
    job_id: id, server_id: id, tool: toolName, status: oneOf(...JOB_STATUSES), attempt: count, seq: count,
    progress: orNull(progress), result: any, error: orNull(error), created_ms: millis,
    started_ms: orNull(millis), updated_ms: millis, due_ms: orNull(millis), question: orNull(question),
    deadline_ms: millis, poll_after_ms: orNull(count), final: boolean,
  },
  (job) => job.final === FINAL.includes(job.status),
  (job) => job.final === (job.poll_after_ms === null),
  (job) => ['error', 'cancelled'].includes(job.status) === (job.error !== null),
  (job) => job.status === 'done' || job.result === null,
  (job) => (job.status === 'accepted') === (job.due_ms !== null),
  (job) => (job.status === 'input_required') === (job.question !== null),
);

const sealed = (type) => ({ v: oneOf(VERSION), type: oneOf(type), ts_ms: millis, server_id: id });
export const ENVELOPES = {
  request: object({
    ...sealed('request'), request_id: id, nonce, deadline_ms: millis, client_id: id, tool: toolName,
    args: isObject, reply_to: id, tool_rev: may(orNull(digest)), run_at_ms: may(orNull(millis)), priority: may(orNull(priority)),
    trace: may(orNull(trace)),
  }),
  response: object(
    {
      ...sealed('response'), request_id: id, request_digest: digest, client_id: id, ok: boolean,
      status: oneOf('ok', ...JOB_STATUSES), result: any, error: orNull(error),
    },
    ({ ok, error }) => ok === (error === null),
    ({ ok, status, result }) => ok || (status === 'error' && result === null),
  ),
  event: object(
    {
      ...sealed('event'), request_id: id, request_digest: digest, client_id: id,
      event: oneOf(...Object.keys(EVENTS)), data: snapshot, output: may(orNull(pieces)),
    },
    ({ event, data }) => data.status === EVENTS[event],
    ({ event, data }) => event !== 'progress' || data.progress !== null,
    ({ event, output }) => (event === 'output') === ((output ?? null) !== null),
  ),
  control: object({ ...sealed('control'), action: oneOf('cancel'), data: isObject }),
};

// ---- Section 8: what a server checks, up to where it would look at its records and its tools.

/** @param {Buffer} line @param {object} server @param {{routing_key: string}} delivery */
export function openAsServer(line, server, { routing_key }) {
  const verified = verifyLine(line, server, ['request']);
  // From here on the sender is known, and gets an answer, if one can read which request and where to (7.5).
  const request = parsePayload(verified.payload);
  const readable = id(request.request_id) && id(request.reply_to);
  const answerTo = readable ? `${verified.owner}.${request.reply_to}` : null;
  for (const [code, holds] of SERVER_CHECKS) {
    if (!holds(request, { ...server, owner: verified.owner, routing_key })) throw new Refusal(code, answerTo);
  }
  return { ...verified, envelope: request };
}

/** The table of section 8.2 after its first row. Of several faults the first is told. */
const SERVER_CHECKS = [
  ['unsupported_version', (request) => !('v' in request) || request.v === VERSION],
  ['invalid_envelope', (request) => ENVELOPES.request(request)],
  ['forbidden', (request, { owner, max_ttl_ms }) => request.client_id === owner && owner in max_ttl_ms],
  ['wrong_server', (request, { server_id }) => request.server_id === server_id],
  ['wrong_destination', (request, { routing_key }) => routing_key === `${request.server_id}.${request.tool}`],
  ['clock_skew', (request, { now, skew_ms }) => request.ts_ms <= now + skew_ms],
  ['expired', (request, { now, skew_ms }) => now <= request.deadline_ms + skew_ms],
  ['ttl_too_long', ({ ts_ms, deadline_ms, client_id }, { max_ttl_ms }) =>
    ts_ms < deadline_ms && deadline_ms - ts_ms <= max_ttl_ms[client_id]],
];

// ---- Section 9: what a client checks in its reply queue. Each failure drops the line; the wait goes on.

/** @param {Buffer} line @param {object} client */
export function openAsClient(line, client) {
  const opened = openLine(line, client, ['response', 'event']);
  checkOrigin(opened);
  demand(opened.envelope.client_id === client.client_id, 'not_mine');
  (opened.type === 'response' ? checkResponse : checkEvent)(opened.envelope, client);
  return opened;
}

/** Section 9.1, steps 2 and 3: a server speaks in its own name, about its own jobs. */
function checkOrigin({ envelope, owner, type }) {
  demand(envelope.server_id === owner, 'foreign_key');
  demand(type !== 'event' || envelope.data.server_id === envelope.server_id, 'foreign_job');
}

/** Sections 9.2, steps 5 to 7, and 9.3, step 6. @returns the attempt that the envelope names */
function findAttempt(envelope, awaited) {
  const attempt = awaited.find((sent) => sent.digest === envelope.request_digest);
  if (!attempt) throw new Refusal('not_awaited');
  demand(attempt.server_id === envelope.server_id, 'wrong_server');
  demand(attempt.request_id === envelope.request_id, 'wrong_request');
  return attempt;
}

/** Section 9.2. */
function checkResponse(response, { awaited }) {
  const attempt = findAttempt(response, awaited);
  demand(response.error?.code !== 'wrong_destination', 'wrong_destination');
  demand(!(response.error?.retryable && attempt.told_to_try_again), 'repeated');
}

/** Section 9.3. */
function checkEvent({ data, ...event }, { awaited, followed }) {
  const job = followed.find((known) => known.server_id === event.server_id && known.job_id === data.job_id);
  if (!job) return void findAttempt(event, awaited);
  demand(job.digests === null || job.digests.includes(event.request_digest), 'unknown_digest');
  demand(data.seq > job.seq, 'duplicate');
}

// ---- Section 13: what a watcher checks. (It drops duplicates as well; each vector is an event of its own.)

/** @param {Buffer} line @param {object} watcher */
export function openAsWatcher(line, watcher) {
  const opened = openLine(line, watcher, ['event']);
  checkOrigin(opened);
  const { client_id, event, data } = opened.envelope;
  const grants = [watcher.client_id, ...watcher.may_watch];
  demand(grants.some((grant) => isGranted(grant, client_id)), 'not_granted');
  demand(watcher.tools.includes(data.tool) && watcher.events.includes(event), 'not_watched');
  return opened;
}

/** A grant is a client's id, or the beginning of one and `*`. */
function isGranted(grant, clientId) {
  return grant.endsWith('*') ? clientId.startsWith(grant.slice(0, -1)) : clientId === grant;
}

/** Section 6.4: what a replica of a server checks. It holds the server's own public keys alone. */
export function openAsReplica(line, replica) {
  const opened = openLine(line, replica, ['control']);
  demand(opened.envelope.server_id === replica.server_id, 'wrong_server');
  return opened;
}

// ---- Names and other derived values: sections 5, 7.3 and 13.

/** Section 7.3: the same id, whoever reacts to the job. The length keeps `ab` + `c` and `a` + `bc` apart. */
export function stepRequestId(jobId, step) {
  return `step-${digestOf(`toolwire-step-v1\n${jobId.length}:${jobId}${step}`)}`;
}

/** Section 13: a routing key has at most 255 bytes, so a long tool name is cut. */
function toolInEventKey(tool) {
  return tool.length > 100 ? `${tool.slice(0, 83)}~${sha256(tool).toString('hex').slice(0, 16)}` : tool;
}

/** By exchange. In a binding for events, null is any: a tool may have dots, the others are one word. */
export const ROUTING_KEYS = {
  'tw.requests': ({ server_id, tool }) => `${server_id}.${tool}`,
  'tw.replies': ({ client_id, reply_to }) => `${client_id}.${reply_to}`,
  'tw.events': ({ client_id, server_id, tool, event }) =>
    [client_id ?? '*', server_id ?? '*', tool === null ? '#' : toolInEventKey(tool), event ?? '*'].join('.'),
};

export const QUEUES = {
  'requests to a server': ({ server_id }) => `tw.call.${server_id}`,
  'answers to a named instance': ({ client_id, reply_to }) => `tw.reply.${client_id}.${reply_to}`,
  'events for watchers of one name': ({ client_id, name }) => `tw.watch.${client_id}.${name}`,
};

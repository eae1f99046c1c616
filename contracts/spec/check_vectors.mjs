#!/usr/bin/env node
/**
 * Checks every test vector of toolwire/1 with Node.js (20 or later) and nothing else:
 *
 *     node check_vectors.mjs [FOLDER]        (FOLDER: `vectors` beside this file, if none is given)
 *
 * The protocol stands in toolwire.mjs. Here files are read (section 18), and outcomes compared.
 */
import * as crypto from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

import {
  ENVELOPES, QUEUES, ROUTING_KEYS, Refusal, canonical, decodeBase64url, digestOf, error,
  fingerprint, isNumber, loadKey, openAsClient, openAsReplica, openAsServer, openAsWatcher,
  parseJson, sealLine, sha256, signature, signedBytes, splitMessage, stepRequestId, verifyLine,
} from './toolwire.mjs';

/** How many random changes of each accepted line are tried. They are the same every time. */
const CHANGES = 200;
const tally = { passed: 0, failed: 0 };

function fail(file, name, expected, got) {
  const shown = (value) => (typeof value === 'string' ? value : canonical(value)).slice(0, 400);
  console.log(`${file}: ${name}\n  expected: ${shown(expected)}\n  got:      ${shown(got)}`);
  tally.failed += 1;
}

/** Runs what a vector asks for, and compares with what it expects. A crash is a failure, too. */
function check(file, name, expected, run) {
  let got;
  try {
    got = run();
  } catch (problem) {
    got = problem instanceof Refusal ? { refused: problem.refused } : `a crash: ${problem}`;
  }
  if (same(expected, got)) tally.passed += 1;
  else fail(file, name, expected, got);
}

/** Numbers by value: `==` compares a bigint with a double exactly. */
function same(a, b) {
  if (isNumber(a)) return isNumber(b) && a == b;
  if (typeof a !== 'object' || a === null) return a === b;
  if (typeof b !== 'object' || b === null || Array.isArray(a) !== Array.isArray(b)) return false;
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => name in b && same(a[name], b[name]));
}

/** Nothing may be passed over: a member that this program does not know is a failure. */
function checkMembers(file, name, value, known) {
  const unknown = Object.keys(value).filter((member) => !known.includes(member));
  if (unknown.length) fail(file, name, `only ${known.join(', ')}`, unknown.join(', '));
}

/** The vectors of a file, each of a name of its own and with one outcome. */
function* vectorsOf(file, { vectors }, known) {
  const names = new Set();
  for (const vector of vectors) {
    checkMembers(file, vector.name, vector, ['name', 'accepted', 'refused', ...known]);
    if (names.has(vector.name)) fail(file, vector.name, 'a name of its own', 'twice');
    if ('accepted' in vector === 'refused' in vector) fail(file, vector.name, 'one outcome', 'none or both');
    yield vector;
    names.add(vector.name);
  }
  console.log(`${file}: ${vectors.length} vectors`);
}

/** With a code, `reason` is a sentence for people: what counts is the code, and where the answer goes. */
function outcomeOf({ accepted, refused }) {
  if (accepted) return { accepted };
  return { refused: refused.code === null ? refused : { code: refused.code, answer_to: refused.answer_to } };
}

/** @param {Function} open the reader @param {string[]} types it expects @param {string[]} known members */
function checkLines(open, types, known, file, content, keys) {
  checkMembers(file, 'members', content, ['about', 'now_ms', 'keyring', 'vectors', ...known]);
  const ring = Object.entries(content.keyring).map(([kid, owner]) => {
    return [kid, loadKey({ ...keys.find((record) => record.kid === kid), owner })];
  });
  const reader = { followed: [], ...content, now: content.now_ms, keyring: new Map(ring) };
  for (const vector of vectorsOf(file, content, ['line', 'line_base64url', 'routing_key'])) {
    const line = 'line' in vector ? Buffer.from(vector.line) : decodeBase64url(vector.line_base64url);
    check(file, vector.name, outcomeOf(vector), () => {
      const { kid, payload, digest, envelope } = open(line, reader, vector);
      return { accepted: { kid, payload: payload.toString(), digest, envelope } };
    });
    if (vector.accepted) checkAccepted(file, vector, line, reader, types);
  }
}

/** Sealing gives the line again: both algorithms are deterministic. With a changed byte it never verifies. */
function checkAccepted(file, { name, accepted: { kid, payload, envelope } }, line, reader, types) {
  const key = reader.keyring.get(kid);
  check(file, `${name}: sealed`, line.toString(), () => {
    return sealLine(Buffer.from(payload), envelope.type, key).toString();
  });
  check(file, `${name}: a byte changed`, [], () => {
    const verifies = (bytes) => !isRefused(() => verifyLine(bytes, reader, types));
    return changes(name, line).filter(verifies).map(String);
  });
}

function isRefused(run) {
  try {
    run();
  } catch (problem) {
    if (problem instanceof Refusal) return true;
    throw problem;
  }
  return false;
}

/** The line with one byte changed: anywhere, and in each way where base64url has bits to spare. */
function changes(seed, line) {
  const anywhere = Array.from({ length: CHANGES }, (_, nth) => {
    const random = sha256(`${seed} ${nth}`);
    return changed(line, random.readUInt32LE(0) % line.length, 1 + (random.readUInt32LE(4) % 255));
  });
  const lastOfSignature = Array.from({ length: 255 }, (_, by) => changed(line, line.length - 3, by + 1));
  return [...anywhere, ...lastOfSignature];
}

function changed(line, at, by) {
  const copy = Buffer.from(line);
  copy[at] += by;
  return copy;
}

function checkKeys(file, { about, keys, refused, ...more }) {
  checkMembers(file, 'members', more, []);
  for (const record of keys) {
    check(file, record.kid, record.public ?? null, () => {
      const { privateKey } = loadKey(record);
      return privateKey ? crypto.createPublicKey(privateKey).export({ format: 'jwk' }).x : null;
    });
  }
  for (const record of refused) {
    check(file, record.name, { refused: { code: null, reason: 'bad_key' } }, () => loadKey(record));
  }
  console.log(`${file}: ${keys.length + refused.length} vectors`);
}

function checkMessages(file, content) {
  checkMembers(file, 'members', content, ['about', 'vectors']);
  const known = ['content_type', 'content_encoding', 'body', 'body_base64url'];
  for (const vector of vectorsOf(file, content, known)) {
    const { lines, lines_base64url } = vector.accepted ?? {};
    const accepted = lines_base64url ?? lines?.map((line) => joined(line).toString('base64url'));
    const body = 'body' in vector ? joined(vector.body) : decodeBase64url(vector.body_base64url);
    check(file, vector.name, outcomeOf({ ...vector, accepted }), () => {
      return { accepted: splitMessage(vector, body).map((line) => line.toString('base64url')) };
    });
  }
}

/** A text, or a list of pieces: a text, or one that stands there so many times. */
function joined(pieces) {
  const piece = (part) => (typeof part === 'string' ? part : part.repeat.repeat(Number(part.times)));
  return Buffer.from([pieces].flat().map(piece).join(''));
}

/** Each makes the whole item anew, so that a member that it does not know is missed. */
const DERIVED = {
  canonical: ({ text }) => ({ text, canonical: canonical(parseJson(text)) }),
  tool_rev: ({ descriptor }) => {
    return { descriptor, canonical: canonical(descriptor), tool_rev: digestOf(canonical(descriptor)) };
  },
  meaning: ({ server_id, tool, args, tool_rev }) => {
    const meant = { server_id, tool, args, tool_rev };
    return { ...meant, canonical: canonical(meant), meaning: digestOf(canonical(meant)) };
  },
  digest: ({ line }) => ({ line, digest: digestOf(line) }),
  step_request_id: ({ job_id, step }) => ({ job_id, step, request_id: stepRequestId(job_id, step) }),
  routing_keys: (names) => ({ ...names, routing_key: ROUTING_KEYS[names.exchange](names) }),
  queues: (names) => ({ ...names, queue: QUEUES[names.of](names) }),
  fingerprint: (item) => ({ public: item.public, fingerprint: fingerprint(item.public) }),
};

function checkDerived(file, { about, base64url, ...sections }) {
  checkMembers(file, 'sections', sections, Object.keys(DERIVED));
  let vectors = base64url.accepted.length + base64url.refused.length;
  for (const [section, derive] of Object.entries(DERIVED)) {
    vectors += sections[section].length;
    sections[section].forEach((item, at) => check(file, `${section} ${at + 1}`, item, () => derive(item)));
  }
  for (const { bytes, text } of base64url.accepted) {
    check(file, `base64url ${text}`, { bytes, text }, () => {
      const encoded = Buffer.from(bytes, 'hex').toString('base64url');
      return { bytes: decodeBase64url(text).toString('hex'), text: encoded };
    });
  }
  for (const { text } of base64url.refused) {
    const expected = { refused: { code: null, reason: 'bad_base64url' } };
    check(file, `base64url ${text}`, expected, () => decodeBase64url(text));
  }
  console.log(`${file}: ${vectors} vectors`);
}

/** Section 4.4, read out of the page: tables of two columns, and texts between fences. */
function checkPage(file, page) {
  const example = page.slice(page.indexOf('\n### 4.4'), page.indexOf('\n## 5.'));
  const fence = (info) => page.split(`\n\`\`\`json ${info}\n`)[1].split('\n```')[0];
  const rows = [...example.matchAll(/^\| (.+?) \| `(.+)` \|$/gm)];
  const cell = (label, nth = 0) => rows.filter((row) => row[1] === label)[nth][2];
  const materials = {
    Ed25519: { private: cell('Ed25519 seed, hex'), public: cell('Ed25519 public key, hex') },
    HS256: { secret: cell('HS256 secret, hex') },
  };
  const payload = Buffer.from(fence('request P'));
  Object.entries(materials).forEach(([algorithm, hex], nth) => {
    const encode = ([name, digits]) => [name, Buffer.from(digits, 'hex').toString('base64url')];
    const material = Object.fromEntries(Object.entries(hex).map(encode));
    const key = loadKey({ kid: cell(`${algorithm} kid`), algorithm, ...material });
    const expected = [fence(`request line ${algorithm}`), cell('signature, base64url', nth),
      cell('SHA-256 of the signed bytes (only to compare)', nth), cell('digest of the line', nth)];
    check(file, `the example of section 4.4, ${algorithm}`, expected, () => {
      const [line, bytes] = [sealLine(payload, 'request', key), signedBytes('request', key.kid, payload)];
      return [line.toString(), signature(bytes, key), sha256(bytes).toString('hex'), digestOf(line)];
    });
  });
  const { request, response, event } = ENVELOPES;
  for (const [info, model] of Object.entries({ 'request P': request, response, event, error })) {
    check(file, `the example ${info}`, [true, fence(info)], () => {
      return [model(parseJson(fence(info))), canonical(parseJson(fence(info)))];
    });
  }
}

const FILES = {
  'request.json': checkLines.bind(null, openAsServer, ['request'], ['server_id', 'skew_ms', 'max_ttl_ms']),
  'response.json': checkLines.bind(null, openAsClient, ['response', 'event'], ['client_id', 'awaited']),
  'event.json': checkLines.bind(null, openAsClient, ['response', 'event'],
    ['client_id', 'awaited', 'followed']),
  'watch.json': checkLines.bind(null, openAsWatcher, ['event'],
    ['client_id', 'may_watch', 'tools', 'events']),
  'control.json': checkLines.bind(null, openAsReplica, ['control'], ['server_id']),
  'keys.json': checkKeys,
  'messages.json': checkMessages,
  'derived.json': checkDerived,
};

function main(folder) {
  const read = (name) => parseJson(readFileSync(join(folder, name), 'utf8'), Infinity);
  const attempt = (name, run) => {
    try {
      run();
    } catch (problem) {
      fail(name, 'the file', 'to be read', problem.stack);
    }
  };
  for (const name of new Set([...Object.keys(FILES), ...readdirSync(folder)])) {
    const checkFile = FILES[name] ?? (() => fail(name, 'the file', 'known to this program', 'unknown'));
    attempt(name, () => checkFile(name, read(name), read('keys.json').keys));
  }
  const page = join(folder, '..', 'PROTOCOL.md');
  attempt('PROTOCOL.md', () => checkPage('PROTOCOL.md', readFileSync(page, 'utf8')));
  console.log(`${tally.passed} passed, ${tally.failed} failed`);
  return tally.failed ? 1 : 0;
}

const here = dirname(fileURLToPath(import.meta.url));
process.exitCode = main(resolve(process.argv[2] ?? join(here, 'vectors')));

// The rules that every policy keeps, as one function for conformance tests, and odd envelopes to break policies with.

import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { inspect } from 'node:util'
import { Ajv } from 'ajv'
import type { Test } from 'tap'
import { parse } from 'yaml'
import type { Credentials, Log } from '../../src/contract/adapter.ts'
import type { Attributes, Envelope, Peer, Principal } from '../../src/contract/envelope.ts'
import { noAttributes, noExtensions } from '../../src/contract/envelope.ts'
import { isRefusal, refusals } from '../../src/contract/outcome.ts'
import type { Authenticator, Judge, JudgeContext, PolicyModule, PolicySetup } from '../../src/contract/policy.ts'
import { bytesKeyword } from '../../src/contract/setting.ts'

export const silentLog: Log = { debug () {}, info () {}, warn () {}, error () {} }
export const peer: Peer = { address: '127.0.0.1', port: 40000, secure: false, connectionId: 1 }
export const judgeContext: JudgeContext = { route: 'orders', topic: 'orders.eu', ack: 'kafka' }

const factory: Principal = { name: 'factory-7', groups: ['factories'], anonymous: false }

/** Attributes that come from pairs, in lower case. */
export function attributesOf (pairs: readonly (readonly [string, string])[]): Attributes {
  return {
    get: name => pairs.find(([other]) => other === name)?.[1],
    forEach (visit) { for (const [name, value] of pairs) if (!name.startsWith(':')) visit(name, value) }
  }
}

/** An ordinary event, but for the parts given. */
export function envelopeWith (parts: Partial<Envelope>): Envelope {
  return {
    id: '1', source: '/shop/eu', type: 'com.example.order', subject: undefined, time: undefined,
    datacontenttype: 'application/json', dataschema: undefined, extensions: noExtensions,
    channel: 'orders/eu', wrapped: false, data: Buffer.from('{"customerId":"c1"}'), dataChecked: false,
    principal: factory, attributes: noAttributes, peer, receivedAtMs: 1_790_000_000_000,
    traceparent: undefined, tracestate: undefined, patient: false, ...parts
  }
}

/** Envelopes that a door may well hand over and that a policy must not stumble on. */
export function oddEnvelopes (): Envelope[] {
  const crowd = Array.from({ length: 10_000 }, (_, i): [string, string] => [`x-${i}`, 'v'.repeat(100)])
  return [
    envelopeWith({}),
    envelopeWith({ data: null }),
    envelopeWith({ data: Buffer.alloc(0), datacontenttype: undefined }),
    envelopeWith({ data: Buffer.alloc(3_000_000, 0xff) }),
    envelopeWith({ data: Buffer.from('{"a":') }),
    envelopeWith({ attributes: attributesOf(crowd) }),
    envelopeWith({ attributes: attributesOf([['__proto__', 'x'], ['', ''], ['constructor', '\u0000\ud800']]) }),
    envelopeWith({ principal: { name: 'anonymous', groups: [], anonymous: true } }),
    envelopeWith({ principal: { name: '__proto__', groups: ['constructor', ''], anonymous: false } }),
    envelopeWith({ id: '', source: '', type: '', wrapped: true }),
    envelopeWith({ extensions: new Map<string, string | number | boolean>([['a', 1], ['b', false], ['c', '']]) }),
    envelopeWith({ channel: 'a/'.repeat(500) + 'a', subject: '\ud83d', time: 'not a time' }),
    envelopeWith({ receivedAtMs: 0, traceparent: 'nonsense', tracestate: '', patient: true })
  ]
}

interface Settings extends Omit<PolicySetup<unknown>, 'log'> { readonly raw: unknown }
interface Field { description?: string, default?: unknown, type?: unknown, [bytesKeyword]?: unknown }
interface ObjectSchema { properties?: Record<string, Field>, required?: string[], additionalProperties?: unknown }

/** Checks one policy and its folder. A new policy is checked the moment it is listed in the registry. */
export async function checkPolicy (t: Test, policy: PolicyModule, folder: URL): Promise<void> {
  const fields = (policy.config as ObjectSchema).properties ?? {}
  t.test('its folder has the four files', async t => {
    for (const file of ['index.ts', 'config.ts', 'index.test.ts', 'README.md']) t.ok(existsSync(new URL(file, folder)), file)
  })
  t.test('its schema tells what each field is for, and its numbers end in a unit', async t => {
    checkSchema(t, policy.config as ObjectSchema)
  })
  t.test('its README shows every field, its default, and an example that works', async t => {
    const readme = readFileSync(new URL('README.md', folder), 'utf8')
    checkTable(t, readme, policy.config as ObjectSchema)
    t.ok(exampleIn(readme, policy), 'an example in a yaml block')
  })
  t.test('its source names no protocol, status or header', async t => { checkWords(t, folder) })
  t.test('it behaves as its kind must', async t => {
    const example = exampleIn(readFileSync(new URL('README.md', folder), 'utf8'), policy)
    validate(t, policy.config, example.raw)
    const settings = { ...example, config: frozenConfig(example.raw, fields), log: silentLog }
    if (policy.kind === 'judge') await checkJudge(t, () => policy.create(settings))
    else {
      for (const { credentials } of example.principals) {
        for (const credential of credentials) validate(t, policy.credential?.schema ?? {}, credential[policy.credential?.name ?? ''])
      }
      await checkAuthenticator(t, () => policy.create(settings))
    }
  })
}

function validate (t: Test, schema: object, value: unknown): void {
  const check = new Ajv({ strict: false, allErrors: true }).compile(schema)
  t.ok(check(value), 'matches the schema', { errors: check.errors })
}

const unit = /(bytes|ms|seconds|minutes|hours|days|count|events|keys|ratio|percent|levels|persecond)(max|min)?$/i

function checkSchema (t: Test, schema: ObjectSchema): void {
  t.equal(schema.additionalProperties, false, 'unknown keys are errors')
  for (const [name, field] of Object.entries(schema.properties ?? {})) {
    t.match(field.description ?? '', /^[A-Z].*\.$/s, `${name} has a description, which is a sentence`)
    const numeric = bytesKeyword in field || [field.type].flat().some(type => type === 'number' || type === 'integer')
    if (numeric) t.match(name, unit, `${name} ends in its unit`)
    if ('default' in field) validate(t, field, field.default)
    else if (schema.required?.includes(name) !== true) {
      t.match(field.description ?? '', /absent/, `${name} has no default and may be left out: it says what that means`)
    }
  }
}

function checkTable (t: Test, readme: string, schema: ObjectSchema): void {
  const rows = [...readme.matchAll(/^\| `([^`]+)` \| [^|]+ \| ([^|]+) \| (.+) \|$/gm)]
  const expected = Object.entries(schema.properties ?? {}).map(([name, field]) => {
    const value = typeof field.default === 'string' ? field.default : JSON.stringify(field.default)
    const required = schema.required?.includes(name) === true ? 'required' : 'absent'
    return [name, 'default' in field ? `\`${value}\`` : required, field.description]
  })
  t.same(rows.map(([, name, value, meaning]) => [name, value, meaning]), expected, 'table and schema say the same')
}

/** The settings of the README's first yaml block: the policy's own and the principals beside it. Throws without one. */
function exampleIn (readme: string, policy: PolicyModule): Settings {
  const text = /```yaml\n(.*?)```/s.exec(readme)?.[1] ?? ''
  const config = parse(text) as Record<string, unknown> | null
  const list = config?.[policy.kind === 'judge' ? 'policies' : 'authentication']
  const entry = Array.isArray(list) ? list.find(item => policy.name in item) : undefined
  if (entry === undefined) throw new Error(`the README of ${policy.name} has no yaml example with ${policy.name}`)
  const principals = (config?.['principals'] ?? []) as Settings['principals']
  return { raw: entry[policy.name], config: undefined, principals }
}

/** What the config room makes of it: defaults filled in, byte sizes as numbers, frozen. */
function frozenConfig (raw: unknown, fields: Record<string, Field>): unknown {
  const scale: Record<string, number> = { B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 }
  const config: Record<string, unknown> = { ...raw as Record<string, unknown> }
  for (const [name, field] of Object.entries(fields)) {
    if (!(name in config) && 'default' in field) config[name] = structuredClone(field.default)
    if (bytesKeyword in field) {
      const [, digits = '0', suffix = 'B'] = /^(\d+)(\D+)?$/.exec(String(config[name])) ?? []
      config[name] = Number(digits) * (scale[suffix] ?? NaN)
    }
  }
  return deepFreeze(config)
}

const foreignWords = new RegExp('\\b(https?|mqtt|grpc|websocket|fastify|status(Code)?|puback|connack|authorization|' +
  'retry-after|40[0-9]|41[3579]|42[269]|50[0-47])\\b', 'i')

function checkWords (t: Test, folder: URL): void {
  for (const file of readdirSync(folder).filter(name => name.endsWith('.ts') && !name.endsWith('.test.ts'))) {
    const found = readFileSync(new URL(file, folder), 'utf8').split('\n').filter(line => foreignWords.test(line))
    t.same(found, [], `${file} stays neutral`)
  }
}

async function checkJudge (t: Test, create: () => Judge): Promise<void> {
  const judge = create()
  const other = create()
  for (const envelope of oddEnvelopes()) {
    const before = snapshot(envelope)
    const verdict = await judge.judge(deepFreeze(envelope), deepFreeze({ ...judgeContext }))
    t.equal(snapshot(envelope), before, 'the envelope is as it was')
    checkVerdict(t, verdict)
    const again = await other.judge(envelope, judgeContext)
    t.equal(inspect(again, { depth: 9 }), inspect(verdict, { depth: 9 }), 'the same envelope gets the same verdict')
  }
  closeTwice(t, judge)
  closeTwice(t, other)
}

function checkVerdict (t: Test, verdict: unknown): void {
  if (verdict === undefined) return
  if (isRefusal(verdict)) {
    t.ok(verdict.code in refusals, `${verdict.code} is a code of the table`)
    t.equal(verdict.outcome, refusals[verdict.code].fate, 'with the fate of the table')
    t.match(verdict.detail, /\S{3}/, 'a refusal says why')
  } else {
    t.match(verdict, { id: String, source: String, type: String, channel: String, principal: Object }, 'an envelope')
  }
}

async function checkAuthenticator (t: Test, create: () => Authenticator): Promise<void> {
  const authenticator = create()
  const other = create()
  const { secretNames, advice } = authenticator
  t.ok(secretNames.length > 0, 'it names where its secrets are')
  t.same(secretNames, secretNames.map(name => name.toLowerCase()), 'in lower case')
  t.match(advice, /\S{3}/, 'it says how to authenticate')
  const nothing: Credentials = { attributes: noAttributes, argument: () => undefined }
  t.equal(await authenticator.authenticate(nothing, peer), undefined, 'whoever shows nothing is left to the next')
  for (const secret of ['', ' ', 'canary-7', 'x'.repeat(1_000_000), '\u0000\ud800', '__proto__', 'sha256:']) {
    for (const name of secretNames) {
      for (const credentials of showing(name, secret)) {
        const answer = await authenticator.authenticate(deepFreeze(credentials), peer)
        t.same(await other.authenticate(credentials, peer), answer, 'the same credentials get the same answer')
        if (answer === undefined) continue
        if (!isRefusal(answer)) t.fail('a guess is nobody', { secret: secret.slice(0, 20) })
        else {
          checkVerdict(t, answer)
          if (secret === 'canary-7') t.notMatch(answer.detail, secret, 'a refusal does not repeat what was shown')
        }
      }
    }
  }
  closeTwice(t, authenticator)
  closeTwice(t, other)
}

function showing (name: string, secret: string): Credentials[] {
  const argument = (other: string): string | undefined => other.toLowerCase() === name ? secret : undefined
  return [
    { attributes: attributesOf([[name, secret]]), argument: () => undefined },
    { attributes: attributesOf([[name, secret], [name, secret]]), argument: () => undefined },
    { attributes: noAttributes, argument },
    { attributes: attributesOf([[name, secret]]), argument }
  ]
}

function closeTwice (t: Test, policy: Judge | Authenticator): void {
  t.doesNotThrow(() => { policy.close?.(); policy.close?.() }, 'it can be closed twice')
}

/** Freezes all but bytes, which cannot be frozen, and maps, whose content cannot: `snapshot` watches over those. */
function deepFreeze<T> (value: T): T {
  if (typeof value === 'object' && value !== null && !ArrayBuffer.isView(value) && !Object.isFrozen(value)) {
    Object.freeze(value)
    Object.values(value).forEach(deepFreeze)
  }
  return value
}

function snapshot (envelope: Envelope): string {
  const seen: string[] = []
  envelope.attributes.forEach((name, value) => { seen.push(name, value) })
  const data = envelope.data === null ? 'null' : envelope.data.toString('latin1')
  return inspect([{ ...envelope, data: null }, data, seen], { depth: 9, maxArrayLength: null, maxStringLength: null })
}

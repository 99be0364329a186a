// The rules that every policy keeps, as one function that tells which of them a policy breaks.

import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { inspect, isDeepStrictEqual } from 'node:util'
import { Ajv } from 'ajv'
import { parse } from 'yaml'
import type { Credentials } from '../../src/contract/adapter.ts'
import type { Certificate, Envelope } from '../../src/contract/envelope.ts'
import { noAttributes } from '../../src/contract/envelope.ts'
import { isRefusal, refusals } from '../../src/contract/outcome.ts'
import type { Authenticator, Gate, Judge, PolicyModule, PolicySetup } from '../../src/contract/policy.ts'
import { principalOf } from '../../src/contract/principal.ts'
import type { PrincipalSettings } from '../../src/contract/principal.ts'
import { Secret } from '../../src/contract/secret.ts'
import { bytesKeyword, secretKeyword } from '../../src/contract/setting.ts'
import { attributesOf, envelopeWith, judgeContext, oddEnvelopes, peer, silentLog } from './odd-envelopes.ts'
import { tablesFor } from './table-rig.ts'

interface Field { description?: string, default?: unknown, type?: unknown, [bytesKeyword]?: unknown }
interface ObjectSchema { properties?: Record<string, Field>, required?: string[], additionalProperties?: unknown }
interface Nested { properties?: Record<string, Nested>, items?: Nested, [secretKeyword]?: boolean }
interface Example { readonly own: unknown, readonly principals: readonly PrincipalSettings[] }

/** Takes a sentence about what is wrong, unless it is right. */
type Check = (right: boolean, fault: string) => void

/** Every rule that the policy breaks, in words; empty when it keeps all. `folder` is where its four files are. */
export async function policyFaults (policy: PolicyModule, folder: URL): Promise<string[]> {
  const faults = new Set<string>()
  const check: Check = (right, fault) => { if (!right) faults.add(fault) }
  const missing = ['index.ts', 'config.ts', 'index.test.ts', 'README.md'].filter(file => !existsSync(new URL(file, folder)))
  if (missing.length > 0) return missing.map(file => `the folder has no ${file}`)

  const schema = policy.config as ObjectSchema
  const readme = readFileSync(new URL('README.md', folder), 'utf8')
  checkSchema(check, schema)
  checkTable(check, readme, schema)
  checkWords(check, folder)
  const example = exampleIn(readme, policy)
  if (example === undefined) return [...faults, `the README has no yaml block with an example of ${policy.name}`]
  checkExample(check, policy, example)
  if (faults.size > 0) return [...faults]

  const { principals } = example
  const config = frozenConfig(example.own, schema)
  // Tables of its own for each instance, of which the clock stands still.
  const setup = (): PolicySetup<unknown> =>
    ({ config, principals, tables: tablesFor(policy.tables?.(config as never) ?? []), log: silentLog })
  try {
    if (policy.kind === 'judge') {
      await checkJudge(check, () => policy.create(setup()))
      await checkJudgeOfMany(check, policy.create(setup()))
    } else if (policy.kind === 'gate') checkGate(check, policy.create(setup()))
    else await checkAuthenticator(check, () => policy.create(setup()))
  } catch (error) {
    check(false, `it throws: ${String(error)}`)
  }
  return [...faults]
}

/** With its defaults, as the config room reads it. */
function fits (schema: object, value: unknown): boolean {
  return new Ajv({ strict: false, useDefaults: true }).compile(schema)(structuredClone(value))
}

const units = 'bytes|ms|seconds|minutes|hours|days|count|events|keys|connections|ratio|percent|levels|persecond'
const unit = new RegExp(`(${units})(max|min)?$`, 'i')

function checkSchema (check: Check, schema: ObjectSchema): void {
  check(schema.additionalProperties === false, 'the schema takes unknown keys')
  for (const [name, field] of Object.entries(schema.properties ?? {})) {
    const description = field.description ?? ''
    check(/^[A-Z].*\.$/s.test(description), `the description of ${name} is no sentence`)
    const numeric = bytesKeyword in field || [field.type].flat().some(type => type === 'number' || type === 'integer')
    check(!numeric || unit.test(name), `the number ${name} does not end in its unit`)
    if ('default' in field) check(fits(field, field.default), `the default of ${name} does not match its schema`)
    else if (schema.required?.includes(name) !== true) {
      check(description.includes('absent'), `${name} has no default and does not say what it means if absent`)
    }
  }
}

function checkTable (check: Check, readme: string, schema: ObjectSchema): void {
  const rows = [...readme.matchAll(/^\| `([^`]+)` \| [^|]+ \| ([^|]+) \| (.+) \|$/gm)].map(([row]) => row)
  const known = Object.entries(schema.properties ?? {}).map(([name, field]) => {
    const value = typeof field.default === 'string' ? field.default : JSON.stringify(field.default)
    const otherwise = schema.required?.includes(name) === true ? 'required' : 'absent'
    const cell = 'default' in field ? `\`${value}\`` : otherwise
    const ends = ` | ${cell} | ${field.description} |`
    const listed = rows.some(row => row.startsWith(`| \`${name}\` |`) && row.endsWith(ends))
    check(listed, `the README has no row that says: \`${name}\`${ends}`)
    return name
  })
  for (const row of rows) {
    const name = /`([^`]+)`/.exec(row)?.[1] ?? ''
    check(known.includes(name), `the README describes ${name}, which the schema does not have`)
  }
}

// `authorization` is not among them: it is the attribute in which every door hands over what a peer shows to prove who
// it is, whatever its protocol calls that, so that an authenticator by token or password has to name it.
const foreignWords = new RegExp('\\b(https?|mqtt|grpc|websocket|fastify|status(Code)?|puback|connack|' +
  'retry-after|40[0-9]|41[3579]|42[269]|50[0-47])\\b', 'i')

function checkWords (check: Check, folder: URL): void {
  for (const file of readdirSync(folder).filter(name => name.endsWith('.ts') && !name.endsWith('.test.ts'))) {
    for (const line of readFileSync(new URL(file, folder), 'utf8').split('\n')) {
      check(!foreignWords.test(line), `${file} names a protocol, a status or a header of one: ${line.trim()}`)
    }
  }
}

/** The README's first yaml block: the policy's own settings and the principals beside it. */
function exampleIn (readme: string, policy: PolicyModule): Example | undefined {
  const config = parse(/```yaml\n(.*?)```/s.exec(readme)?.[1] ?? '') as Record<string, unknown> | null
  const list = config?.[policy.kind === 'authenticator' ? 'authentication' : 'policies']
  const entry: unknown = Array.isArray(list) ? list.find(item => policy.name in item) : undefined
  if (entry === undefined) return undefined
  const principals = (config?.['principals'] ?? []) as PrincipalSettings[]
  return { own: (entry as Record<string, unknown>)[policy.name], principals }
}

function checkExample (check: Check, policy: PolicyModule, { own, principals }: Example): void {
  check(fits(policy.config, structuredClone(own)), 'the example of the README does not match the schema')
  const credential = policy.kind === 'authenticator' ? policy.credential : undefined
  if (credential === undefined) return
  const shown = principals.flatMap(({ credentials }) => credentials).filter(one => credential.name in one)
  check(shown.length > 0, `the example of the README has no principal with a credential ${credential.name}`)
  check(shown.every(one => fits(credential.schema, one[credential.name])), 'a credential of the example does not match')
}

/** What the config room makes of it: defaults filled in, secrets hidden, byte sizes as numbers, frozen. */
function frozenConfig (own: unknown, schema: ObjectSchema): unknown {
  const scale: Record<string, number> = { B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 }
  const filled = structuredClone(own)
  new Ajv({ strict: false, useDefaults: true }).compile(schema)(filled)
  const config = withSecrets(filled, schema as Nested) as Record<string, unknown>
  for (const [name, field] of Object.entries(schema.properties ?? {})) {
    if (bytesKeyword in field) {
      const [, digits = '0', suffix = 'B'] = /^(\d+)(\D+)?$/.exec(String(config[name])) ?? []
      config[name] = Number(digits) * (scale[suffix] ?? NaN)
    }
  }
  return deepFreeze(config)
}

function withSecrets (value: unknown, schema: Nested): unknown {
  if (typeof value === 'string' && schema[secretKeyword] === true) return new Secret(value)
  if (Array.isArray(value)) return value.map(item => withSecrets(item, schema.items ?? {}))
  if (typeof value !== 'object' || value === null) return value
  const { properties = {} } = schema
  const hidden = Object.entries(value).map(([name, item]) => [name, withSecrets(item, properties[name] ?? {})] as const)
  return Object.fromEntries(hidden)
}

async function checkJudge (check: Check, create: () => Judge): Promise<void> {
  const judge = create()
  const other = create()
  for (const envelope of oddEnvelopes()) {
    const before = contentOf(envelope)
    const verdict = await judge.judge(deepFreeze(envelope), deepFreeze({ ...judgeContext }))
    check(contentOf(envelope) === before, 'it changes the envelope that it is given')
    if (verdict !== undefined && !isRefusal(verdict)) {
      const strings = [verdict.id, verdict.source, verdict.type, verdict.channel]
      check(strings.every(text => typeof text === 'string'), 'its verdict is neither nothing, a refusal nor an envelope')
    }
    checkRefusal(check, verdict)
    const again = await other.judge(envelope, judgeContext)
    check(show(again) === show(verdict), 'it judges the same envelope in two ways')
  }
  for (const one of [judge, other, judge, other]) one.close?.()
}

/** Of several events it lets a first part pass, and gives back what it holds of them when they have their outcome. */
async function checkJudgeOfMany (check: Check, judge: Judge): Promise<void> {
  const none = await judge.judgeMany?.([], judgeContext)
  check(none === undefined || (none.passedCount === 0 && none.refusal === undefined), 'it refuses no events')
  if (judge.release === undefined && judge.judgeMany === undefined) return
  const envelope = deepFreeze(envelopeWith({}))
  for (const size of [1, 2, 7, 100_000]) {
    const envelopes = Array.from({ length: size }, () => envelope)
    const many = await judge.judgeMany?.(envelopes, judgeContext)
    if (many === undefined) continue
    const { passedCount, refusal } = many
    const possible = Number.isInteger(passedCount) && passedCount >= 0 && passedCount <= size
    check(possible, `it lets ${passedCount} of ${size} pass`)
    check((passedCount < size) === (refusal !== undefined), 'it refuses all or some events without saying so')
    checkRefusal(check, refusal)
    for (let passed = 0; passed < passedCount; passed++) judge.release?.(envelope, judgeContext)
  }
  if (judge.release === undefined) return
  for (let round = 0; round < 10_000; round++) {
    const verdict = await judge.judge(envelope, judgeContext)
    check(verdict === undefined, 'it does not forget events that have their outcome')
    if (verdict !== undefined) break
    judge.release(envelope, judgeContext)
  }
}

/** Whoever was let in and left can come in again, however often. */
function checkGate (check: Check, gate: Gate): void {
  const principal = principalOf({ name: 'factory-7', groups: ['factories'], credentials: [] })
  for (let round = 0; round < 100_000; round++) {
    const refusal = gate.enter(principal, peer)
    checkRefusal(check, refusal)
    check(refusal === undefined, 'it does not forget who has left')
    if (refusal !== undefined) break
    gate.leave(principal, peer)
  }
  for (let twice = 0; twice < 2; twice++) gate.close?.()
}

function checkRefusal (check: Check, answer: unknown): void {
  if (!isRefusal(answer)) return
  if (!Object.hasOwn(refusals, answer.code)) return check(false, `it refuses with the code ${answer.code}, which there is not`)
  check(answer.outcome === refusals[answer.code].fate, `its ${answer.code} has not the fate of the table`)
  check(/\S{3}/.test(answer.detail), 'it refuses without saying why')
}

async function checkAuthenticator (check: Check, create: () => Authenticator): Promise<void> {
  const authenticator = create()
  const other = create()
  const { secretNames, advice } = authenticator
  check(secretNames.every(name => name === name.toLowerCase()), 'a secret name is not in lower case')
  check(/\S{3}/.test(advice), 'it gives no advice')
  // A proof that belongs to the connection, such as a certificate, has no name beside the data: it reads nothing there.
  let readsThere = false
  const reads = (): undefined => { readsThere = true }
  const nothing: Credentials = { attributes: { ...noAttributes, get: reads, forEach: reads }, argument: reads }
  const silence = await authenticator.authenticate(nothing, peer)
  check(secretNames.length > 0 || !readsThere, 'it does not name where its secrets are')
  check(silence === undefined, 'it does not leave whoever shows nothing to the next')
  const guesses = ['', ' ', 'canary-7', 'x'.repeat(1_000_000), '\u0000\ud800', '__proto__', 'sha256:']
  for (const credentials of guesses.flatMap(guess => secretNames.flatMap(name => showing(name, guess)))) {
    const answer = await authenticator.authenticate(deepFreeze(credentials), peer)
    check(answer === undefined || isRefusal(answer), 'it takes a guess for somebody')
    check(!isRefusal(answer) || !answer.detail.includes('canary-7'), 'its refusal repeats the secret')
    checkRefusal(check, answer)
    const again = await other.authenticate(credentials, peer)
    check(isDeepStrictEqual(again, answer), 'it answers the same credentials in two ways')
  }
  const stranger = await authenticator.authenticate(nothing, { ...peer, certificate: strangers })
  check(stranger === undefined || isRefusal(stranger), 'it takes any certificate for somebody')
  checkRefusal(check, stranger)
  for (const one of [authenticator, other, authenticator, other]) one.close?.()
}

const strangers: Certificate = {
  subject: 'CN=canary-7', dnsNames: ['canary-7'], uris: ['spiffe://canary-7'], emails: ['canary-7'],
  fingerprint: '07'.repeat(32), expiresAtMs: Infinity
}

function showing (name: string, secret: string): Credentials[] {
  const argument = (asked: string): string | undefined => asked.toLowerCase() === name ? secret : undefined
  return [
    { attributes: attributesOf([[name, secret]]), argument: () => undefined },
    { attributes: attributesOf([[name, secret], [name, secret]]), argument: () => undefined },
    { attributes: noAttributes, argument },
    { attributes: attributesOf([[name, secret]]), argument }
  ]
}

/** Freezes all but bytes, which cannot be frozen, and maps, whose content cannot: `contentOf` watches over those. */
function deepFreeze<T> (value: T): T {
  if (typeof value === 'object' && value !== null && !ArrayBuffer.isView(value) && !Object.isFrozen(value)) {
    Object.freeze(value)
    Object.values(value).forEach(deepFreeze)
  }
  return value
}

function contentOf (envelope: Envelope): string {
  const attributes: string[] = []
  envelope.attributes.forEach((name, value) => { attributes.push(name, value) })
  return show([{ ...envelope, data: null }, envelope.data?.toString('latin1'), attributes])
}

function show (value: unknown): string {
  return inspect(value, { depth: 9, maxArrayLength: null, maxStringLength: null })
}

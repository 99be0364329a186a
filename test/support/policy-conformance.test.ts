// Tests of the conformance check itself: every rule is proven to fire by a policy that breaks it.

import { pathToFileURL } from 'node:url'
import t from 'tap'
import type { Test } from 'tap'
import type { Envelope } from '../../src/contract/envelope.ts'
import { refuse } from '../../src/contract/outcome.ts'
import type { Authenticator, AuthenticatorModule, Judge, JudgeModule, PolicyModule } from '../../src/contract/policy.ts'
import { bytes } from '../../src/contract/setting.ts'
import { policyFaults } from './policy-conformance.ts'

const config = {
  type: 'object', additionalProperties: false, required: ['levelsMax'],
  properties: {
    levelsMax: { type: 'integer', default: 3, description: 'How many.' },
    bytesMax: bytes({ description: 'How large.', default: '1KiB' })
  }
}
const readme = `
\`\`\`yaml
policies: [ { planted: { levelsMax: 1 } } ]
authentication: [ { planted: { levelsMax: 1 } } ]
principals: [ { name: a, groups: [], credentials: [ { pin: "1234" } ] } ]
\`\`\`
| field | type | default | meaning |
| --- | --- | --- | --- |
| \`levelsMax\` | number | \`3\` | How many. |
| \`bytesMax\` | bytes | \`1KiB\` | How large. |
`
const files = { 'index.ts': '// Planted.\n', 'config.ts': '', 'index.test.ts': '', 'README.md': readme }

function judging (judge: Judge['judge'], close = (): void => {}): JudgeModule {
  return { name: 'planted', kind: 'judge', scope: 'event', config, create: () => ({ judge, close }) }
}

function authenticating (parts: Partial<Authenticator>): AuthenticatorModule {
  const whole: Authenticator = {
    secretNames: ['x-pin'], advice: 'send a pin', authenticate: () => undefined, ...parts
  }
  const credential = { name: 'pin', schema: { type: 'string', pattern: '^[0-9]{4}$' } }
  return { name: 'planted', kind: 'authenticator', config, credential, create: () => whole }
}

function faultsOf (t: Test, policy: PolicyModule, changed: Record<string, string> = {}): Promise<string[]> {
  return policyFaults(policy, pathToFileURL(`${t.testdir({ ...files, ...changed })}/`))
}

const passing = judging(() => undefined)

t.test('a policy that keeps the rules has no faults', async t => {
  t.same(await faultsOf(t, passing), [])
  t.same(await faultsOf(t, judging(envelope => ({ ...envelope, subject: 'changed' }))), [])
  t.same(await faultsOf(t, authenticating({})), [])
  t.same(await faultsOf(t, authenticating({ secretNames: [] })), [], 'its proof may be no attribute')
})

t.test('the config that a policy gets has its defaults and numbers of bytes, and is frozen', async t => {
  const given: unknown[] = []
  await faultsOf(t, { ...passing, create: setup => { given.push(setup.config); return { judge: () => undefined } } })
  t.same(given[0], { levelsMax: 1, bytesMax: 1024 })
  t.ok(Object.isFrozen(given[0]))
})

let turn = 0
const table: [fault: RegExp, policy: PolicyModule, changed?: Record<string, string>][] = [
  [/schema takes unknown keys/, { ...passing, config: { ...config, additionalProperties: true } }],
  [/description of levelsMax is no sentence/, withField({ type: 'integer', default: 3, description: 'how many' })],
  [/default of levelsMax/, withField({ type: 'integer', default: 'x', description: 'How many.' })],
  [/no row that says: `levelsMax` \| `4`/, withField({ type: 'integer', default: 4, description: 'How many.' })],
  [/the number level does not end in its unit/, withOnly({ level: { type: 'number', default: 1, description: 'How.' } })],
  [/if absent/, withOnly({ name: { type: 'string', description: 'Who.' } })],
  [/describes bytesMax, which the schema does not have/, withOnly({})],
  [/no yaml block/, passing, { 'README.md': readme.replace('yaml', 'json') }],
  [/example of the README does not match/, passing, { 'README.md': readme.replaceAll('levelsMax: 1', 'levelsMax: a') }],
  [/no principal with a credential pin/, authenticating({}), { 'README.md': readme.replace('pin:', 'pun:') }],
  [/a credential of the example/, authenticating({}), { 'README.md': readme.replace('1234', '123') }],
  [/index\.ts names a protocol.*mqtt/, passing, { 'index.ts': 'if (door === \'mqtt\') return\n' }],
  [/other\.ts names a protocol.*403/, passing, { 'other.ts': 'return 403\n' }],
  [/it throws/, judging(({ data }) => refuse('too-large', `${data?.length === undefined ? boom() : 'too large'}`))],
  [/it throws: TypeError/, judging(envelope => { (envelope as { subject: string }).subject = 'x'; return undefined })],
  [/changes the envelope/, judging(({ data }) => { data?.fill(0); return undefined })],
  [/changes the envelope/, judging(({ extensions }) => { (extensions as Map<string, string>).set('a', 'b'); return undefined })],
  [/neither nothing, a refusal nor an envelope/, judging(() => ({ id: 1 }) as unknown as Envelope)],
  [/two ways/, judging(() => refuse('forbidden', `turn ${turn++}`))],
  [/the code made-up/, judging(() => ({ ...refuse('forbidden', 'no way'), code: 'made-up' as 'forbidden' }))],
  [/not the fate/, judging(() => ({ ...refuse('forbidden', 'no way'), outcome: 'unknown' }))],
  [/without saying why/, judging(() => refuse('forbidden', ''))],
  [/it throws: Error: closed twice/, judging(() => undefined, onlyOnce())],
  [/where its secrets are/, authenticating({
    secretNames: [], authenticate: ({ attributes }) => { attributes.get('x-pin'); return undefined }
  })],
  [/any certificate/, authenticating({
    authenticate: (_credentials, { certificate }) =>
      certificate === undefined ? undefined : { name: 'a', groups: [], anonymous: false }
  })],
  [/lower case/, authenticating({ secretNames: ['X-Pin'] })],
  [/no advice/, authenticating({ advice: '' })],
  [/shows nothing/, authenticating({ authenticate: () => refuse('unauthenticated', 'no pin') })],
  [/takes a guess/, authenticating({
    authenticate: ({ attributes }) => attributes.get('x-pin') === undefined ? undefined : { name: 'a', groups: [], anonymous: false }
  })],
  [/repeats the secret/, authenticating({
    authenticate ({ attributes }) {
      const pin = attributes.get('x-pin')
      return pin === undefined ? undefined : refuse('unauthenticated', `wrong pin ${pin}`)
    }
  })]
]

function boom (): never { throw new Error('no data') }

function onlyOnce (): () => void {
  let closedCount = 0
  // Two instances share it: each may close once.
  return () => { if (++closedCount > 2) throw new Error('closed twice') }
}

function withField (levelsMax: object): JudgeModule {
  return { ...passing, config: { ...config, properties: { ...config.properties, levelsMax } } }
}

function withOnly (properties: object): JudgeModule {
  return { ...passing, config: { type: 'object', additionalProperties: false, properties } }
}

for (const [at, [fault, policy, changed]] of table.entries()) {
  t.test(`${at}: a policy is told ${fault}`, async t => {
    const faults = await faultsOf(t, policy, changed)
    t.ok(faults.some(text => fault.test(text)), `among its faults: ${faults.join('; ')}`)
  })
}

for (const file of Object.keys(files)) {
  t.test(`a folder without ${file} is told`, async t => {
    const { [file]: _left, ...others } = files as Record<string, string>
    t.same(await policyFaults(passing, pathToFileURL(`${t.testdir(others)}/`)), [`the folder has no ${file}`])
  })
}

// An explanation goes the live way: by the very policies that it is given, on every door, and it leaves nothing behind.

import t from 'tap'
import { adapters } from '../protocols/index.ts'
import { silentLog } from '../test/support/odd-envelopes.ts'
import { defaultsOf } from '../test/support/schema-defaults.ts'
import { routeWith } from '../test/support/route-settings.ts'
import type { AdapterModule } from './contract/adapter.ts'
import type { Principal } from './contract/envelope.ts'
import { refuse } from './contract/outcome.ts'
import { explain } from './explain.ts'
import type { ExplainParts, Explanation } from './explain.ts'
import { createAccess } from './ingest/access.ts'
import { createPolicyChain } from './ingest/policy-chain.ts'
import { planRecord } from './ingest/record.ts'
import { createRouter } from './ingest/router.ts'
import type { Policies } from './policies.ts'
import type { RouteEntry, Settings } from './settings.ts'

/** Without a section, an adapter that listens to nothing is not there. */
const doors = (adapters as readonly AdapterModule[]).filter(({ protocol }) => protocol !== undefined)

const question = {
  channel: 'orders/eu', headers: [['content-type', 'application/json'] as const], data: Buffer.from('{"a":1}'),
  address: '10.1.2.3', as: 'anna', partitionCount: undefined
}

function listOf (explained: Explanation[] | string): Explanation[] {
  if (typeof explained === 'string') throw new Error(explained)
  return explained
}

/** Parts with one gate and one judge that let everyone in twice, and what they noted. */
function partsOf (): ExplainParts & { notes: string[] } {
  const notes: string[] = []
  let leftCount = 2
  const route = { ...routeWith({}), policies: [] } as unknown as RouteEntry
  const router = createRouter([route])
  if (!('match' in router)) throw new Error(JSON.stringify(router))
  const sections = Object.fromEntries(adapters.map(({ name, config }) => [name, defaultsOf(config)]))
  const settings = {
    ...sections, limits: { replyTimeoutMs: 8_000 }, routes: [route], policies: [],
    principals: [{ name: 'anna', groups: [], credentials: [] }]
  } as unknown as Settings
  const note = (what: string, { name }: Principal): void => { notes.push(`${what} ${name}`) }
  const policies: Policies = {
    authenticators: [], gauges: new Map(), start: async () => {},
    gates: [{
      name: 'gate',
      gate: {
        enter (principal) {
          note('enters', principal)
          return undefined
        },
        leave: principal => { note('leaves', principal) }
      }
    }],
    runs: (ack, onDecision) => [{
      plan: planRecord(route, { secretNames: new Set(), keyBytesMax: 1_024 }),
      context: { route: route.name, ack },
      perRequest: createPolicyChain({ judges: [], judgeTimeoutMs: 1_000, onDecision, onFault: () => {} }),
      perEvent: createPolicyChain({
        judges: [{
          name: 'twice', scope: 'event',
          judge: {
            judge: ({ peer, principal }) => {
              note(`judged at ${peer.address}`, principal)
              return leftCount-- > 0 ? undefined : refuse('rate-limited', 'twice is enough', { retryAfterMs: 1_000 })
            }
          }
        }],
        judgeTimeoutMs: 1_000, onDecision, onFault: () => {}
      })
    }],
    close () {}
  }
  return { settings, policies, router, access: createAccess(), ack: 'kafka', version: '0.0.0', log: silentLog, notes }
}

t.test('every door is explained, by policies that remember what came before', async t => {
  const parts = partsOf()
  const first = await explain(parts, question)
  t.same(listOf(first).map(({ door }) => door), doors.map(({ name }) => name))
  t.match(listOf(first)[0], {
    principal: { name: 'anna' }, route: 'orders', record: { topic: /./ }, refusal: undefined,
    policies: [{ policy: 'gate', decision: 'pass' }, { policy: 'twice', decision: 'pass' }]
  })
  while (listOf(await explain(parts, question))[0]?.refusal === undefined);
  const refused = (await explain(parts, question))[0]
  t.match(refused, { refusal: { code: 'rate-limited' }, record: undefined, reply: /^HTTP\/1.1 429 / })
  t.ok(parts.notes.includes('judged at 10.1.2.3 anna'))
})

t.test('whoever entered through a gate has left it again', async t => {
  const parts = partsOf()
  await explain(parts, question)
  const count = (what: string): number => parts.notes.filter(one => one.startsWith(what)).length
  t.equal(count('enters'), doors.length)
  t.equal(count('leaves'), doors.length)
})

t.test('whose access has ended is refused here too', async t => {
  const parts = partsOf()
  parts.access.disable(['anna'])
  t.match((await explain(parts, question))[0], { principal: undefined, refusal: { code: 'unauthenticated' } })
})

t.test('what is no address is not explained', async t => {
  t.equal(await explain(partsOf(), { ...question, address: 'nowhere' }), '"nowhere" is no IP address such as 192.0.2.7')
})

t.test('a principal that the config does not have is not explained', async t => {
  t.equal(await explain(partsOf(), { ...question, as: 'eve' }), 'no principal of the config is named eve; there are anna')
})

t.test('a proof that is taken once is given back by whoever only explains', async t => {
  const parts = partsOf()
  const notes: string[] = []
  const singleUse = { useUp () { notes.push('used') }, giveBack () { notes.push('given back') } }
  const one = {
    secretNames: [], advice: 'sign', authenticate: () => ({ name: 'anna', groups: [], anonymous: false, singleUse })
  }
  const policies = { ...parts.policies, authenticators: [one] }
  const [explained] = listOf(await explain({ ...parts, policies }, { ...question, as: undefined }))
  t.match(explained, { principal: { name: 'anna' }, record: { topic: /./ } })
  t.same(notes, doors.map(() => 'given back'))
})

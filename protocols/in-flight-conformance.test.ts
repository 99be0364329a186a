// Every adapter of the registry, in every form: what holds while very many events of one sender are in flight.

import t from 'tap'
import type { Test } from 'tap'
import fc from 'fast-check'
import type { AdapterModule } from '../src/contract/adapter.ts'
import { refusals, refuse } from '../src/contract/outcome.ts'
import type { RefusalCode } from '../src/contract/outcome.ts'
import { Random } from '../test/simulation/random.ts'
import { busyForms } from '../test/support/busy-clients.ts'
import type { BusyClient, BusyForm, Place, Word } from '../test/support/busy-client.ts'
import { FakeIngress, receiptOf } from '../test/support/fake-ingress.ts'
import type { Pending } from '../test/support/fake-ingress.ts'
import { silentLog } from '../test/support/odd-envelopes.ts'
import { routeView } from '../test/support/rest-rig.ts'
import { until } from '../test/support/until.ts'
import { adapters } from './index.ts'

const manyCount = 1_000

interface Bench extends Place { readonly ingress: FakeIngress, readonly sink: Sink }

async function start (t: Test, form: BusyForm, windowEvents: number): Promise<Bench> {
  const module = (adapters as readonly AdapterModule[]).find(({ name }) => name === form.door)
  if (module === undefined) throw new Error(`no adapter is named ${form.door}`)
  const ingress = new FakeIngress()
  const make = (config: unknown) =>
    module.create({ config, ingress, version: '0.0.0', log: silentLog, routes: [routeView({})] })
  const place = await form.begin(make, form.settings(windowEvents))
  t.teardown(async () => {
    ingress.outcomeOf = receiptOf
    for (const { envelope, settle } of sink.take()) settle(receiptOf(envelope, 0))
    await place.close()
    // A fault that the test has found may keep this from its end.
    void place.adapter.drain()
  })
  const sink = new Sink(ingress)
  return { ...place, ingress, sink }
}

/** Data by which an event is known again. */
const numbered = (count: number): Buffer[] => Array.from({ length: count }, (_, number) => Buffer.from(`{"n":${number}}`))
const numberOf = ({ envelope }: Pending): number => (JSON.parse(String(envelope.data)) as { n: number }).n

/** Where events wait for their outcomes until the test gives them. */
class Sink {
  readonly #ingress: FakeIngress
  #takenCount = 0

  constructor (ingress: FakeIngress) {
    this.#ingress = ingress
  }

  /** Nothing is settled by itself from now on. */
  stop (): void { this.#ingress.outcomeOf = () => undefined }

  get waitingCount (): number { return this.#ingress.pending.length - this.#takenCount }

  /** Those that wait. The caller settles them. */
  take (): Pending[] {
    const taken = this.#ingress.pending.slice(this.#takenCount)
    this.#takenCount = this.#ingress.pending.length
    return taken
  }
}

const soon = (what: string, holds: () => boolean): Promise<number> =>
  until(holds, { timeoutMs: 20_000, what: () => what })

/** Lets everything happen that needs nothing but turns of the event loop: loopback connections take few. */
async function turns (count = 30): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise(resolve => { setImmediate(resolve) })
}

function shuffled<One> (list: readonly One[], random: Random): One[] {
  return list.map(one => [random.below(1e9), one] as const).sort(([a], [b]) => a - b).map(([, one]) => one)
}

/** Gauges that are above nothing, without those that count and those that may stay. */
function levels ({ adapter }: Bench, { lasting }: BusyForm): string[] {
  return [...adapter.gauges]
    .filter(([name]) => !name.endsWith('_total') && !(name in lasting))
    .map(([name, read]) => `${name} ${read()}`).filter(text => !text.endsWith(' 0'))
}

/** After the client is gone. */
async function everythingIsFreed (t: Test, bench: Bench, form: BusyForm): Promise<void> {
  const { ingress } = bench
  const held = (): string => [...levels(bench, form), `${ingress.reservedBytes} bytes`].join(', ')
  await until(() => held() === '0 bytes', { timeoutMs: 20_000, what: () => `the end of ${held()}` })
  t.equal(ingress.preAuthBytes, 0)
}

/** Events of one connection that are in flight as far as the suite can tell: all of them have come to the sink. */
async function fill (bench: Bench, count: number): Promise<BusyClient> {
  const client = await bench.open()
  bench.sink.stop()
  client.send(numbered(count))
  await until(() => bench.sink.waitingCount === count, {
    timeoutMs: 20_000, what: () => `${count} events; ${bench.sink.waitingCount} came, over ${client.over}`
  })
  return client
}

type Check = (t: Test, form: BusyForm) => Promise<void>
type Promised = 'acks' | 'times' | 'window' | 'disconnect' | 'drain' | 'conclusion' | 'refusals' | 'oversize' | 'garbage'

const checks: Readonly<Record<Promised, Check>> = {
  async acks (t, form) {
    const bench = await start(t, form, manyCount)
    const client = await fill(bench, manyCount)
    await turns()
    t.equal(client.told.size, 0, 'a sink that settles nothing: nothing is told')
    t.ok(bench.ingress.reservedBytes > manyCount, 'their bytes are reserved')
    // Where a refusal ends the connection, there is none.
    const saysRefused = form.wordOf('forbidden') !== 'nothing'
    const expected = new Map<number, Word>()
    const settle = (one: Pending): void => {
      const number = numberOf(one)
      const isRefused = saysRefused && number % 7 === 3
      expected.set(number, isRefused ? form.wordOf('forbidden') : 'written')
      one.settle(isRefused ? refuse('forbidden', 'for a test') : receiptOf(one.envelope, number))
    }
    const early = (): number[] =>
      [...client.told].filter(([number, word]) => expected.get(number) !== word).map(([number]) => number)
    const [first, ...others] = bench.sink.take()
    const order = shuffled(others, new Random(6))
    for (const half of [order.slice(0, manyCount / 2), order.slice(manyCount / 2)]) {
      for (const one of half) settle(one)
      await turns()
      t.same(early(), [], 'nothing is told before its outcome')
    }
    t.notOk(client.told.has(0), 'the first one waits')
    if (first !== undefined) settle(first)
    await soon('a word for each', () => client.told.size === manyCount)
    t.same(early(), [], 'each is told its own outcome')
    t.equal(bench.ingress.reservedBytes, 0)
    client.finish()
    await everythingIsFreed(t, bench, form)
  },

  async times (t, form) {
    const bench = await start(t, form, manyCount)
    const { ingress, sink } = bench
    const client = await fill(bench, 1)
    const firstAtMs = ingress.envelopes[0]?.receivedAtMs ?? Infinity
    for (const { envelope, settle } of sink.take()) settle(receiptOf(envelope, 0))
    await soon('a later time', () => Date.now() > firstAtMs + 5)
    const beforeMs = Date.now()
    client.send(numbered(1))
    await soon('another event', () => sink.waitingCount === 1 || client.over !== undefined)
    if (sink.waitingCount === 0) (await bench.open()).send(numbered(1))
    await soon('another event', () => sink.waitingCount === 1)
    t.ok((ingress.envelopes[1]?.receivedAtMs ?? 0) >= beforeMs, 'its time is not that of its connection')
  },

  async window (t, form) {
    const windowEvents = 8
    const count = 100
    const bench = await start(t, form, windowEvents)
    const { sink } = bench
    const client = await bench.open()
    sink.stop()
    client.send(numbered(count))
    if (form.beyond === 'ends') {
      await soon('the end of who sends too much', () => client.over !== undefined)
      t.ok(sink.waitingCount <= windowEvents, `${sink.waitingCount} are in flight`)
      t.equal(client.told.size, 0)
    } else {
      for (let settledCount = 0; settledCount < count;) {
        const wanted = Math.min(windowEvents, count - settledCount)
        await soon(`${wanted} events after ${settledCount}`, () => sink.waitingCount >= wanted)
        await turns()
        t.equal(sink.waitingCount, wanted, 'and no more')
        for (const { envelope, settle } of sink.take().reverse()) settle(receiptOf(envelope, 0))
        settledCount += wanted
      }
      await soon('a word for each', () => client.told.size === count)
      t.ok([...client.told.values()].every(word => word === 'written'))
    }
    for (const { envelope, settle } of sink.take()) settle(receiptOf(envelope, 0))
    client.finish()
    await everythingIsFreed(t, bench, form)
  },

  async disconnect (t, form) {
    for (const how of ['end', 'reset'] as const) {
      const bench = await start(t, form, manyCount)
      const client = await fill(bench, manyCount)
      // Some more that wait for their turn, where the form has such.
      if (form.beyond === 'waits') client.send(numbered(100))
      await turns()
      const some = bench.sink.take()
      for (const { envelope, settle } of some.slice(0, manyCount / 2)) settle(receiptOf(envelope, 0))
      bench.cut(how)
      await soon('the end of the client', () => client.over !== undefined)
      for (const { envelope, settle } of some.slice(manyCount / 2)) settle(receiptOf(envelope, 0))
      // Those that waited may have been sent on before the end was seen.
      await soon('all outcomes', () => {
        for (const { envelope, settle } of bench.sink.take()) settle(receiptOf(envelope, 0))
        return bench.ingress.reservedBytes === 0
      })
      await everythingIsFreed(t, bench, form)
      bench.ingress.outcomeOf = receiptOf
      const next = await bench.open()
      next.send(numbered(1))
      await soon('the next client is served', () => next.told.get(0) === 'written')
      next.finish()
      await everythingIsFreed(t, bench, form)
    }
  },

  async drain (t, form) {
    const bench = await start(t, form, manyCount + 100)
    const { ingress, sink } = bench
    const client = await fill(bench, manyCount)
    ingress.draining.set(true)
    let isDrained = false
    const drained = bench.adapter.drain().then(() => { isDrained = true })
    client.send(numbered(10))
    await turns()
    t.equal(ingress.envelopes.length, manyCount, 'nothing new is taken')
    t.equal(isDrained, false, 'what is in flight is waited for')
    const order = shuffled(sink.take(), new Random(7))
    for (const { envelope, settle } of order.slice(1)) settle(receiptOf(envelope, 0))
    await turns()
    t.equal(isDrained, false, 'to the last')
    for (const { envelope, settle } of order.slice(0, 1)) settle(receiptOf(envelope, 0))
    await drained
    await soon('the end', () => client.over !== undefined)
    const words = Array.from({ length: manyCount }, (_, number) => client.told.get(number))
    t.equal(words.filter(word => word === 'written').length, manyCount, 'what was in flight is told')
    const late = [...client.told].filter(([number]) => number >= manyCount).map(([, word]) => word)
    t.same(late.filter(word => word !== 'shutting-down'), [], 'what is new is refused, or told nothing')
    t.equal(ingress.envelopes.length, manyCount)
    client.finish()
    await everythingIsFreed(t, bench, form)
  },

  async conclusion (t, form) {
    for (const isCut of [false, true]) {
      const bench = await start(t, form, manyCount)
      const { ingress, sink } = bench
      const client = await fill(bench, 3)
      const principals = new Set(ingress.envelopes.map(({ principal }) => principal))
      const concludedCount = (): number => ingress.concluded.filter(({ principal }) => principals.has(principal)).length
      if (isCut) bench.cut('end')
      else if (form.hasRequests) client.finish()
      await turns()
      t.equal(concludedCount(), 0, 'its events have no outcomes yet')
      for (const { envelope, settle } of sink.take()) settle(receiptOf(envelope, 0))
      await soon('the end', () => isCut ? ingress.reservedBytes === 0 : client.told.size === 3)
      await turns()
      t.equal(concludedCount() > 0, form.hasRequests)
      client.finish()
      await everythingIsFreed(t, bench, form)
    }
  },

  async refusals (t, form) {
    const bench = await start(t, form, manyCount)
    const { ingress } = bench
    for (const code of Object.keys(refusals) as RefusalCode[]) {
      const isHeld = form.held.has(code)
      let askedCount = 0
      ingress.outcomeOf = (envelope, index) =>
        isHeld && ++askedCount > 1 ? receiptOf(envelope, index) : refuse(code, 'for a test', { retryAfterMs: 1 })
      const client = await bench.open()
      client.send(numbered(1))
      await soon(`a word for ${code}`, () => client.told.has(0) || client.over !== undefined)
      t.equal(client.told.get(0) ?? client.over, isHeld ? 'written' : form.wordOf(code), code)
      client.finish()
    }
    await everythingIsFreed(t, bench, form)
  },

  async oversize (t, form) {
    const bench = await start(t, form, manyCount)
    const { ingress } = bench
    const data = Buffer.from(`"${'x'.repeat(5_000_000)}"`)
    const client = await bench.open()
    client.send([data])
    await soon('an answer', () => client.told.has(0) || client.over !== undefined)
    const word = client.told.get(0) ?? client.over ?? ''
    t.ok(['too-large', 'nothing'].includes(word), word)
    t.equal(ingress.envelopes.length, 0)
    t.ok(ingress.reservedBytesPeak < data.length / 2, `${ingress.reservedBytesPeak} bytes were held`)
    client.finish()
    await everythingIsFreed(t, bench, form)
  },

  async garbage (t, form) {
    const bench = await start(t, form, manyCount)
    await fc.assert(fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 300 }), async bytes => {
      const client = await bench.open()
      client.send(numbered(1))
      client.garbage(Buffer.from(bytes))
      await turns(3)
      client.finish()
      await soon('the end of it', () => client.over !== undefined && levels(bench, form).length === 0)
    }), { numRuns: 30 })
    const client = await bench.open()
    client.send(numbered(1))
    await soon('the next client is served', () => client.told.get(0) === 'written')
    client.finish()
    await everythingIsFreed(t, bench, form)
  }
}

const titles: Readonly<Record<Promised, string>> = {
  acks: 'a thousand events in flight are told their outcomes, in whatever order they come, and none before',
  times: 'an event is stamped when it comes, however long its connection has been open',
  window: 'no more are in flight than its window',
  disconnect: 'a connection that breaks under a thousand events leaves nothing behind',
  drain: 'at the end a thousand events in flight are told, and no more are taken',
  conclusion: 'the node hears when a request is over, and of no connection that stays',
  refusals: 'every refusal has its word',
  oversize: 'what is far too large is refused without being taken in',
  garbage: 'bytes that are no event never throw, and leave nothing behind'
}

t.test('every adapter has a client with many events in flight', async t => {
  for (const { name } of adapters) {
    t.ok(busyForms.some(({ door }) => door === name), `test/support/busy-clients.ts has a form for ${name}`)
  }
})

// They wait more than they work, and share nothing.
t.jobs = 6
for (const form of busyForms) {
  for (const promise of Object.keys(checks) as Promised[]) {
    t.test(`${form.door}, ${form.name}: ${titles[promise]}`, { timeout: 120_000, buffered: true }, t => checks[promise](t, form))
  }
}

// Every adapter of the registry keeps the same promises: nothing acknowledged early, nothing held, garbage survived.

import { existsSync } from 'node:fs'
import t from 'tap'
import type { Test } from 'tap'
import fc from 'fast-check'
import type { Adapter, AdapterModule } from '../src/contract/adapter.ts'
import { refusals, refuse, retryable } from '../src/contract/outcome.ts'
import type { RefusalCode } from '../src/contract/outcome.ts'
import { clients } from '../test/support/clients.ts'
import type { Conversation } from '../test/support/clients.ts'
import { anonymous, FakeIngress, receiptOf } from '../test/support/fake-ingress.ts'
import { silentLog } from '../test/support/odd-envelopes.ts'
import { until } from '../test/support/rest-rig.ts'
import { defaultsOf } from '../test/support/schema-defaults.ts'
import { adapters } from './index.ts'

interface Running extends Conversation { readonly ingress: FakeIngress, readonly adapter: Adapter }

async function start (t: Test, module: AdapterModule): Promise<Running> {
  const ingress = new FakeIngress()
  const adapter = module.create({
    config: defaultsOf(module.config), ingress, version: '0.0.0', log: silentLog,
    routes: [{ name: 'orders', channel: 'orders/{region}', format: 'binary', own: {} }]
  })
  const client = clients[module.name]
  if (client === undefined) throw new Error(`test/support/clients.ts has no client for ${module.name}`)
  const conversation = await client(adapter)
  t.teardown(() => { conversation.end() })
  return { ...conversation, ingress, adapter }
}

function nothingIsHeld (t: Test, { ingress }: Running): void {
  t.equal(ingress.reservedBytes, 0, 'nothing is reserved any more')
}

/** A door that withholds an answer keeps the event until there is room for it. */
async function waitsForRoom (t: Test, running: Running): Promise<void> {
  let askedCount = 0
  running.ingress.reservation = () => ++askedCount < 3 ? refuse('overloaded', 'for a test') : undefined
  t.equal(await running.send(Buffer.from('1')), 'written')
  t.equal(askedCount, 3)
  nothingIsHeld(t, running)
}

/** Those that are called. One that calls others has no senders: what it promises is tested in its own folder. */
const doors = (adapters as readonly AdapterModule[]).filter(({ protocol }) => protocol !== undefined)

t.test('every adapter has its files', async t => {
  for (const { name } of adapters) {
    for (const file of ['index.ts', 'config.ts', 'decode.ts', 'reply.ts', 'README.md']) {
      t.ok(existsSync(new URL(`${name}/${file}`, import.meta.url)), `${name}/${file}`)
    }
  }
})

for (const module of doors) {
  t.test(`${module.name}: its gauges name their unit, and stand at nothing`, async t => {
    const { adapter } = await start(t, module)
    for (const [name, read] of adapter.gauges) t.match(`${name} ${read()}`, /^[a-z][a-z0-9_]* 0$/)
  })

  t.test(`${module.name}: an event is acknowledged after its outcome and not before`, async t => {
    const running = await start(t, module)
    running.ingress.outcomeOf = () => undefined
    let told = ''
    const sending = running.send(Buffer.from('{"a":1}')).then(word => { told = word })
    await until(() => running.ingress.pending.length === 1)
    t.equal(told, '')
    t.ok(running.ingress.reservedBytes > 0, 'its bytes are reserved meanwhile')
    const [pending] = running.ingress.pending
    if (pending !== undefined) pending.settle(receiptOf(pending.envelope, 0))
    await sending
    t.equal(told, 'written')
    t.equal(running.ingress.envelopes[0]?.data?.toString(), '{"a":1}')
    t.equal(running.ingress.envelopes[0]?.channel, 'orders/eu')
    nothingIsHeld(t, running)
  })

  t.test(`${module.name}: every refusal is told as what it is`, async t => {
    const running = await start(t, module)
    for (const code of Object.keys(refusals) as RefusalCode[]) {
      if (running.withheld?.has(code) === true) continue
      running.ingress.outcomeOf = () => refuse(code, 'for a test')
      t.equal(await running.send(Buffer.from('1')), code)
    }
    t.same(running.ingress.refusals, [], 'the node is not told what it said itself')
    nothingIsHeld(t, running)
  })

  t.test(`${module.name}: what may pass later is refused to its sender, or withheld until it is written`, async t => {
    const running = await start(t, module)
    for (const code of running.withheld ?? []) {
      t.ok(retryable(code), `${code} may pass later`)
      running.ingress.outcomeOf = (envelope, index) =>
        running.ingress.envelopes.length % 2 === 1 ? refuse(code, 'for a test') : receiptOf(envelope, index)
      t.equal(await running.send(Buffer.from('1')), 'written', code)
      t.equal(running.ingress.envelopes.length % 2, 0, 'it came twice')
    }
    nothingIsHeld(t, running)
  })

  t.test(`${module.name}: whoever is not authenticated sends nothing, and nothing is reserved for it`, async t => {
    const running = await start(t, module)
    running.ingress.authenticated = () => refuse('unauthenticated', 'for a test')
    t.equal(await running.send(Buffer.from('1')), 'unauthenticated')
    t.same(running.ingress.refusals.map(({ refusal }) => refusal.code), ['unauthenticated'], 'the node hears of it')
    t.equal(running.ingress.envelopes.length, 0)
    t.equal(running.ingress.reservedBytesPeak, 0)
  })

  t.test(`${module.name}: bytes that the budget refuses are not ingested`, async t => {
    const running = await start(t, module)
    running.ingress.reservation = () => refuse('overloaded', 'for a test')
    if (running.withheld?.has('overloaded') === true) return waitsForRoom(t, running)
    t.equal(await running.send(Buffer.from('1')), 'overloaded')
    t.equal(running.ingress.envelopes.length, 0)
    const [told] = running.ingress.refusals
    t.match(told, { refusal: { code: 'overloaded' }, arrival: { principal: anonymous } }, 'the node hears of it')
    nothingIsHeld(t, running)
  })

  t.test(`${module.name}: an event that breaks off is not ingested and holds nothing`, async t => {
    const running = await start(t, module)
    const breakOff = await running.sendHalf()
    await until(() => running.ingress.reservedBytes > 0)
    breakOff()
    await until(() => running.ingress.reservedBytes === 0)
    t.equal(running.ingress.envelopes.length, 0)
  })

  t.test(`${module.name}: what is far too large is refused without being taken in`, async t => {
    const running = await start(t, module)
    const data = Buffer.from(`"${'x'.repeat(5_000_000)}"`)
    const told = await running.send(data)
    t.ok(told === 'too-large' || told === 'nothing', told)
    t.equal(running.ingress.envelopes.length, 0)
    t.ok(running.ingress.reservedBytesPeak < data.length / 2, `${running.ingress.reservedBytesPeak} bytes were held`)
    t.equal(await running.send(Buffer.from('1')), 'written')
    await until(() => running.ingress.reservedBytes === 0)
  })

  t.test(`${module.name}: at the end it finishes what is in flight and refuses what is new`, async t => {
    const running = await start(t, module)
    running.ingress.outcomeOf = () => undefined
    const sending = running.send(Buffer.from('1'))
    await until(() => running.ingress.pending.length === 1)
    running.ingress.draining.set(true)
    let drained = false
    const draining = running.adapter.drain().then(() => { drained = true })
    t.equal(await running.send(Buffer.from('2')), 'shutting-down')
    t.equal(drained, false)
    const [pending] = running.ingress.pending
    if (pending !== undefined) pending.settle(receiptOf(pending.envelope, 0))
    t.equal(await sending, 'written')
    await draining
    t.equal(running.ingress.envelopes.length, 1)
    nothingIsHeld(t, running)
  })

  t.test(`${module.name}: garbage never throws, and the next event is served`, async t => {
    const running = await start(t, module)
    await fc.assert(fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 500 }), async bytes => {
      await running.sendGarbage(Buffer.from(bytes))
    }), { numRuns: 50 })
    t.equal(running.ingress.envelopes.length, 0)
    t.equal(await running.send(Buffer.from('1')), 'written')
    nothingIsHeld(t, running)
  })
}

t.test('names are unique and settings are closed', async t => {
  const list = adapters as readonly AdapterModule[]
  t.equal(new Set(list.map(({ name }) => name)).size, list.length)
  for (const { name, config } of list) {
    const { items = config } = config as { items?: object }
    t.match(items, { additionalProperties: false }, name)
  }
})

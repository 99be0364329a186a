// The broker double plays what it is told, byte for byte, and leaves everything else alone; asked by a bare socket.

import { connect } from 'node:net'
import type { Socket } from 'node:net'
import t from 'tap'
import type { Test } from 'tap'
import { until } from '../until.ts'
import { startBrokerDouble } from './index.ts'
import type { BrokerDouble, DoubleSetup, Fault } from './index.ts'

const frameBytes = 4

class Client {
  readonly #socket: Socket
  #bytes: Buffer = Buffer.alloc(0)
  #wake = (): void => {}
  closed = false
  chunkCount = 0
  #correlationId = 0

  constructor (address: string) {
    const [host = '', port = ''] = address.split(':')
    this.#socket = connect(Number(port), host)
    this.#socket.on('data', chunk => {
      this.chunkCount++
      this.#bytes = Buffer.concat([this.#bytes, chunk])
      this.#wake()
    })
    this.#socket.on('error', () => {})
    this.#socket.on('close', () => {
      this.closed = true
      this.#wake()
    })
  }

  /** Gives the correlation id. */
  ask (api: number, version: number, body: Buffer = Buffer.alloc(0)): number {
    const head = Buffer.alloc(14)
    head.writeInt32BE(10 + body.length, 0)
    head.writeInt16BE(api, 4)
    head.writeInt16BE(version, 6)
    head.writeInt32BE(++this.#correlationId, 8)
    head.writeInt16BE(-1, 12)
    this.#socket.write(Buffer.concat([head, body]))
    return this.#correlationId
  }

  raw (bytes: Buffer): void {
    this.#socket.write(bytes)
  }

  /** What came, once it holds, or the connection is closed. */
  async until (holds: (bytes: Buffer) => boolean): Promise<Buffer> {
    while (!this.closed && !holds(this.#bytes)) await new Promise<void>(resolve => { this.#wake = resolve })
    return this.#bytes
  }

  /** The next answer without its size. */
  async answer (): Promise<Buffer> {
    const bytes = await this.until(held => held.length >= 4 && held.length >= frameBytes + held.readInt32BE())
    if (bytes.length < 4) throw new Error('the connection was closed')
    const end = frameBytes + bytes.readInt32BE()
    this.#bytes = bytes.subarray(end)
    return bytes.subarray(frameBytes, end)
  }

  end (): void {
    this.#socket.destroy()
  }
}

const apiVersions = 18
const findCoordinator = 10
const noTopics = Buffer.from([0, 0, 0, 0])

async function open (t: Test, setup: DoubleSetup = {}): Promise<{ double: BrokerDouble, client: () => Client }> {
  const double = await startBrokerDouble(setup)
  const clients: Client[] = []
  t.teardown(async () => {
    for (const client of clients) client.end()
    await double.stop()
  })
  return {
    double,
    client: () => {
      const made = new Client(double.brokers[0] ?? '')
      clients.push(made)
      return made
    }
  }
}

t.test('without a script every question has its answer', async t => {
  const { double, client } = await open(t)
  const one = client()
  one.ask(apiVersions, 0)
  one.ask(3, 1, noTopics)
  t.equal((await one.answer()).readInt32BE(), 1)
  t.equal((await one.answer()).readInt32BE(), 2)
  t.same(double.requests.map(({ api, version, answered }) => [api, version, answered]),
    [['ApiVersions', 0, true], ['Metadata', 1, true]])
  t.same(double.violations, [])
})

t.test('an unknown version of ApiVersions is answered in version 0, any other one by the end', async t => {
  const { double, client } = await open(t, { versions: { ApiVersions: [0, 3], Metadata: [2, 5] } })
  const one = client()
  one.ask(apiVersions, 4, Buffer.from([0]))
  const answer = await one.answer()
  t.equal(answer.readInt16BE(4), 35)
  t.same([...answer.subarray(10)], [0, 3, 0, 2, 0, 5, 0, 18, 0, 0, 0, 3], 'which names what there is')
  one.ask(3, 1, noTopics)
  await one.until(() => false)
  t.match(double.violations, [/Metadata 1 is not offered/])
})

t.test('what breaks the protocol is written down and ends the connection', async t => {
  const { double, client } = await open(t)
  const size = Buffer.alloc(4)
  size.writeInt32BE(200 * 1024 * 1024)
  const wrongs: ((one: Client) => void)[] = [
    one => { one.raw(size) }, one => { one.raw(Buffer.alloc(4, 0xff)) }, one => { one.ask(99, 0) },
    one => { one.ask(apiVersions, 0, Buffer.from([1])) }, one => { one.ask(3, 1, Buffer.from([0, 0, 0, 9])) }
  ]
  for (const wrong of wrongs) {
    const one = client()
    wrong(one)
    await one.until(() => false)
  }
  t.match(double.violations, [/209715200 bytes/, /-1 bytes/, /unknown API 99/, /1 bytes too many/, /an array of 9/])
})

const whole = (bytes: Buffer): boolean => bytes.length > 4 && bytes.length >= 4 + bytes.readInt32BE()

/** Asks once with the fault, then once more on the same connection; gives what came of each, and the client. */
async function play (t: Test, fault: Fault): Promise<{ double: BrokerDouble, one: Client, first: Buffer }> {
  const { double, client } = await open(t)
  const playing = double.script({ api: 'ApiVersions' }, fault)
  const one = client()
  one.ask(apiVersions, 0)
  await playing.played()
  const first = await one.until(whole)
  t.equal(playing.count, 1)
  const other = client()
  other.ask(apiVersions, 0)
  t.equal((await other.answer()).readInt16BE(4), 0, 'it is played once')
  t.same(double.requests.map(({ answered }) => answered), [true, true], 'in the end both have their answer')
  return { double, one, first }
}

t.test('an answer can be late', async t => {
  const startMs = performance.now()
  const { first } = await play(t, { lateMs: 120 })
  t.equal(first.readInt32BE(4), 1)
  t.ok(performance.now() - startMs >= 118)
})

t.test('an answer can drip', async t => {
  const { first, one } = await play(t, { drip: true })
  t.equal(first.readInt32BE(4), 1)
  t.ok(one.chunkCount > 5, `${one.chunkCount} pieces`)
})

t.test('a connection can end before, after and within an answer', async t => {
  for (const drop of ['before', 'after', 'inside'] as const) {
    const { double, client } = await open(t)
    double.script({ api: 'FindCoordinator' }, { drop })
    const one = client()
    one.ask(findCoordinator, 0, Buffer.from([0, 1, 65]))
    const bytes = await one.until(() => false)
    t.equal(one.closed, true)
    if (drop === 'inside') t.ok(bytes.length > 0 && bytes.length < frameBytes + bytes.readInt32BE())
    else t.equal(bytes.length, 0)
  }
})

t.test('a size can be a lie, and a correlation id another one', async t => {
  for (const size of [-1, 0x7fffffff]) {
    const { double, client } = await open(t)
    double.script({}, { frameBytes: size })
    const one = client()
    one.ask(apiVersions, 0)
    t.equal((await one.until(bytes => bytes.length > 4)).readInt32BE(), size)
  }
  const { double, client } = await open(t)
  double.script({}, { correlation: 'wrong' })
  const one = client()
  const asked = one.ask(apiVersions, 0)
  t.not((await one.answer()).readInt32BE(), asked)
})

t.test('a connection can lose its requests or its answers for good, others work', async t => {
  for (const silent of ['before', 'after'] as const) {
    const { double, client } = await open(t)
    const lost = double.script({ api: 'ApiVersions' }, { silent })
    const one = client()
    one.ask(apiVersions, 0)
    one.ask(3, 1, noTopics)
    await lost.played()
    if (silent === 'after') await double.seen({ api: 'Metadata' })
    const other = client()
    other.ask(apiVersions, 0)
    await other.answer()
    t.equal((await one.until(() => true)).length, 0)
    t.equal(one.closed, false)
    t.same(double.requests.map(({ api, answered }) => [api, answered]), silent === 'after'
      ? [['ApiVersions', false], ['Metadata', false], ['ApiVersions', true]]
      : [['ApiVersions', false], ['ApiVersions', true]])
  }
})

t.test('a connection can stand still and go on, while others work', async t => {
  const { double, client } = await open(t)
  const stalled = double.script({ api: 'Metadata' }, { stall: true })
  const one = client()
  one.ask(3, 1, noTopics)
  one.ask(apiVersions, 0)
  await stalled.played()
  const other = client()
  other.ask(apiVersions, 0)
  await other.answer()
  t.equal((await one.until(() => true)).length, 0)
  stalled.release()
  t.equal((await one.answer()).readInt32BE(), 1)
  t.equal((await one.answer()).readInt32BE(), 2)
})

t.test('a frozen broker takes connections and does nothing, and does it all once it is thawed', async t => {
  const { double, client } = await open(t)
  const before = client()
  before.ask(apiVersions, 0)
  await before.answer()
  double.freeze(0)
  const after = client()
  for (const one of [before, after]) one.ask(3, 1, noTopics)
  // Had it been read, it would have been by the time a third connection is there.
  client()
  await until(() => double.connectionCount(0) === 3, { timeoutMs: 5_000, what: () => 'a third connection' })
  t.equal(double.requests.length, 1)
  double.thaw(0)
  await Promise.all([before.answer(), after.answer()])
  t.equal(double.requests.length, 3)
})

t.test('a broker that is down refuses, and is back at its port', async t => {
  const { double, client } = await open(t)
  const one = client()
  one.ask(apiVersions, 0)
  await one.answer()
  await double.takeDown(0)
  await one.until(() => false)
  const refused = client()
  await refused.until(() => false)
  t.equal(refused.closed, true)
  await double.bringUp(0)
  const again = client()
  again.ask(apiVersions, 0)
  t.equal((await again.answer()).readInt16BE(4), 0)
})

t.test('an error is answered where it is meant, and a pause asked for', async t => {
  const { double, client } = await open(t, { topics: { orders: {}, other: {} } })
  double.script({ api: 'Metadata', topic: 'other' }, { error: 29 })
  double.script({ api: 'Metadata' }, { throttleMs: 70 })
  const one = client()
  one.ask(3, 3, Buffer.from([255, 255, 255, 255]))
  const answer = await one.answer()
  t.equal(answer.readInt32BE(4), 70)
  const codeBefore = (name: string): number => answer.readInt16BE(answer.indexOf(name) - 4)
  t.same([codeBefore('orders'), codeBefore('other')], [0, 29])
})

t.test('who waits for what does not come is told', async t => {
  const { double } = await open(t)
  await t.rejects(double.script({}, { drip: true }).played(1, 30), /drip.*1 times/)
  t.throws(() => double.moveLeader('nowhere', 0, 0), /no partition 0 of topic nowhere/)
  t.throws(() => double.freeze(4), /no broker 4/)
})

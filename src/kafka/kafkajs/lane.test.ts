// A lane tells the truth about every ticket, whatever its attempts come to.

import t from 'tap'
import type { Test } from 'tap'
import type { Outcome } from '../../contract/outcome.ts'
import { Ledger } from './batch.ts'
import type { Entry } from './batch.ts'
import type { ProducerLink, Sent } from './driver.ts'
import { Lane } from './lane.ts'
import type { LaneHost } from './lane.ts'

interface Call {
  readonly link: number
  readonly values: readonly string[]
  readonly mayWrite: () => boolean
  readonly end: (sent: Sent) => void
}

/** A deadline that does not come by itself. */
const later = performance.now() + 3_600_000
const unanswered: Sent = { kind: 'unanswered', error: new Error('lost') }
const unsent: Sent = { kind: 'unsent', error: new Error('refused') }
const answered = (code: number): Sent => ({ kind: 'answered', code, error: new Error('no') })
const written = (offset?: number): Sent => ({ kind: 'written', offset })

/** A lane on links that do nothing but wait for the test to end their calls. */
class Stage implements LaneHost {
  readonly ledger = new Ledger()
  readonly batchBytesMax = 1_000
  deliveryTimeoutMs = 30_000
  readonly calls: Call[] = []
  readonly retired: string[] = []
  readonly told = new Map<number, string>()
  readonly lane = new Lane(4, this)
  #link = 0
  #links = new Map<ProducerLink, number>()
  #current: ProducerLink | undefined

  producer (): ProducerLink {
    const number = this.#link
    this.#current ??= {
      spoiled: false,
      send: (_partition, records, mayWrite) => new Promise((resolve) => {
        this.calls.push({ link: number, values: records.map((each) => String(each.value)), mayWrite, end: resolve })
      }),
      close: async () => {}
    }
    this.#links.set(this.#current, number)
    return this.#current
  }

  release (): void {}
  retire (link: ProducerLink, why: string): void {
    if (link !== this.#current) return
    this.retired.push(why)
    this.#current = undefined
    this.#link++
  }

  turn (lane: Lane): void { lane.run() }
  turnOver (): void {}
  linger (lane: Lane): void { lane.lingered() }
  failed (): void {}

  settle (ticket: number, outcome: Outcome): void {
    if (this.told.has(ticket)) throw new Error(`ticket ${ticket} twice`)
    this.told.set(ticket, 'code' in outcome ? outcome.code : `${outcome.partition}@${outcome.offset}`)
  }

  push (ticket: number, deadlineMs = 0, bytes = 10): void {
    const value = Buffer.from(String(ticket))
    const record = { topic: 't', key: null, value, headers: [], timestampMs: 1, id: 'i', source: 's' }
    const entry: Entry = { record, settler: this, ticket, deadlineMs, bytes, settled: false }
    this.ledger.take(entry)
    this.lane.push(entry)
  }

  /** The call of that number, once it was made. */
  async call (number: number): Promise<Call> {
    for (;;) {
      const call = this.calls[number]
      if (call !== undefined) return call
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
  }

  async end (number: number, sent: Sent, left = sent.kind !== 'unsent'): Promise<readonly string[]> {
    const call = await this.call(number)
    if (left) call.mayWrite()
    call.end(sent)
    await new Promise(setImmediate)
    return call.values
  }

  tells (t: Test, expected: Readonly<Record<number, string>>): void {
    t.same(Object.fromEntries(this.told), expected)
  }
}

t.test('records that come while a batch is under way make the next one, and offsets count up', async (t) => {
  const stage = new Stage()
  stage.push(0)
  stage.push(1)
  stage.push(2)
  t.same(await stage.end(0, written(40)), ['0'])
  t.same(await stage.end(1, written(41)), ['1', '2'])
  stage.tells(t, { 0: '4@40', 1: '4@41', 2: '4@42' })
  t.equal(stage.ledger.heldBytes, 0)
  t.equal(stage.ledger.openCount, 0)
  t.ok(stage.lane.idle)
})

t.test('after a lost answer the very same batch goes again before anything else, under the same identity', async (t) => {
  const stage = new Stage()
  stage.push(0)
  stage.push(1)
  t.same(await stage.end(0, unanswered), ['0'])
  t.same(await stage.end(1, unanswered), ['0'])
  stage.push(2)
  t.same(await stage.end(2, written(7)), ['0'])
  t.same(await stage.end(3, written(8)), ['1', '2'])
  stage.tells(t, { 0: '4@7', 1: '4@8', 2: '4@9' })
  t.same(stage.calls.map((call) => call.link), [0, 0, 0, 0])
})

t.test('a batch that never left is refused at its deadline and must not leave after', async (t) => {
  const stage = new Stage()
  stage.push(0, later)
  const call = await stage.call(0)
  stage.lane.sweep(later - 1)
  stage.tells(t, {})
  stage.lane.sweep(later + 1)
  stage.tells(t, { 0: 'sink-unavailable' })
  t.equal(call.mayWrite(), false)
  await stage.end(0, unsent)
  t.ok(stage.ledger.heldBytes === 0, 'its bytes are given back')
})

t.test('a batch that left is unknown at its deadline, and its bytes are held until the broker answers', async (t) => {
  const stage = new Stage()
  stage.push(0, later)
  ;(await stage.call(0)).mayWrite()
  stage.push(1, later)
  stage.lane.sweep(later + 1)
  stage.tells(t, { 0: 'delivery-timeout', 1: 'sink-unavailable' })
  t.equal(stage.ledger.heldBytes, 10)
  await stage.end(0, unanswered)
  t.same(await stage.end(1, written(0)), ['0'], 'it is still tried')
  t.equal(stage.ledger.heldBytes, 0)
})

t.test('a definite refusal refuses; after a lost answer it leaves the batch unknown and ends the identity', async (t) => {
  const first = new Stage()
  first.push(0)
  await first.end(0, answered(29))
  first.tells(t, { 0: 'undeliverable' })
  t.same(first.retired, [])
  const second = new Stage()
  second.push(0)
  await second.end(0, unanswered)
  await second.end(1, answered(29))
  second.tells(t, { 0: 'delivery-timeout' })
  t.equal(second.retired.length, 1)
  second.push(1)
  t.equal((await second.call(2)).link, 1)
})

t.test('an answer that leaves it open is tried again as the same batch', async (t) => {
  const stage = new Stage()
  stage.push(0)
  await stage.end(0, answered(20))
  stage.push(1)
  t.same(await stage.end(1, written(3)), ['0'])
  stage.tells(t, { 0: '4@3' })
})

t.test('a batch that is too large is split until the one that is too large stands alone', async (t) => {
  const stage = new Stage()
  stage.push(9)
  for (let i = 0; i < 4; i++) stage.push(i)
  await stage.end(0, written(0))
  t.same(await stage.end(1, answered(10)), ['0', '1', '2', '3'])
  t.same(await stage.end(2, answered(10)), ['0', '1'])
  t.same(await stage.end(3, answered(10)), ['0'])
  t.same(await stage.end(4, written(1)), ['1'])
  t.same(await stage.end(5, written(2)), ['2', '3'])
  stage.tells(t, { 9: '4@0', 0: 'undeliverable', 1: '4@1', 2: '4@2', 3: '4@3' })
})

t.test('broken sequence numbers at a first attempt mean a new identity and the same records', async (t) => {
  for (const code of [45, 46, 47, 59]) {
    const stage = new Stage()
    stage.push(0)
    await stage.end(0, answered(code))
    t.same(await stage.end(1, written(5)), ['0'])
    t.same(stage.calls.map((call) => call.link), [0, 1], String(code))
    stage.tells(t, { 0: '4@5' })
  }
})

t.test('a duplicate after a lost answer is written, at an offset that Kafka no longer knows', async (t) => {
  const stage = new Stage()
  stage.push(0)
  await stage.end(0, unanswered)
  await stage.end(1, answered(46))
  stage.tells(t, { 0: '4@undefined' })
  t.same(stage.retired, [])
})

t.test('out of order after a lost answer stays unknown', async (t) => {
  const stage = new Stage()
  stage.push(0)
  await stage.end(0, unanswered)
  await stage.end(1, answered(45))
  stage.tells(t, { 0: 'delivery-timeout' })
  t.equal(stage.retired.length, 1)
})

t.test('a batch nobody waits for is given up after the delivery timeout, with its identity', async (t) => {
  const stage = new Stage()
  stage.deliveryTimeoutMs = 0
  stage.push(0, performance.now() - 1)
  stage.push(1)
  const call = await stage.call(0)
  t.same(call.values, ['1'], 'what is late before it is sent is not sent')
  call.mayWrite()
  stage.push(2)
  await stage.end(0, unanswered)
  t.same((await stage.call(1)).values, ['1'], 'one that somebody waits for goes on')
  stage.lane.close({ outcome: 'refused', code: 'shutting-down', detail: '', pointer: undefined, retryAfterMs: undefined })
  stage.tells(t, { 0: 'sink-unavailable', 1: 'delivery-timeout', 2: 'shutting-down' })
  await stage.end(1, unanswered)
  t.equal(stage.retired.length, 1)
  t.equal(stage.ledger.heldBytes, 0)
})

t.test('batches stay within their bytes; a larger record goes alone', async (t) => {
  const stage = new Stage()
  stage.push(0)
  for (const [ticket, bytes] of [[1, 600], [2, 600], [3, 5_000], [4, 100]] as const) stage.push(ticket, 0, bytes)
  const sizes: number[] = []
  for (let i = 0; i < 5; i++) sizes.push((await stage.end(i, written(i))).length)
  t.same(sizes, [1, 1, 1, 1, 1])
  t.equal(stage.ledger.queuedCount, 0)
})

t.test('a topic that is gone refuses what is not sent and leaves alone what is', async (t) => {
  const stage = new Stage()
  stage.push(0)
  ;(await stage.call(0)).mayWrite()
  stage.push(1)
  stage.lane.refuseUnsent({ outcome: 'refused', code: 'undeliverable', detail: '', pointer: undefined, retryAfterMs: undefined })
  stage.tells(t, { 1: 'undeliverable' })
  await stage.end(0, written(2))
  stage.tells(t, { 1: 'undeliverable', 0: '4@2' })
})
